"""Poses of other rigs as poses of SMPL, for programs that know SMPL only."""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import InputError
from ...geometry import rotations
from ..kinematics import pose_joints, shaped
from ..rig import MANNEQUIN, Rig
from .read import JOINTS, PARENTS

# The joint of the mannequin for each of SMPL's, and the one that its bone leads to if SMPL at rest
# points it sideways, where the mannequin's arms hang. SMPL's hands beyond the wrists have none.
_ARMS = {"upperarm": "lowerarm", "lowerarm": "hand", "hand": "middle_01"}
_FROM_MANNEQUIN = (
    *("pelvis", "thigh_l", "thigh_r", "spine_01", "calf_l", "calf_r", "spine_02"),
    *("foot_l", "foot_r", "spine_03", "ball_l", "ball_r", "neck_01", "clavicle_l", "clavicle_r"),
    *("head", "upperarm_l", "upperarm_r", "lowerarm_l", "lowerarm_r", "hand_l", "hand_r"),
)


def as_smpl(rig: Rig, rotation: Tensor) -> Tensor:
    """Return rotations [N,J,3,3] of a rig as those of SMPL's 24 joints [N,24,3,3].

    Arms are turned from the rig's rest pose to SMPL's, whose arms stretch sideways; trunk, legs and
    feet are taken to rest alike. Raises `InputError` for a rig that is neither SMPL nor the
    mannequin.
    """
    check_converts(rig)
    if rig.joints == JOINTS:
        return rotation
    at, turn = _table(rig)
    nowhere = rotation.new_zeros(len(rotation), 3)
    world = pose_joints(rig, rotation.float(), nowhere.float()).rotation
    turned = world[:, at.to(rotation.device)] @ turn.to(rotation.device)
    above = torch.tensor(PARENTS[1 : len(at)], device=rotation.device)
    local = turned[:, above].mT @ turned[:, 1:]
    hands = torch.eye(3, device=rotation.device).expand(len(rotation), 2, 3, 3)
    return torch.cat([turned[:, :1], local, hands], 1).to(rotation.dtype)


def from_smpl(rig: Rig, rotation: Tensor) -> Tensor:
    """Return rotations [N,24,3,3] of SMPL's joints as those of a rig [N,J,3,3], the other way than
    `as_smpl`.

    Joints that SMPL lacks, such as those of fingers, stay at rest relative to their parents. Raises
    `InputError` for a rig that is neither SMPL nor the mannequin.
    """
    check_converts(rig)
    if rig.joints == JOINTS:
        return rotation
    at, turn = _table(rig)
    smpl = rotation.float()
    world = [smpl[:, 0]]
    for joint, parent in enumerate(PARENTS[1 : len(at)], 1):
        world.append(world[parent] @ smpl[:, joint])
    turned = torch.stack(world, 1) @ turn.mT.to(smpl.device)
    nearest = _nearest(rig)
    turns = turned[:, nearest.to(smpl.device)]  # [N,J,3,3]
    above = rig.parents.clamp(min=0).to(smpl.device)
    local = turns[:, above].mT @ turns
    local[:, 0] = turns[:, 0]
    return local.to(rotation.dtype)


def joints_from_smpl(rig: Rig, values: Tensor) -> Tensor:
    """Return values [N,24] of SMPL's joints as those of a rig [N,J]: a joint that SMPL lacks has
    that of the nearest one above it. Raises `InputError` as `from_smpl` does."""
    check_converts(rig)
    return values if rig.joints == JOINTS else values[:, _nearest(rig).to(values.device)]


def check_converts(rig: Rig) -> None:
    """Raise `InputError` for a rig whose poses `as_smpl` cannot convert."""
    if rig.joints != JOINTS and rig.name != MANNEQUIN:
        raise InputError(f"rig: expected {MANNEQUIN} or smpl, found {rig.name}")


def smpl_offsets(rig: Rig, shape: Tensor) -> Tensor:
    """Return where SMPL's joints 0 to 21 lie in a rig of a shape [S] whose arms stretch sideways,
    relative to their parents: [22,3] m; the pelvis to the ground below the lowest joint."""
    rest = shaped(rig.rest, rig.shape_rest, shape[None].to(rig.rest), 1)[0]
    above = torch.tensor(PARENTS[: len(_FROM_MANNEQUIN)]).clamp(min=0)
    if rig.joints == JOINTS:
        places = rest[: len(_FROM_MANNEQUIN)]
        offsets = places - places[above]
    else:
        at, turn = _table(rig)
        hanging = rest[at] - rest[at][above]
        # An offset lies in the axes of the parent, which are turned.
        offsets = (turn[above].mT @ hanging[..., None])[..., 0]
    offsets[0, 1] = rest[0, 1] - rest[:, 1].min()
    return offsets


@lru_cache(4)
def _table(rig: Rig) -> tuple[Tensor, Tensor]:
    """Return the rig's joints [22] for SMPL's, and what turns each of those to the rig's rest
    pose [22,3,3]."""
    at = torch.tensor([rig.index(name) for name in _FROM_MANNEQUIN])
    turn = torch.eye(3).repeat(len(at), 1, 1)
    for number, name in enumerate(_FROM_MANNEQUIN):
        part, _, side = name.rpartition("_")
        if part in _ARMS:
            end = rig.index(f"{_ARMS[part]}_{side}")
            hanging = F.normalize(rig.rest[end] - rig.rest[rig.index(name)], dim=0)
            stretched = hanging.new_tensor([1.0 if side == "l" else -1.0, 0.0, 0.0])
            turn[number] = rotations.to_matrices(rotations.shortest(stretched, hanging))
    return at, turn


@lru_cache(4)
def _nearest(rig: Rig) -> Tensor:
    """Return for each of the rig's joints [J] the number of SMPL's joint that moves it: its own, or
    that of the nearest joint above."""
    at, _ = _table(rig)
    numbers = {joint: number for number, joint in enumerate(at.tolist())}
    found: list[int] = []
    for joint, parent in enumerate(rig.parents.tolist()):  # parents stand before their children
        found.append(numbers[joint] if joint in numbers else found[parent])
    return torch.tensor(found)
