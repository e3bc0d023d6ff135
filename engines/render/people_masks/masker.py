"""Masks of the people of a clip, in chunks of any length."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ...body.bodies import Bodies
from ...errors import InputError
from ...geometry.morphology import grow_labels
from ...geometry.placement import Size, scale_and_shift
from ...head.heads import Heads
from ...pose.poses import Poses
from ...sequence import state_type
from ...video.cuts import check_cuts
from .choices import FRONTS
from .held import Held, Sightings
from .hulls import Hulls, Spans
from .labels import CODES, Labels
from .limbs import figures
from .paint import paint_bodies, paint_spans
from .people import NODE, Found, People, check_found, people_in, tracked
from .skulls import skulls

# Pixels times people that are painted in one go.
_AT_ONCE = {"cpu": 2**22, "cuda": 2**27}
_OTHER_DEVICES = 2**24
_TALL = 1.65  # m, of the mannequin's size 1: brings bodies into the order of the others
FIRST = 2  # people whose first masks are kept


@state_type()
@dataclass(frozen=True)
class MaskState:
    """What is known at the end of a chunk.

    frames:  how many there were
    size:    height and width of the masks
    given:   by input, whether there are tracks; None: nobody yet
    several: whether there were several people without tracks
    held:    what may stay
    tracks:  of those who are asked for and seen, in the order of their numbers
    since:   the frame in which each of them is first seen
    seen:    how many frames each of them is seen in
    others:  tracks of those who are not asked for, ascending
    first:   [n,H,W] bool, the masks of the first two where they are first seen
    initial: [n,H,W] bool, the masks in frame 0 of those who are seen there, in their order
    """

    frames: int = 0
    size: Size = (0, 0)
    given: Mapping[str, bool | None] = field(default_factory=dict)
    several: bool = False
    held: Held | None = None
    tracks: tuple[int, ...] = ()
    since: tuple[int, ...] = ()
    seen: tuple[int, ...] = ()
    others: tuple[int, ...] = ()
    first: Tensor | None = None
    initial: Tensor | None = None


@dataclass
class Masker:
    """Find the masks of people in successive chunks of a clip.

    size:     height, width of the masks; None: as the frames
    fit:      how the frames are brought to it; see `scale_and_shift`
    wanted:   tracks to make masks of; the others only hide them. None: all
    margin:   added to the radii of limbs and heads, in parts of them; not to surfaces of bodies
    grow:     px on every side, negative shrinks
    hold:     frames for which a mask stays where a person is not found, behind everybody else
    in_front: size: who appears larger hides others. lower: whose lowest point is lower does.
              Surfaces of bodies hide each other by their depth
    state:    at the end of the chunk before
    """

    size: Size | None = None
    fit: str = "stretch"
    wanted: Collection[range] | None = None
    margin: float = 0.0
    grow: int = 0
    hold: int = 0
    in_front: str = "size"
    state: MaskState = field(default_factory=MaskState)

    def update(
        self,
        found: Mapping[str, Found],
        new_shot: Tensor | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Labels:
        """Return who is seen where in the next frames.

        found:    poses, heads and bodies in them, any of these; of who has a body, its surface is
                  the mask, of others limbs and head
        new_shot: [F] bool, frames that begin another scene, or None
        progress: called with the number of frames done since the last call

        Raises `InputError` for nothing, for other frames, for animals, for people without tracks
        (see `tracked`), for more than 255 in a frame, and for an unknown `in_front`.
        """
        check_found(found)
        if self.in_front not in FRONTS:
            raise InputError(
                f"in_front: expected one of {', '.join(FRONTS)}, found {self.in_front[:40]!r}"
            )
        one = next(iter(found.values()))
        found = {name: each.to(one.device) for name, each in found.items()}
        check_cuts(new_shot, len(one))
        alone = len(one) == 1 and self.state.frames == 0
        given = tracked(found, self.state.given, alone=alone and not self.state.several)
        most = sum(int(each.count.max()) if len(each) else 0 for each in found.values())
        untracked = any(has is False for has in given.values())
        if self.state.several and untracked:
            raise InputError(
                f"{NODE}: expected people with tracks where there are several; put Track Poses "
                f"before {NODE}"
            )
        size = self.size or one.canvas
        self.state = replace(
            self.state, given=given, several=untracked and most > len(found), size=size
        )
        limit = _AT_ONCE.get(one.device.type, _OTHER_DEVICES)
        step = max(1, limit // (size[0] * size[1] * max(1, most)))
        parts = []
        for start in range(0, len(one), step):
            stop = min(start + step, len(one))
            here = {name: each.slice(start, stop) for name, each in found.items()}
            shot = None if new_shot is None else new_shot[start:stop]
            parts.append(self._some(here, shot, size))
            if progress is not None:
                progress(stop - start)
        return Labels.cat(parts)

    def _some(self, found: Mapping[str, Found], new_shot: Tensor | None, size: Size) -> Labels:
        """Return who is seen in a few frames."""
        state = self.state
        people = people_in(found)
        shapes = self._shapes(found, people, size)
        there = shapes.there
        frame, track = people.frame[there], people.track[there]
        frames = len(next(iter(found.values())))
        sightings = Sightings.of(frame, track, frames, state.held, self.hold, new_shot)
        lost = sightings.lost.sum(1)
        rank, most = _ranks(people.frame, shapes.front, there, frames)
        if int((most + lost).max()) >= CODES:
            raise InputError(
                f"{NODE}: expected up to {CODES - 1} people in a frame, found "
                f"{int((most + lost).max())}; keep fewer with Filter Poses"
            )
        code = rank + lost[people.frame]
        codes = (sightings.lost.cumsum(1) * sightings.lost).long()  # [F,T], who stays first
        codes[frame, torch.searchsorted(sightings.tracks, track)] = code[there]
        painted = paint_spans(shapes.spans, people.frame, rank, lost, size)
        bodies = found.get("bodies")
        if isinstance(bodies, Bodies):
            surfaces = paint_bodies(bodies, code[people.found["bodies"]], size, self.fit)
            painted = torch.maximum(painted, surfaces)
        sightings.put(painted, codes, state.held)
        held = sightings.after(painted, codes, state.held)
        painted = grow_labels(painted, self.grow)
        self.state = replace(state, held=held)
        return self._numbered(painted, codes, sightings)

    def _shapes(self, found: Mapping[str, Found], people: People, size: Size) -> "_Shapes":
        """Return what people are drawn as."""
        one = next(iter(found.values()))
        count, device = len(people.frame), people.frame.device
        scale, shift = scale_and_shift(one.canvas, size, self.fit)
        front = torch.zeros(count, device=device)
        solid = torch.zeros(count, dtype=torch.bool, device=device)
        hulls = []
        for name, each in found.items():
            number = people.found[name]
            if isinstance(each, Bodies):
                solid[number] = True
                away = each.translation[each.present][:, 2].abs().clamp(min=1e-6)
                frame = people.frame[number]
                lens = each.camera.fy.to(device).expand(len(each))[frame]
                near = _lowest(each) if self.in_front == "lower" else lens * _TALL / away
            else:
                drawn = (
                    skulls(each, self.margin)
                    if isinstance(each, Heads)
                    else figures(each, self.margin)
                )
                hulls.append(drawn.hulls(number))
                near = _lowest(each) if self.in_front == "lower" else drawn.height
            front[number] = torch.maximum(front[number], near.float().nan_to_num(0.0))
        drawable = solid.clone()
        spans = _no_spans(device)
        if hulls:
            flat = Hulls.cat(hulls).of_people(~solid)
            drawable[flat.person] = True
            spans = flat.placed(scale, shift).spans(size)
        return _Shapes(drawable, front, spans)

    def _numbered(self, painted: Tensor, codes: Tensor, sightings: Sightings) -> Labels:
        """Return the labels, after numbering who is first seen in these frames."""
        state, tracks = self.state, sightings.tracks.tolist()
        known = dict(zip(state.tracks, range(1, len(state.tracks) + 1), strict=True))
        asked = [self._wants(track) for track in tracks]
        fresh = [c for c, track in enumerate(tracks) if asked[c] and track not in known]
        since, first = list(state.since), [] if state.first is None else [state.first]
        kept = sum(len(masks) for masks in first)
        for track, frame, mask in _appearing(painted, codes, fresh, tracks):
            known[track] = len(known) + 1
            since.append(state.frames + frame)
            if kept < FIRST:
                first.append(mask[None])
                kept += 1
        column = [known.get(track, 0) if asked[c] else 0 for c, track in enumerate(tracks)]
        number = codes.new_zeros(len(codes), CODES)
        numbers = codes.new_tensor(column).expand_as(codes)
        number.scatter_(1, codes, torch.where(codes > 0, numbers, 0))
        number[:, 0] = 0
        seen = codes.new_zeros(len(known) + 1)
        seen.index_add_(0, numbers.flatten(), sightings.seen.flatten().long())
        before = (*state.seen, *[0] * (len(known) - len(state.seen)))
        labels = Labels(painted, number)
        initial = state.initial
        if state.frames == 0:
            everybody = torch.arange(1, len(known) + 1, device=painted.device)
            masks = labels.slice(0, 1).by_person(everybody)[0]
            initial = masks[masks.flatten(1).any(1)]
        others = {track for c, track in enumerate(tracks) if not asked[c]}
        self.state = replace(
            state,
            frames=state.frames + len(painted),
            tracks=tuple(known),
            since=tuple(since),
            seen=tuple(a + b for a, b in zip(before, seen[1:].tolist(), strict=True)),
            others=tuple(sorted(others.union(state.others))),
            first=torch.cat(first) if first else None,
            initial=initial,
        )
        return labels

    def _wants(self, track: int) -> bool:
        return self.wanted is None or any(track in tracks for tracks in self.wanted)


@dataclass(frozen=True)
class _Shapes:
    """there: [N] bool, who can be drawn; front: [N], higher in front of lower; spans: of those who
    have no surface."""

    there: Tensor
    front: Tensor
    spans: Spans


def _no_spans(device: torch.device) -> Spans:
    none = torch.zeros(0, dtype=torch.int64, device=device)
    return Spans(none, none, none, none)


def _ranks(frame: Tensor, front: Tensor, there: Tensor, frames: int) -> tuple[Tensor, Tensor]:
    """Return the place of people [N] among those of their frame, from 1 for who is behind all
    others, 0 for who is not there; and how many are there [F]."""
    by_front = front.argsort(stable=True)
    order = by_front[frame[by_front].argsort(stable=True)]
    order = order[there[order]]
    count = torch.zeros(frames, dtype=torch.int64, device=frame.device)
    count.index_add_(0, frame[order], torch.ones_like(order))
    begins = count.cumsum(0) - count
    rank = torch.zeros_like(frame)
    rank[order] = torch.arange(len(order), device=frame.device) - begins[frame[order]] + 1
    return rank, count


def _lowest(found: Found) -> Tensor:
    """Return how far down [n] px those who are present reach: joints that are seen, or boxes."""
    at = found.present.nonzero(as_tuple=True)
    bottom = found.boxes[at][:, 3].float()
    if not isinstance(found, Poses):
        return bottom
    seen = found.confidence[at] > 0
    low = torch.where(seen, found.keypoints[at][..., 1].float(), -torch.inf).amax(1)
    return torch.where(seen.any(1), low, bottom)


def _appearing(
    painted: Tensor, codes: Tensor, columns: list[int], tracks: list[int]
) -> list[tuple[int, int, Tensor]]:
    """Return track, frame and mask [H,W] of those of some columns who are seen for the first time,
    in the order of these frames and in a frame from left to right, by the middles of masks."""
    if not columns:
        return []
    at = torch.tensor(columns, device=codes.device)
    code = torch.where(codes[:, at] > 0, codes[:, at], -1)[..., None, None]
    masks = painted[:, None] == code  # [F,C,H,W]
    area = masks.sum((2, 3))
    seen = area > 0
    frame = seen.to(torch.uint8).argmax(0)  # [C]
    first = masks[frame, torch.arange(len(at), device=at.device)]  # [C,H,W]
    x = torch.arange(painted.shape[2], device=at.device, dtype=torch.float64)
    middle = (first.sum(1) * x).sum(1) / first.sum((1, 2)).clamp(min=1)
    rows = zip(frame.tolist(), middle.tolist(), columns, seen.any(0).tolist(), strict=True)
    order = sorted((f, m, tracks[c], n) for n, (f, m, c, some) in enumerate(rows) if some)
    return [(track, f, first[n]) for f, _, track, n in order]
