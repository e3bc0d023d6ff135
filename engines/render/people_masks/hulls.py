"""Convex hulls of discs, and the pixels that they cover in each row."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...geometry.placement import Size
from ..raster import ramp

_INFINITE = float("inf")


@dataclass(frozen=True)
class Hulls:
    """Convex hulls of discs, each by all pairs of its discs; a pair of one disc twice is that disc.

    hull:   [C] int64, the hull that a pair belongs to
    person: [C] int64, whose hull it is
    discs:  [C,2,3] x, y, radius px of the two discs
    """

    hull: Tensor
    person: Tensor
    discs: Tensor

    @classmethod
    def of(cls, discs: Tensor, seen: Tensor, person: Tensor, table: "HullTable") -> "Hulls":
        """Return the hulls of N people whose discs [N,D,3] are `seen` [N,D].

        person: [N] int64, the numbers of the people
        table:  which discs make hulls; discs that are not seen are left out of theirs
        """
        seen = seen & discs.isfinite().all(-1) & (discs[..., 2] > 0)
        first, second, hull = (column.to(discs.device) for column in table.pairs)
        which, pair = (seen[:, first] & seen[:, second]).nonzero(as_tuple=True)
        ends = torch.stack([discs[which, first[pair]], discs[which, second[pair]]], 1)
        return cls(which * table.count + hull[pair], person[which], ends)

    @classmethod
    def cat(cls, parts: "list[Hulls]") -> "Hulls":
        """Return the hulls of several, at least one, as one."""
        begin, hulls = 0, []
        for part in parts:
            hulls.append(part.hull + begin)
            begin += int(part.hull.max()) + 1 if len(part.hull) else 0
        return cls(
            torch.cat(hulls),
            torch.cat([part.person for part in parts]),
            torch.cat([part.discs for part in parts]),
        )

    def of_people(self, keep: Tensor) -> "Hulls":
        """Return the hulls of the people for whom `keep` [N] is true."""
        kept = keep[self.person].nonzero()[:, 0]
        return replace(self, hull=self.hull[kept], person=self.person[kept], discs=self.discs[kept])

    def placed(self, scale: tuple[float, float], shift: tuple[float, float]) -> "Hulls":
        """Return the hulls on another canvas; see `scale_and_shift`.

        Where the sides are scaled differently, radii are by the geometric mean of both.
        """
        if (*scale, *shift) == (1.0, 1.0, 0.0, 0.0):
            return self
        by = (scale[1], scale[0], (scale[0] * scale[1]) ** 0.5)
        at = self.discs * self.discs.new_tensor(by)
        return replace(self, discs=at + at.new_tensor([shift[1], shift[0], 0.0]))

    def spans(self, size: Size) -> "Spans":
        """Return the pixels of pictures of `size` (height, width) whose middles lie in the hulls.

        The leftmost and the rightmost point of a convex hull of discs in a row lie on one of the
        discs or on a tangent that two of them share, so that all pairs together bound it.
        """
        height, width = size
        y, radius = self.discs[..., 1], self.discs[..., 2]  # [C,2]
        low, high = (y - radius).amin(1), (y + radius).amax(1)
        top = (low - 0.5).ceil().clamp(0, height).long()
        bottom = (high - 0.5).floor().clamp(-1, height - 1).long()
        rows = (bottom - top + 1).clamp(min=0)
        pair = torch.repeat_interleave(rows)
        y = ramp(rows) + top[pair]
        left, right = _extent(self._lines(), pair, y + 0.5)

        # Pairs of a hull meet in the rows of the hull.
        _, hull = self.hull.unique(return_inverse=True)
        count = int(hull.max()) + 1 if len(hull) else 0
        begins = top.new_full((count,), height).scatter_reduce_(0, hull, top, "amin")
        ends = top.new_full((count,), -1).scatter_reduce_(0, hull, bottom, "amax")
        lengths = (ends - begins + 1).clamp(min=0)
        start = lengths.cumsum(0) - lengths
        total = int(lengths.sum())
        place = (start - begins)[hull[pair]] + y
        least = left.new_full((total,), _INFINITE).scatter_reduce_(0, place, left, "amin")
        most = left.new_full((total,), -_INFINITE).scatter_reduce_(0, place, right, "amax")
        owner = self.person.new_zeros(count).scatter_(0, hull, self.person)
        of_row = torch.repeat_interleave(lengths, output_size=total)
        first = (least - 0.5).ceil().clamp(0, width).long()
        stop = (most - 0.5).floor().clamp(-1, width - 1).long() + 1
        some = (stop > first).nonzero()[:, 0]
        of_row = of_row[some]
        return Spans(
            person=owner[of_row],
            row=(ramp(lengths) + torch.repeat_interleave(begins, lengths))[some],
            first=first[some],
            stop=stop[some],
        )

    def _lines(self) -> Tensor:
        """Return [14,C]: the discs' x, y, squared radius, then of both tangents that they share x
        at the height 0, the slope x per y, and from where to where in y they reach."""
        a, b = self.discs.unbind(1)
        along = b[:, :2] - a[:, :2]
        length = (along[:, 0] ** 2 + along[:, 1] ** 2).sqrt()
        ratio = (a[:, 2] - b[:, 2]) / length.clamp(min=1e-6)
        apart = (length > 1e-6) & (ratio.abs() < 1)  # otherwise one disc holds the other
        unit = along / length.clamp(min=1e-6)[:, None]
        ratio = torch.where(apart, ratio, 0.0)[:, None]
        across = torch.stack([-unit[:, 1], unit[:, 0]], 1) * (1 - ratio**2).sqrt()
        rows = [a[:, 0], a[:, 1], a[:, 2] ** 2, b[:, 0], b[:, 1], b[:, 2] ** 2]
        for side in (across, -across):
            normal = unit * ratio + side
            one, two = (disc[:, :2] + disc[:, 2:] * normal for disc in (a, b))
            rise = two[:, 1] - one[:, 1]
            usable = apart & (rise.abs() > 1e-6)
            slope = (two[:, 0] - one[:, 0]) / torch.where(usable, rise, 1.0)
            low, high = torch.minimum(one[:, 1], two[:, 1]), torch.maximum(one[:, 1], two[:, 1])
            rows += [
                one[:, 0] - slope * one[:, 1],
                slope,
                torch.where(usable, low, _INFINITE),
                torch.where(usable, high, -_INFINITE),
            ]
        return torch.stack(rows)


@dataclass(frozen=True)
class HullTable:
    """Which of the discs of a person make hulls together.

    count: how many hulls
    pairs: first and second disc and hull of each pair, [C] int64 each
    """

    count: int
    pairs: tuple[Tensor, Tensor, Tensor]

    @classmethod
    def of(cls, *hulls: tuple[int, ...]) -> "HullTable":
        """Return the table for hulls of these discs; a hull of one disc is that disc."""
        rows = [
            (one, two, number)
            for number, discs in enumerate(hulls)
            for place, one in enumerate(discs)
            for two in (discs[place + 1 :] if len(discs) > 1 else discs)
        ]
        first, second, hull = torch.tensor(rows, dtype=torch.int64).unbind(1)
        return cls(len(hulls), (first, second, hull))


@dataclass(frozen=True)
class Spans:
    """R runs of pixels: row [R], and columns from `first` [R] up to but not including `stop` [R],
    of people [R], all int64."""

    person: Tensor
    row: Tensor
    first: Tensor
    stop: Tensor


def _extent(lines: Tensor, pair: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the least and the greatest x [R] of pairs [R] at the heights y [R]."""
    values = lines.index_select(1, pair)
    left = torch.full_like(y, _INFINITE)
    right = torch.full_like(y, -_INFINITE)
    for x0, y0, squared in (values[0:3], values[3:6]):
        room = squared - (y - y0) ** 2
        half = room.clamp(min=0).sqrt()
        left = torch.where(room >= 0, torch.minimum(left, x0 - half), left)
        right = torch.where(room >= 0, torch.maximum(right, x0 + half), right)
    for begin, slope, low, high in (values[6:10], values[10:14]):
        x = begin + slope * y
        within = (y >= low) & (y <= high)
        left = torch.where(within, torch.minimum(left, x), left)
        right = torch.where(within, torch.maximum(right, x), right)
    return left, right
