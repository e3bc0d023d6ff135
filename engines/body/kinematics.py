"""Forward kinematics: where the joints of posed bodies lie and how they are turned."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import check_shape
from .rig import Rig


@dataclass(frozen=True)
class PosedJoints:
    """The joints of N posed bodies in the axes of the world.

    rotation: [N,J,3,3] turn of each joint's axes from rest
    position: [N,J,3] m
    rest:     [N,J,3] m, where they lie at rest in each body's shape
    """

    rotation: Tensor
    position: Tensor
    rest: Tensor


def pose_joints(
    rig: Rig, rotation: Tensor, translation: Tensor, shape: Tensor | None = None
) -> PosedJoints:
    """Return where joints lie in N poses, on the device of `rotation`.

    rotation:    [N,J,3,3] each joint's turn relative to its parent, in the axes of the rest pose
    translation: [N,3] m, where the first joint, the pelvis, lies
    shape:       [N,S] coefficients of the rig's shapes; None = the template

    Raises `InputError` for tensors that do not fit the rig.
    """
    joints = len(rig.joints)
    check_shape("rotation", rotation, ("bodies", joints, 3, 3))
    count = len(rotation)
    check_shape("translation", translation, (count, 3))
    rig = rig.to(rotation.device)
    rest = shaped(rig.rest, rig.shape_rest, shape, count)
    parents = rig.parents.clamp(min=0)
    offset = rest - rest[:, parents]  # from the parent; of the first joint: 0
    turns, places = torch.empty_like(rotation), torch.empty_like(rest)
    first, *others = rig.levels
    turns[:, first], places[:, first] = rotation[:, first], translation[:, None].to(rest.dtype)
    for level in others:
        above = parents[level]
        turned = turns[:, above]
        turns[:, level] = turned @ rotation[:, level]
        places[:, level] = places[:, above] + (turned @ offset[:, level, :, None])[..., 0]
    return PosedJoints(turns, places, rest)


def shaped(base: Tensor, directions: Tensor, shape: Tensor | None, count: int) -> Tensor:
    """Return points [N,K,3] of `count` bodies: `base` [K,3] and what shapes [N,S] add to it.

    directions: [S,K,3] what one unit of each coefficient adds
    """
    if shape is None:
        return base[None].expand(count, -1, -1)
    check_shape("shape", shape, (count, len(directions)))
    # One product for each body: in a common one the last bits depend on how many there are.
    added = torch.bmm(shape[:, None], directions.flatten(1).expand(count, -1, -1))
    return base + added.view(count, len(base), 3)
