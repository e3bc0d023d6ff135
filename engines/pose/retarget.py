"""Retarget poses to another canvas, or to a body of other proportions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..errors import InputError
from ..geometry.boxes import centres, corners, from_corners
from ..geometry.placement import scale_and_shift
from ..tracking.gaps import filled_throughout
from ..words import counted, enumerated
from .choices import MATCHINGS
from .poses import Poses
from .skeletons import OPENPOSE_18, OPENPOSE_134, SKELETONS
from .tracks import Tracks, by_track, to_poses


def onto_canvas(poses: Poses, size: tuple[int, int], fit: str = "letterbox") -> Poses:
    """Map `poses` onto a canvas of `size` (height, width) px that the frames are fitted to.

    fit: each side by itself (stretch), whole with empty borders (letterbox), filled and cut (crop)
    """
    if min(size) < 1:
        raise InputError(f"size: expected at least 1x1, found {size[1]}x{size[0]}")
    (high, wide), (down, right) = scale_and_shift(poses.canvas, size, fit)
    scale = poses.keypoints.new_tensor([wide, high])
    shift = poses.keypoints.new_tensor([right, down])
    boxes = from_corners(corners(poses.boxes) * scale + shift)
    return replace(poses, keypoints=poses.keypoints * scale + shift, boxes=boxes, canvas=size)


# Limbs of OpenPose's body from the neck outwards: parent, child, and the child on the other
# side, whose length serves where one side is not seen.
_LIMBS = (
    *((1, 0, 0), (0, 14, 15), (0, 15, 14), (14, 16, 17), (15, 17, 16)),
    *((1, 2, 5), (1, 5, 2), (2, 3, 6), (5, 6, 3), (3, 4, 7), (6, 7, 4)),
    *((1, 8, 11), (1, 11, 8), (8, 9, 12), (11, 12, 9), (9, 10, 13), (12, 13, 10)),
)
_NUMBER = {child: number for number, (_, child, _) in enumerate(_LIMBS)}
_MIRRORED = [_NUMBER[mirror] for _, _, mirror in _LIMBS]
# Joints in the middle of two limbs, and the joint that follows.
_BENDS = {3: 4, 6: 7, 9: 10, 12: 13}
_EYES = {14: 16, 15: 17}
_NECK, _ANKLES = 1, (10, 13)
# Parts attached to a joint of the body, and the limb they grow with: part, joint, limb's child.
_HANGS = (
    ("left_hand", slice(None), 7, 7),
    ("right_hand", slice(None), 4, 4),
    ("feet", slice(0, 3), 13, 13),
    ("feet", slice(3, 6), 10, 10),
    ("face", slice(None), 0, 0),
)
# How large a person is, the best measure first: the distance between the middles of some joints.
_YARDSTICKS = (
    ("torso", (_NECK,), (8, 11)),
    ("shoulders", (2,), (5,)),
    ("head", (16,), (17,)),
    ("eyes", (14,), (15,)),
)
_LONGEST = 0.9  # quantile of a limb's lengths over a clip: foreshortened ones say nothing
# A limb, or a torso, that is shorter than this part of another length points to the camera.
_BY_MIRROR = 0.5  # of the same limb on the other side
_BY_NEIGHBOUR = 0.3  # of the other limb of the same arm or leg
_BY_SHOULDERS = 0.6  # of the shoulders' width: a torso
_FACTORS = (0.2, 5.0)  # least and greatest factor of a limb's length


@dataclass(frozen=True)
class Retargeted:
    """Poses with other proportions, and what is to be said about them.

    notes:    how people were measured if not by their torsos, limbs that were left out
    warnings: who keeps their proportions, and why
    """

    poses: Poses
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def with_proportions(
    poses: Poses, reference: Poses, *, strength: float = 1.0, matching: str = "first"
) -> Retargeted:
    """Give people the limb lengths of people in `reference`.

    Limbs keep their directions and take the reference's lengths. How large a person is in the
    picture does not change: it is measured by the torso, or by the shoulders or the head where the
    torso is not seen in both. Feet stay on the ground where they were. A limb that the reference
    does not show, or shows so short that it must point to the camera, takes the length of the other
    side, or keeps its own. Where a joint is not seen for some frames, what is attached
    to it keeps its track's factor.

    strength: 0 = as they are, 1 = the reference's proportions
    matching: who takes whose. first: all take those of the first person of the first frame that
              has anybody. order: the n-th person takes those of the n-th person of the reference,
              both counted frame by frame from left to right, a track once. track: those of the
              same track

    Only people with tracks are changed, as a limb's true length is the longest of a clip. Gives
    OpenPose's skeleton. Raises `InputError` where the reference shows nobody, or nobody whose size
    can be measured.
    """
    if not 0 <= strength <= 1:
        raise InputError(f"strength: expected 0..1, found {strength}")
    if matching not in MATCHINGS:
        raise InputError(f"matching: expected one of {', '.join(MATCHINGS)}, found {matching!r}")
    poses.need_people("poses")
    reference.need_people("reference")
    like = poses.as_openpose()
    tracks = by_track(like)
    models = _Models.of(reference.to(poses.device), matching)
    if not len(tracks.ids):
        return Retargeted(like)
    which = models.of_tracks(tracks, matching)  # [T], -1 = nobody
    given = which >= 0
    model = which.clamp(min=0)
    points, seen = _with_unseen(tracks)
    ours = _lengths(points, seen)  # [F,T,L]
    true = _either_side(_plausible(_longest(ours)))  # [T,L]
    own = _longest(_measures(points, seen))  # [T,Y]
    by, scale = _first_known(own / models.measures[model])
    ratio = models.lengths[model] * scale[:, None] / true
    measured = by < len(_YARDSTICKS)
    changed = given & measured
    ratio = torch.where(ratio.isfinite() & changed[:, None], ratio, 1.0).clamp(*_FACTORS)
    ratio = 1 + (ratio - 1) * strength  # [T,L]
    points = _on_the_line(points, seen, true)

    moved = points.clone()
    grown = torch.ones(*ratio.shape[:1], points.shape[2], device=points.device)
    for number, (parent, child, _) in enumerate(_LIMBS):  # outwards, seventeen limbs
        limb = points[:, :, child] - points[:, :, parent]
        moved[:, :, child] = moved[:, :, parent] + limb * ratio[:, number, None]
        grown[:, child] = ratio[:, number]
    if like.skeleton == OPENPOSE_134.name:
        for part, joints, hangs, limb_of in _HANGS:
            where = OPENPOSE_134.parts[part]
            index = range(where.start, where.stop)[joints]
            rest = points[:, :, index] - points[:, :, hangs, None]
            rest = rest * grown[None, :, limb_of, None, None]
            moved[:, :, index] = moved[:, :, hangs, None] + rest
    moved = moved + _to_the_ground(points, moved, seen.any(0))
    moved = torch.where(seen[..., None], moved, tracks.keypoints)
    boxes = _boxes(tracks.boxes, tracks.keypoints, moved, seen)
    return Retargeted(
        to_poses(replace(tracks, keypoints=moved, boxes=boxes), like),
        notes=(*_measured_by(tracks.ids, by, changed), *models.notes(model[changed])),
        warnings=tuple(_unchanged(tracks.ids, given, measured, len(models))),
    )


@dataclass(frozen=True)
class _Models:
    """The R people that give proportions.

    tracks:   [R] int64
    lengths:  [R,L] px of their limbs, NaN where not shown
    measures: [R,Y] px of their yardsticks, NaN where not shown
    short:    [R,L] bool: limbs that are shown, but too short to be true
    """

    tracks: Tensor
    lengths: Tensor
    measures: Tensor
    short: Tensor

    @classmethod
    def of(cls, reference: Poses, matching: str) -> "_Models":
        """Return the people of a reference. Raises `InputError` for one that cannot be used."""
        if not bool(reference.count.any()):
            raise InputError("reference: expected a person, found nobody in any frame")
        one = reference.as_openpose()
        body = SKELETONS[one.skeleton].parts["body"]
        frame, place = _in_order(one)
        if matching == "first":
            first = one.count.nonzero()[:1, 0]
            frame, place = first, torch.zeros_like(first)
        points, shown = one.keypoints[frame, place, body], one.confidence[frame, place, body] > 0
        lengths, measures = _lengths(points, shown), _measures(points, shown)
        plausible = _plausible(lengths)
        squat = measures[:, 0] < _BY_SHOULDERS * measures[:, 1]  # false where one is not known
        measures[:, 0] = torch.where(squat, torch.nan, measures[:, 0])
        measures = torch.where(measures > 0, measures, torch.nan)
        if not bool(measures.isfinite().any()):
            raise InputError(
                "reference: expected a person whose torso (neck and hips), shoulders or head is "
                "seen, found none"
            )
        short = lengths.isfinite() & plausible.isnan()
        return cls(one.track_ids[frame, place], _either_side(plausible), measures, short)

    def __len__(self) -> int:
        return len(self.tracks)

    def of_tracks(self, tracks: Tracks, matching: str) -> Tensor:
        """Return which of the people each track takes the proportions of, [T]; -1 = nobody."""
        count = len(tracks.ids)
        if matching == "first":
            return tracks.ids.new_zeros(count)
        if matching == "track":
            same = tracks.ids[:, None] == self.tracks
            return torch.where(same.any(1), same.int().argmax(1), -1)
        left = centres(tracks.boxes)[..., 0]
        first = tracks.present.int().argmax(0)  # [T] the frame in which each appears
        across = left[first, torch.arange(count, device=left.device)]
        order = across.argsort(stable=True)
        order = order[first[order].argsort(stable=True)]
        rank = order.argsort()
        return torch.where(rank < len(self), rank, -1)

    def notes(self, used: Tensor) -> list[str]:
        """Return what to say about limbs of those people that are used."""
        short = self.short[used.unique()].any(0)
        names = [OPENPOSE_18.joints[_LIMBS[n][1]].replace("_", " ") for n in short.nonzero()[:, 0]]
        if not names:
            return []
        return [
            f"reference: the limbs to {enumerated(names)} are foreshortened; the other side's "
            "length is taken, or the person's own"
        ]


def _in_order(poses: Poses) -> tuple[Tensor, Tensor]:
    """Return frame and place of people, frame by frame from left to right, every track once."""
    frame, place = poses.present.nonzero(as_tuple=True)
    across = centres(poses.boxes)[frame, place, 0]
    order = across.argsort(stable=True)
    order = order[frame[order].argsort(stable=True)]
    frame, place = frame[order], place[order]
    track = poses.track_ids[frame, place]
    before = (track[:, None] == track).tril(-1).any(1) & (track >= 0)
    return frame[~before], place[~before]


def _with_unseen(tracks: Tracks) -> tuple[Tensor, Tensor]:
    """Return keypoints [F,T,K,2] px, and whether seen [F,T,K].

    A joint of the body that is not seen is placed where it is expected: by its offset from its
    parent (the neck: from the middle of the box) in the frames before and after. Only what is
    attached to it uses that place.
    """
    seen = tracks.seen
    points = torch.where(seen[..., None], tracks.keypoints, 0.0)
    middle = centres(tracks.boxes)
    for parent, child in ((None, _NECK), *((parent, child) for parent, child, _ in _LIMBS)):
        origin = middle if parent is None else points[:, :, parent]
        offset = filled_throughout(points[:, :, child] - origin, seen[:, :, child])
        points[:, :, child] = torch.where(
            seen[:, :, child, None], points[:, :, child], origin + offset
        )
    return points, seen


def _on_the_line(points: Tensor, seen: Tensor, true: Tensor) -> Tensor:
    """Return the keypoints with elbows, knees and eyes that a track never shows on the straight
    line between the joints at both sides of them, as the lengths [T,L] divide it."""
    points = points.clone()
    parents = {child: parent for parent, child, _ in _LIMBS}
    for joint, after in (_BENDS | _EYES).items():
        start, end = points[:, :, parents[joint]], points[:, :, after]
        part = true[:, _NUMBER[joint]] / (true[:, _NUMBER[joint]] + true[:, _NUMBER[after]])
        part = torch.where(part.isfinite(), part, 0.5)[:, None]
        never = ~seen[:, :, joint].any(0)[:, None]
        points[:, :, joint] = torch.where(never, start + (end - start) * part, points[:, :, joint])
    return points


def _lengths(points: Tensor, seen: Tensor) -> Tensor:
    """Return the limb lengths [...,L] px of joints [...,K,2], NaN where an end is not seen."""
    parents, children = ([limb[end] for limb in _LIMBS] for end in (0, 1))
    length = (points[..., children, :] - points[..., parents, :]).norm(dim=-1)
    both = seen[..., children] & seen[..., parents]
    return torch.where(both, length, torch.nan)


def _measures(points: Tensor, seen: Tensor) -> Tensor:
    """Return the yardsticks [...,Y] px of joints [...,K,2], NaN where not seen."""
    found = []
    for _, start, end in _YARDSTICKS:
        length = (points[..., start, :].mean(-2) - points[..., end, :].mean(-2)).norm(dim=-1)
        found.append(torch.where(seen[..., [*start, *end]].all(-1), length, torch.nan))
    return torch.stack(found, -1)


def _longest(lengths: Tensor) -> Tensor:
    """Return a high quantile of the lengths over the frames, [F,T,L] -> [T,L]."""
    return lengths.float().nanquantile(_LONGEST, dim=0)


def _plausible(lengths: Tensor) -> Tensor:
    """Return the lengths [...,L] px, NaN where a limb is so short that it points to the camera."""
    short = lengths < _BY_MIRROR * lengths[..., _MIRRORED]
    for upper, lower in _BENDS.items():
        one, two = _NUMBER[upper], _NUMBER[lower]
        short[..., one] |= lengths[..., one] < _BY_NEIGHBOUR * lengths[..., two]
        short[..., two] |= lengths[..., two] < _BY_NEIGHBOUR * lengths[..., one]
    return torch.where(short, torch.nan, lengths)


def _either_side(lengths: Tensor) -> Tensor:
    """Return the lengths [...,L], with the other side's where one is missing."""
    return torch.where(lengths.isfinite(), lengths, lengths[..., _MIRRORED])


def _first_known(factors: Tensor) -> tuple[Tensor, Tensor]:
    """Return the index [T] of the first finite factor of [T,Y], Y where there is none, and the
    factor [T], NaN there."""
    known = factors.isfinite()
    first = known.int().argmax(1)
    factor = factors.gather(1, first[:, None])[:, 0]
    return torch.where(known.any(1), first, factors.shape[1]), factor


def _to_the_ground(before: Tensor, after: Tensor, ever: Tensor) -> Tensor:
    """Return the shift [F,T,1,2] px that brings the lower ankle back to where it was.

    ever: [T,K] joints that a track shows in some frame; 0 where it shows no ankle
    """
    shown = ever[:, _ANKLES]
    low_before = torch.where(shown, before[..., _ANKLES, 1], -torch.inf).amax(-1)
    low_after = torch.where(shown, after[..., _ANKLES, 1], -torch.inf).amax(-1)
    down = torch.where(shown.any(-1), low_before - low_after, 0.0)
    return torch.stack([torch.zeros_like(down), down], -1)[..., None, :]


def _boxes(boxes: Tensor, before: Tensor, after: Tensor, seen: Tensor) -> Tensor:
    """Return the boxes [F,T,4], grown as the extent of the joints has."""

    def extent(points: Tensor) -> Tensor:
        low = torch.where(seen[..., None], points, torch.inf).amin(2)
        high = torch.where(seen[..., None], points, -torch.inf).amax(2)
        return torch.cat([low, high], -1)

    change = extent(after) - extent(before)
    return boxes + torch.where(change.isfinite(), change, 0.0)


def _measured_by(ids: Tensor, by: Tensor, changed: Tensor) -> Iterable[str]:
    """Yield who was measured by what, if it is not the torso."""
    for number, (name, *_) in enumerate(_YARDSTICKS[1:], 1):
        if tracks := ids[changed & (by == number)].tolist():
            yield f"{_tracks(tracks)}: measured by the {name}, as the torso is not seen in both"


def _unchanged(ids: Tensor, given: Tensor, measured: Tensor, models: int) -> Iterable[str]:
    """Yield who keeps their proportions, and why."""
    if tracks := ids[~given].tolist():
        people = counted(models, "person", "people")
        yield f"{_tracks(tracks)}: nothing changed, as the reference shows {people}, none for them"
    if tracks := ids[given & ~measured].tolist():
        yield (
            f"{_tracks(tracks)}: nothing changed, as neither torso, shoulders nor head is seen "
            "both there and in the reference"
        )


def _tracks(ids: Sequence[int]) -> str:
    return f"track{'s' if len(ids) > 1 else ''} {enumerated(ids)}"
