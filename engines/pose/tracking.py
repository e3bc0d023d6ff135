"""Who is who from frame to frame."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ..errors import InputError
from ..sequence import state_type
from .oks import sigmas
from .poses import Poses

Floats = NDArray[np.float32]

# Between frames people move further than annotators disagree: OKS with sigmas of this many times.
_LOOSER = 3.0
_LEAST = 0.1  # similarity of what may be the same person
_OKS_PART = 0.7  # the rest is how near the boxes' centres are
_STEADY = 0.6  # how much of the old velocity stays when a new one is measured
_FADING = 0.8  # how much of the velocity is left a frame after somebody was last seen


@state_type("person")
@dataclass
class _Person:
    """Somebody who was seen.

    points: [K,2] px where last seen; seen: [K]; velocity, centre: [2]; size: px; gone: frames since
    """

    track: int
    points: Floats
    seen: NDArray[np.bool_]
    centre: Floats
    size: float
    velocity: Floats
    gone: int = 0


@state_type()
@dataclass(frozen=True)
class TrackState:
    """What a tracker knows at the end of a chunk; opaque, hand it to the next."""

    people: tuple[_Person, ...] = ()
    next_id: int = 0
    skeleton: str = ""
    canvas: tuple[int, int] = (0, 0)


@dataclass
class Tracker:
    """Gives the people of successive chunks ids that stay with them.

    Every person is looked for where their speed would have carried them; who goes with whom is the
    assignment of the highest total similarity (OKS, and the distance of the boxes' centres), as in
    Xiu et al., Pose Flow, 2018.

    max_gap: frames for which somebody unseen is remembered
    """

    max_gap: int = 30
    state: TrackState = field(default_factory=TrackState)

    def __post_init__(self) -> None:
        if self.max_gap < 0:
            raise InputError(f"max_gap: expected at least 0, found {self.max_gap}")

    def reset(self) -> None:
        """Forget everybody; ids are not used again."""
        self.state = replace(self.state, people=())

    def update(self, poses: Poses, cuts: Tensor | None = None) -> Poses:
        """The next chunk with its tracks.

        cuts: [F] bool, frames that begin a new shot; everybody is forgotten there

        Raises `InputError` when canvas or skeleton change without a reset, or the number of cuts
        is not that of frames.
        """
        if cuts is not None and len(cuts) != len(poses):
            raise InputError(f"cuts: expected {len(poses)} frames, found {len(cuts)}")
        state = self.state
        if state.people and (state.canvas, state.skeleton) != (poses.canvas, poses.skeleton):
            raise InputError(
                f"poses: {poses.skeleton} in {poses.canvas[1]}x{poses.canvas[0]}, but those before "
                f"were {state.skeleton} in {state.canvas[1]}x{state.canvas[0]}; reset the tracks"
            )
        points = poses.keypoints.cpu().float().numpy()
        seen = ((poses.confidence > 0) & poses.present[..., None]).cpu().numpy()
        boxes = poses.boxes.cpu().float().numpy()
        counts = poses.count.tolist()
        new_shot = [False] * len(poses) if cuts is None else cuts.tolist()
        spread = sigmas(poses.skeleton) * 2 * _LOOSER
        people, next_id = list(state.people), state.next_id
        ids = np.full(poses.track_ids.shape, -1, np.int64)
        for f, count in enumerate(counts):
            if new_shot[f]:
                people = []
            found = _found(points[f, :count], seen[f, :count], boxes[f, :count])
            pairs = _pairs(people, found, spread)
            for old, new in pairs:
                found[new] = _moved_on(people[old], found[new])
            for person in found:
                if person.track < 0:
                    person.track, next_id = next_id, next_id + 1
            ids[f, :count] = [person.track for person in found]
            matched = {old for old, _ in pairs}
            lost = [_missed(p) for i, p in enumerate(people) if i not in matched]
            people = [*found, *(p for p in lost if p.gone <= self.max_gap)]
        self.state = TrackState(tuple(people), next_id, poses.skeleton, poses.canvas)
        return replace(poses, track_ids=torch.from_numpy(ids).to(poses.device))


def _found(points: Floats, seen: NDArray[np.bool_], boxes: Floats) -> list[_Person]:
    sides = boxes[:, 2:] - boxes[:, :2]
    sizes = np.sqrt(np.maximum(sides.prod(1), 1.0))
    centres = (boxes[:, 2:] + boxes[:, :2]) / 2
    still = np.zeros(2, np.float32)
    return [
        _Person(-1, where, shown, centre, float(size), still)
        for where, shown, centre, size in zip(points, seen, centres, sizes, strict=True)
    ]


def _pairs(
    people: Sequence[_Person], found: Sequence[_Person], spread: Floats
) -> list[tuple[int, int]]:
    """Which of `people` is which of `found`."""
    if not people or not found:
        return []
    ahead = np.stack([p.velocity * _carry(p.gone) for p in people])  # [O,2]
    gone = np.array([p.gone for p in people], np.float32)[:, None]
    size = np.sqrt(
        np.array([p.size for p in people])[:, None] * np.array([n.size for n in found])[None]
    )
    centres = np.stack([p.centre for p in people]) + ahead
    apart = centres[:, None] - np.stack([n.centre for n in found])[None]
    # where somebody is after a while is less certain
    room = size * (0.5 + 0.1 * gone)
    near = np.exp(-(np.square(apart).sum(-1)) / np.square(room))

    points = np.stack([p.points for p in people]) + ahead[:, None]
    distance = np.square(points[:, None] - np.stack([n.points for n in found])[None]).sum(-1)
    both = np.stack([p.seen for p in people])[:, None] & np.stack([n.seen for n in found])[None]
    width = np.square(size)[..., None] * np.square(spread) * (1 + 0.2 * gone[..., None])
    alike = np.exp(-distance / (2 * width))
    joints = both.sum(-1)
    oks = (alike * both).sum(-1) / np.maximum(joints, 1)
    similarity = np.where(joints >= 3, _OKS_PART * oks + (1 - _OKS_PART) * near, near)
    # people do not become three times as large from one frame to the next
    ratio = np.array([p.size for p in people])[:, None] / np.array([n.size for n in found])[None]
    similarity = np.where((ratio > 3) | (ratio < 1 / 3), 0, similarity)
    # what is not a number is like nobody
    similarity = np.nan_to_num(similarity, nan=0.0, posinf=0.0, neginf=0.0)
    chosen: Any = linear_sum_assignment(similarity, maximize=True)
    return [(o, n) for o, n in zip(*map(list, chosen), strict=True) if similarity[o, n] >= _LEAST]


def _carry(gone: int) -> float:
    """How many frames' way somebody goes until now who was last seen `gone` + 1 frames ago."""
    return (1 - _FADING ** (gone + 1)) / (1 - _FADING)


def _moved_on(old: _Person, new: _Person) -> _Person:
    """The same person, now here; joints out of sight stay where they were, moved along."""
    step = (new.centre - old.centre) / (old.gone + 1)
    common = old.seen & new.seen
    if common.sum() >= 3:  # steadier than the box
        step = np.median(new.points[common] - old.points[common], 0) / (old.gone + 1)
    first = not old.velocity.any()
    velocity = step if first else _STEADY * old.velocity + (1 - _STEADY) * step
    return replace(new, track=old.track, velocity=velocity.astype(np.float32))


def _missed(person: _Person) -> _Person:
    return replace(person, gone=person.gone + 1)
