"""Where inverse kinematics begins: a pose read from the directions of the limbs."""

import itertools
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ...geometry import rotations
from ..rig import Rig
from .chain import SIDES, Chain, flexing


class _Limb(NamedTuple):
    """Three bones, and the names, without a side, of the points at their four ends; of two points
    their middle counts."""

    arm: bool
    bones: tuple[str, str, str]
    ends: tuple[tuple[str, ...], ...]


_ARM = _Limb(
    True,
    ("upperarm", "lowerarm", "hand"),
    (("shoulder",), ("elbow",), ("wrist",), ("index", "pinky")),
)
_LEG = _Limb(False, ("thigh", "calf", "foot"), (("hip",), ("knee",), ("ankle",), ("foot_index",)))
_ALL = tuple((limb, side, s) for limb in (_ARM, _LEG) for side, s in SIDES)

_BENT = 0.3  # sine of the bend of a knee or an elbow from which it shows how the limb is twisted


def first_pose(chain: Chain, rig: Rig, points: Tensor) -> Tensor:
    """Return rotations [N,B,3,3] of the bones from points [N,M,3] m, all of which count.

    Pelvis, chest and head are turned as three points of each show; the spine takes thirds of the
    turn between pelvis and chest, neck and head halves. Limbs swing from rest by the least angle,
    and are twisted so that knees and elbows bend the way they do.
    """
    at = _Places(chain, points)
    pelvis = at.turn("left_hip", "right_hip", ("hip", "shoulder"))
    chest = at.turn("left_shoulder", "right_shoulder", ("hip", "shoulder"))
    head = at.turn("left_ear", "right_ear", ("ear", "nose"))
    spine = _part(pelvis.mT @ chest, 1 / 3)
    neck = _part(chest.mT @ head, 1 / 2)
    still = torch.eye(3, dtype=points.dtype, device=points.device).expand_as(pelvis)
    found = {
        "pelvis": pelvis,
        **{f"spine_0{number}": spine for number in (1, 2, 3)},
        "neck_01": neck,
        "head": neck,
    }
    found.update({f"clavicle_{s}": still for _, s in SIDES})
    limbs = at.limbs(rig, torch.stack([chest if limb.arm else pelvis for limb, _, _ in _ALL], 1))
    for number, turns in enumerate(limbs):
        for (limb, _, s), turn in zip(_ALL, turns.unbind(1), strict=True):
            found[f"{limb.bones[number]}_{s}"] = turn
    return torch.stack([found[bone] for bone in chain.bones], 1)


class _Places:
    """Points [N,M,3] and the same at rest [1,M,3], by name."""

    def __init__(self, chain: Chain, points: Tensor):
        self.chain = chain
        self.now = points
        self.rest = (chain.rest[chain.bone] + chain.offset)[None]

    def _at(self, points: Tensor, name: str) -> Tensor:
        if name in self.chain.points:
            return points[:, self.chain.point(name)]
        return (self._at(points, f"left_{name}") + self._at(points, f"right_{name}")) / 2

    def turn(self, left: str, right: str, up: tuple[str, str]) -> Tensor:
        """Return how the body part is turned [N,3,3] that two points at its sides show, and the
        direction from the middle of one pair of points to another, or to a point."""
        frames = [
            _frame(self._at(p, left) - self._at(p, right), self._at(p, up[1]) - self._at(p, up[0]))
            for p in (self.now, self.rest)
        ]
        return frames[0] @ frames[1].mT

    def limbs(self, rig: Rig, above: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return how the three bones of the limbs `_ALL` are turned relative to their parents
        [N,4,3,3].

        above: [N,4,3,3], turns of what the limbs hang on
        """

        def middle_of(points: Tensor, end: int) -> Tensor:
            """Return where the limbs' ends lie [N,4,3]: in the middle of one or two points."""
            places = []
            for limb, side, _ in _ALL:
                at = [self._at(points, f"{side}_{name}") for name in limb.ends[end]]
                places.append(at[0] if len(at) == 1 else (at[0] + at[1]) / 2)
            return torch.stack(places, 1)

        def directions(points: Tensor) -> list[Tensor]:
            at = [middle_of(points, end) for end in range(4)]
            return [F.normalize(b - a, dim=-1) for a, b in itertools.pairwise(at)]

        now, rest = directions(self.now), directions(self.rest)
        upper = _swung(above, rest[0], now[0])
        # Twist the upper bone until the lower one bends the way that the joint does.
        lower = (upper.mT @ now[1][..., None])[..., 0]
        along = rest[0].expand_as(lower)
        aside = lower - along * (lower * along).sum(-1, keepdim=True)
        flex = torch.stack([flexing(rig, limb.bones[1], s) for limb, _, s in _ALL])
        flex = flex.to(aside).expand_as(aside)
        sine = (torch.linalg.cross(flex, aside, dim=-1) * along).sum(-1)
        twist = torch.atan2(sine, (flex * aside).sum(-1))
        bend = (aside.norm(dim=-1) / _BENT).clamp(max=1)
        upper = upper @ rotations.turn_by(along * (twist * bend)[..., None])
        middle = _swung(upper, rest[1], now[1])
        last = _swung(middle, rest[2], now[2])
        return above.mT @ upper, upper.mT @ middle, middle.mT @ last


def _frame(across: Tensor, up: Tensor) -> Tensor:
    """Return axes [N,3,3], one per column: along `across` [N,3], near `up` [N,3], and the third.

    Where `across` is 0, or both directions are the same, others will do.
    """
    x = _unit(across, across.new_tensor([1.0, 0.0, 0.0]))
    least = x.abs().argmin(-1, keepdim=True)
    other = torch.linalg.cross(x, torch.zeros_like(x).scatter(-1, least, 1.0), dim=-1)
    z = _unit(torch.linalg.cross(x, up, dim=-1), F.normalize(other, dim=-1))
    return torch.stack([x, torch.linalg.cross(z, x, dim=-1), z], -1)


def _unit(vectors: Tensor, instead: Tensor) -> Tensor:
    """Return vectors [N,3] at length 1, and `instead` of those that have none."""
    length = vectors.norm(dim=-1, keepdim=True)
    return torch.where(length < 1e-6, instead, vectors / length.clamp(min=1e-6))


def _swung(turn: Tensor, rest: Tensor, now: Tensor) -> Tensor:
    """Return `turn` [...,3,3] and the least one after it that brings `rest` [...,3] to `now`."""
    before = (turn @ rest[..., None])[..., 0]
    return rotations.to_matrices(rotations.shortest(before, now)) @ turn


def _part(turn: Tensor, part: float) -> Tensor:
    return rotations.turn_by(rotations.turn_of(turn) * part)
