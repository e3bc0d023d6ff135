"""Who is who from frame to frame, by any similarity.

Frames depend on one another, so there is one step per frame; within it everybody is compared with
everybody at once. Arrays are NumPy's, on the CPU, where small operations cost least.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ..sequence import state_type

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_LEAST = 0.1  # similarity of what may be the same object
_STEADY = 0.6  # the part of the old velocity that stays when a new one is measured
_FADING = 0.8  # the part of the velocity that is left one frame after an object was last seen


@state_type()
@dataclass(frozen=True)
class Observations:
    """N objects, each as last seen.

    centres:  [N,2] px
    sizes:    [N] px, the square root of the area
    features: further arrays [N,...] that a similarity compares, by name
    """

    centres: Floats
    sizes: Doubles
    features: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.sizes)

    def take(self, index: NDArray[Any]) -> "Observations":
        """Return the objects at `index`, numbers or a mask [N] of bool."""
        features = {name: values[index] for name, values in self.features.items()}
        return Observations(self.centres[index], self.sizes[index], features)

    @classmethod
    def cat(cls, first: "Observations", second: "Observations") -> "Observations":
        """Return the objects of both, which have the same features."""
        return cls(
            np.concatenate([first.centres, second.centres]),
            np.concatenate([first.sizes, second.sizes]),
            {n: np.concatenate([v, second.features[n]]) for n, v in first.features.items()},
        )


@state_type()
@dataclass(frozen=True)
class Known:
    """T objects that are remembered.

    ids:        [T] int64
    gone:       [T] int64, frames since each was seen, 0 in the frame after
    velocities: [T,2] float32, px per frame
    objects:    as each was last seen
    """

    ids: NDArray[np.int64]
    gone: NDArray[np.int64]
    velocities: Floats
    objects: Observations

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def ahead(self) -> Floats:
        """[T,2] px: how far each has moved since it was last seen, by its fading velocity."""
        frames = [(1 - _FADING ** (gone + 1)) / (1 - _FADING) for gone in self.gone.tolist()]
        return self.velocities * np.array(frames, np.float32)[:, None]

    def take(self, index: NDArray[Any]) -> "Known":
        """Return the objects at `index`, numbers or a mask [T] of bool."""
        return Known(
            self.ids[index], self.gone[index], self.velocities[index], self.objects.take(index)
        )


class Similarity(Protocol):
    """How alike objects are; what tells the objects of one domain apart."""

    def __call__(self, known: Known, now: Observations) -> Doubles:
        """Return the similarity [T,N] of T known objects, moved on, and N new ones: 0..1."""
        ...


Displacement = Callable[[Observations, Observations], Floats]


def between_centres(old: Observations, new: Observations) -> Floats:
    """Return the way [M,2] px from M objects to the same objects in a later frame."""
    return new.centres - old.centres


def assign(similarity: Doubles, least: float = _LEAST) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the pairs of rows and columns of `similarity` [T,N] with the highest total.

    Pairs below `least` are left out; values that are not finite count as 0.
    """
    similarity = np.nan_to_num(similarity, nan=0.0, posinf=0.0, neginf=0.0)
    rows, columns = linear_sum_assignment(similarity, maximize=True)
    alike = similarity[rows, columns] >= least
    return rows[alike], columns[alike]


@dataclass(frozen=True)
class Association:
    """Follows objects over frames.

    similarity:   of known and new objects
    displacement: the way that an object went between two frames, from which its velocity follows
    max_gap:      frames for which an unseen object is remembered
    """

    similarity: Similarity
    displacement: Displacement = between_centres
    max_gap: int = 30

    def step(
        self, known: Known | None, now: Observations, next_id: int
    ) -> tuple[Known, NDArray[np.int64], int]:
        """Match the objects of the next frame with those known.

        known:   None: nobody yet
        next_id: the id of the next new object

        Returns what is known now, the ids [N] of the objects of this frame, and the next id.
        """
        ids = np.full(len(now), -1, np.int64)
        velocities = np.zeros((len(now), 2), np.float32)
        lost = None
        if known is not None:
            old = new = np.zeros(0, np.int64)
            if len(known) and len(now):
                old, new = assign(self.similarity(known, now))
            ids[new] = known.ids[old]
            velocities[new] = self._velocities(known.take(old), now.take(new))
            unseen = np.ones(len(known), bool)
            unseen[old] = False
            unseen &= known.gone + 1 <= self.max_gap
            lost = known.take(unseen)
        fresh = ids < 0
        count = int(fresh.sum())
        ids[fresh] = np.arange(next_id, next_id + count)
        after = Known(ids, np.zeros(len(now), np.int64), velocities, now)
        if lost is not None:
            after = Known(
                np.concatenate([ids, lost.ids]),
                np.concatenate([after.gone, lost.gone + 1]),
                np.concatenate([velocities, lost.velocities]),
                Observations.cat(now, lost.objects),
            )
        return after, ids, next_id + count

    def run(
        self,
        frames: Iterable[Observations],
        new_shot: Iterable[bool],
        known: Known | None,
        next_id: int,
    ) -> tuple[list[NDArray[np.int64]], Known | None, int]:
        """Match the objects of successive frames.

        new_shot: for each frame whether it begins a new shot, in which nobody is known

        Returns the ids [N] of the objects of each frame, what is known after them, and the next id.
        """
        ids = []
        for now, new in zip(frames, new_shot, strict=True):
            known, here, next_id = self.step(None if new else known, now, next_id)
            ids.append(here)
        return ids, known, next_id

    def _velocities(self, old: Known, now: Observations) -> Floats:
        """Return the velocities [M,2] px per frame of M objects that are seen again."""
        frames = (old.gone + 1).astype(np.float32)[:, None]
        step = self.displacement(old.objects, now) / frames
        first = ~old.velocities.any(1, keepdims=True)
        mixed = _STEADY * old.velocities + (1 - _STEADY) * step
        return np.where(first, step, mixed).astype(np.float32)


def moved(features: NDArray[Any], ahead: Floats) -> NDArray[Any]:
    """Return points [T,...,2] moved by `ahead` [T,2]."""
    return features + ahead.reshape(len(ahead), *[1] * (features.ndim - 2), 2)


def in_places(ids: Sequence[NDArray[np.int64]], like: Tensor) -> Tensor:
    """Return ids [N] of each frame by place, as `like` [F,P] int64, -1 where there is nobody."""
    placed = np.full(like.shape, -1, np.int64)
    for row, here in zip(placed, ids, strict=True):
        row[: len(here)] = here
    return torch.from_numpy(placed).to(like.device)
