"""Which triangle is seen at each sample of the pictures.

Cost follows what the triangles cover, not the pictures: every triangle is turned into spans, every
span into samples, in ragged tensors without a loop over frames, instances or triangles. Memory is
held for the extent of what is drawn in each row of pixels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from ...geometry.placement import Size
from .clip import clip
from .columns import columns
from .soup import Soup
from .spans import pixel_of, spans_of

# Samples of triangles that are compared in one go.
_SAMPLES_AT_ONCE = {"cpu": 2**22, "cuda": 2**26}
_OTHER_DEVICES = 2**23
_ROW = 2**32 - 1  # the lower half of a key


@dataclass(frozen=True)
class Hits:
    """What is seen at H samples of N per pixel.

    slot:     [H] int64, the sample's number: pixel * N + sample, with pixels of `Raster.pixels`
    key:      [H] int64, greater for what is nearer
    source:   [H] int64, the triangle in the soup
    triangle: [H] int64, the triangle among those that were drawn
    weights:  [3,H] of the source's corners, perspective-correct; their sum is 1
    depth:    [H] z, the distance from the camera's plane
    """

    slot: Tensor
    key: Tensor
    source: Tensor
    triangle: Tensor
    weights: Tensor
    depth: Tensor

    def at(self, which: Tensor) -> "Hits":
        """Return the hits at `which`, a mask or indices."""
        return Hits(**{name: values[..., which] for name, values in vars(self).items()})

    @classmethod
    def cat(cls, parts: "Sequence[Hits]") -> "Hits":
        """Return the hits of several, at least one, which are at different samples."""
        rows = [vars(part) for part in parts]
        return cls(**{name: torch.cat([row[name] for row in rows], -1) for name in rows[0]})


class Raster:
    """The triangles of a soup, projected and cut into spans, for pictures [F,H,W].

    pixels: [P] int64, the places in the flattened pictures that something may be drawn in
    areas:  [K] px², of every triangle that was drawn
    turned: [K] bool, whether it is seen from behind
    two_sided: whether any of those are drawn
    """

    def __init__(self, soup: Soup, frames: int, size: Size, samples: int) -> None:
        """Prepare the spans. samples: of each pixel, one of `PATTERNS`."""
        self.samples = samples
        self._soup = soup
        self._clipped = clip(soup)
        corners, across = self._clipped.corners, self._clipped.across
        source = self._clipped.source
        self.areas = (across.abs() / 2).float()
        self.turned = across > 0
        self._planes = _planes(corners, across)
        self._spans = spans_of(corners, soup.frame.index_select(0, source), size, samples)
        self._starts = self._extent(frames, size)
        self.two_sided = not all(soup.culled_parts)
        self._occluders = not all(soup.shown_parts)
        if self._occluders:
            shown = soup.shown.index_select(0, soup.part.index_select(0, source))
            self._shown = shown.index_select(0, self._spans.triangle)

    def _extent(self, frames: int, size: Size) -> Tensor:
        """Number the pixels between the first and the last that is covered in each row."""
        height, width = size
        spans, device = self._spans, self._spans.row.device
        low = torch.full((frames * height,), width, device=device)
        high = torch.zeros_like(low)
        empty = spans.count == 0
        low.scatter_reduce_(0, spans.row, spans.first.masked_fill(empty, width), "amin")
        high.scatter_reduce_(
            0, spans.row, (spans.first + spans.count).masked_fill(empty, 0), "amax"
        )
        extent = (high - low).clamp(min=0)
        ends = extent.cumsum(0)
        covered, self._total = torch.stack([ends[-1], spans.count.sum()]).tolist()
        row = torch.repeat_interleave(extent, output_size=covered)
        start = ends - extent - low  # of column 0, if the row reached it
        place = torch.arange(len(low), device=device) * width - start
        self.pixels = torch.arange(covered, device=device) + place.index_select(0, row)
        return start.index_select(0, spans.row)

    def nearest(self, behind: Tensor | None = None) -> Hits:
        """Return what is seen at the samples, or what is behind that.

        behind: [P * N] int64 of `Hits.key` at the samples where to look behind it, else 0

        An occluder hides what lies behind it. Of surfaces at one place the triangle that comes
        last is on top.
        """
        keys = self.no_keys()
        for slot, key in self._fragments():
            if behind is not None:
                key.masked_fill_(key >= behind.index_select(0, slot), 0)
            keys.scatter_reduce_(0, slot, key, "amax")
        slot = (keys > 0).nonzero().squeeze(1)
        span = keys.index_select(0, slot) & _ROW
        if self._occluders:
            shown = self._shown.index_select(0, span).nonzero().squeeze(1)
            slot, span = slot[shown], span[shown]
        return self._hits(slot, span, keys)

    def no_keys(self) -> Tensor:
        """Return [P * N] zeros, for `nearest`."""
        return torch.zeros(
            len(self.pixels) * self.samples, dtype=torch.int64, device=self.pixels.device
        )

    def _fragments(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield slots [M] and keys [M] of what triangles cover.

        A key has 1 / z in its upper half, as the bits of a positive float32, which sort like the
        number, and the span in its lower half. The greatest key of a slot is the nearest.
        """
        spans, samples = self._spans, self.samples
        device = spans.row.device
        at_once = _SAMPLES_AT_ONCE.get(device.type, _OTHER_DEVICES)
        ends = spans.count.cumsum(0)
        starts = ends - spans.count
        # The slot of a span's sample: base + its number among all of them, times N.
        base = (self._starts + spans.first - starts) * samples + spans.line
        w0, wx, wy = columns(self._planes[:3], spans.triangle)
        begin = w0.addcmul_(wx, spans.x).addcmul_(wy, spans.y)
        table = torch.stack([begin.float(), wx.float()])
        cuts = [0, len(spans.count)]
        if self._total > at_once:
            marks = torch.arange(at_once, self._total, at_once, device=device)
            cuts = [0, *(torch.searchsorted(ends, marks) + 1).tolist(), len(spans.count)]
        for one, other in pairwise(cuts):
            count = spans.count[one:other]
            before = 0 if one == 0 else int(ends[one - 1])
            total = self._total if len(cuts) == 2 else int(count.sum())
            span = torch.repeat_interleave(count, output_size=total)
            if one:
                span += one
            number = torch.arange(before, before + total, device=device)
            begins, steps = columns(table, span)
            column = (number - starts.index_select(0, span)).float()
            nearness = torch.addcmul(begins, steps, column)
            key = nearness.view(torch.int32).long().bitwise_left_shift_(32).bitwise_or_(span)
            yield number.mul_(samples).add_(base.index_select(0, span)), key

    def _hits(self, slot: Tensor, span: Tensor, keys: Tensor) -> Hits:
        spans = self._spans
        triangle = spans.triangle.index_select(0, span)
        column = pixel_of(slot, self.samples) - (self._starts + spans.first).index_select(0, span)
        planes = columns(self._planes, triangle).view(3, 3, -1)
        x, y = spans.x.index_select(0, span).add_(column), spans.y.index_select(0, span)
        w, b, c = planes[:, 0].addcmul_(planes[:, 1], x).addcmul_(planes[:, 2], y)
        z = w.reciprocal()
        b, c = b * z, c * z
        weights = torch.stack([1 - b - c, b, c]).float()
        clipped = self._clipped
        if len(clipped.weights):
            cut = (triangle >= clipped.whole).nonzero().squeeze(1)
            of = clipped.weights[triangle[cut] - clipped.whole]
            weights[:, cut] = (weights[:, cut].T[:, :, None] * of).sum(1).T
        source = clipped.source.index_select(0, triangle)
        return Hits(slot, keys.index_select(0, slot), source, triangle, weights, z.float())


def _planes(corners: Tensor, across: Tensor) -> Tensor:
    """Return [9,K]: of 1 / z the value at the picture's corner, and what it grows by along x and
    along y; then the same of the second and of the third corner's weight, times 1 / z."""
    (x0, y0, w0), (_, _, w1), (_, _, w2) = corners
    one, other = corners[1:] - corners[:1]  # the edges from the first corner, [x y w,K]
    grow = torch.stack([other[1], -other[0], -one[1], one[0]]) / across
    by_b, by_c = grow[:2], grow[2:]  # [along x and y,K]
    grown = torch.stack([one[2] * by_b + other[2] * by_c, w1 * by_b, w2 * by_c])  # [3,2,K]
    zero = torch.zeros_like(w0)
    start = torch.stack([w0, zero, zero]) - x0 * grown[:, 0] - y0 * grown[:, 1]
    return torch.cat([start[:, None], grown], 1).flatten(0, 1)
