"""The bones of a hand that inverse kinematics turns, as a chain of its own."""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ..points import FINGERS, PARTS
from ..rig import Rig, mannequin
from .chain import Chain

# How far bones turn from rest, as standard deviations in rad: about their own direction, about the
# axis that they flex around, and about the third one, by which fingers spread.
_SPREAD = {
    "hand": (0.25, 0.6, 0.4),
    "thumb_01": (0.3, 0.4, 0.4),
    "thumb_02": (0.1, 0.5, 0.1),
    "thumb_03": (0.05, 0.7, 0.05),
    "01": (0.08, 0.7, 0.2),
    "02": (0.03, 0.9, 0.03),
    "03": (0.03, 0.6, 0.03),
}

# Beyond these angles a bone is pulled back, rad: flexion of joints that are hinges, from where the
# bone continues the one before, and the other two axes from rest. Ranges of healthy adults,
# rounded: the joints of a finger flex by 90, 105 and 75 degrees.
_LIMITS = {
    "hand": ((-0.4, 0.4), (-1.2, 1.2), (-0.6, 0.6)),
    "thumb_01": ((-0.6, 0.6), (-0.7, 0.7), (-0.7, 0.7)),
    "thumb_02": ((-0.2, 0.2), (-0.2, 1.0), (-0.2, 0.2)),
    "thumb_03": ((-0.1, 0.1), (-0.3, 1.4), (-0.1, 0.1)),
    "01": ((-0.15, 0.15), (-0.4, 1.6), (-0.4, 0.4)),
    "02": ((-0.06, 0.06), (-0.05, 1.85), (-0.06, 0.06)),
    "03": ((-0.06, 0.06), (-0.1, 1.35), (-0.06, 0.06)),
}


@cache
def hand_chain(side: str) -> Chain:
    """Return the chain of a hand of the embedded mannequin, on the CPU: 16 bones and 21 points.

    side: "left" or "right"

    Its first bone is the hand, which is turned relative to the forearm, in whose axes the points
    are. Points are in the order of `skeletons`: the wrist, then each finger from its root to its
    tip, thumb first.
    """
    rig, s = mannequin(), side[0]
    parts = PARTS[:-1]
    fingers = [f"{finger}_{part}" for finger in FINGERS for part in parts]
    kinds = ["hand", *fingers]
    bones = tuple(f"{kind}_{s}" for kind in kinds)
    joints = torch.tensor([rig.index(bone) for bone in bones])
    number = {int(joint): place for place, joint in enumerate(joints)}
    parents = torch.tensor([number.get(int(rig.parents[joint]), -1) for joint in joints])
    rest, tails = rig.rest[joints], rig.tails[joints]
    points, bone, offset = ["root"], [0], [torch.zeros(3)]
    for place, finger in enumerate(FINGERS):
        first = 1 + place * len(parts)
        points += [f"{finger}_{part}" for part in PARTS]
        bone += [first, first + 1, first + 2, first + 2]
        offset += [*torch.zeros(3, 3), tails[first + 2] - rest[first + 2]]
    moves = torch.eye(len(bones), dtype=torch.bool)[:, torch.tensor(bone)]
    for place in range(len(bones) - 1, 0, -1):  # a bone moves what its children move
        moves[parents[place]] |= moves[place]
    keys = [kind if kind in _SPREAD else kind[-2:] for kind in kinds]
    axes = torch.stack([_axes(rig, kind, s) for kind in kinds])
    limits = torch.tensor([_LIMITS[key] for key in keys])
    bent = torch.tensor(
        [_bent(rig, kind, s, axis[1]) for kind, axis in zip(kinds, axes, strict=True)]
    )
    limits[:, 1] -= bent[:, None]
    return Chain(
        bones=bones,
        joints=joints,
        parents=parents,
        rest=rest,
        points=tuple(points),
        bone=torch.tensor(bone),
        offset=torch.stack(offset),
        counts=torch.ones(len(points)),
        moves=moves,
        axes=axes,
        spread=torch.tensor([_SPREAD[key] for key in keys]),
        limits=limits,
    )


def _direction(rig: Rig, bone: str) -> Tensor:
    joint = rig.index(bone)
    return F.normalize(rig.tails[joint] - rig.rest[joint], dim=0)


def _axes(rig: Rig, kind: str, s: str) -> Tensor:
    """Return the axes of a bone [3,3]: its own, that it flexes around, and the third.

    Fingers flex around the line of the knuckles towards the palm, to which they are bent at rest;
    a thumb around the normal of the plane that it is bent in.
    """
    finger = "middle" if kind == "hand" else kind.split("_")[0]
    first, last = (_direction(rig, f"{finger}_{part}_{s}") for part in ("01", "03"))
    flex = torch.linalg.cross(first, last)
    if finger != "thumb":
        knuckles = rig.rest[rig.index(f"pinky_01_{s}")] - rig.rest[rig.index(f"index_01_{s}")]
        flex = knuckles * (flex @ knuckles).sign()
    along = _direction(rig, f"{kind}_{s}")
    if kind == "hand":
        along = F.normalize(
            rig.rest[rig.index(f"middle_01_{s}")] - rig.rest[rig.index(f"hand_{s}")], dim=0
        )
    flex = F.normalize(flex - along * (flex @ along), dim=0)
    return torch.stack([along, flex, torch.linalg.cross(along, flex)])


def _bent(rig: Rig, kind: str, s: str, flex: Tensor) -> float:
    """Return by how much a joint that is a hinge is flexed at rest, rad; 0 for the others."""
    if kind in ("hand", "thumb_01"):
        return 0.0
    finger, part = kind.split("_")
    here = _direction(rig, f"{kind}_{s}")
    if part == "01":
        root = rig.rest[rig.index(f"{kind}_{s}")]
        before = F.normalize(root - rig.rest[rig.index(f"hand_{s}")], dim=0)
    else:
        before = _direction(rig, f"{finger}_0{int(part) - 1}_{s}")
    sine = torch.linalg.cross(before, here) @ flex
    across = [v - flex * (v @ flex) for v in (before, here)]
    return float(torch.atan2(sine, across[0] @ across[1]))
