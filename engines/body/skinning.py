"""Linear blend skinning: the surfaces of posed bodies."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..geometry.crops import batches
from .kinematics import pose_joints, shaped
from .rig import Rig

_BATCH_BYTES = 128 * 2**20  # of what is held beside the result
_PER_VERTEX = 4 * (12 + 3 + 3 + 3)  # bytes: a matrix [3,4], its rest place and what is added


@dataclass(frozen=True)
class PosedBodies:
    """N posed bodies: vertices [N,V,3] m of the surface and joints [N,J,3] m."""

    vertices: Tensor
    joints: Tensor


def skin(
    rig: Rig, rotation: Tensor, translation: Tensor, shape: Tensor | None = None
) -> PosedBodies:
    """Return the surfaces and joints of N poses, on the device of `rotation`.

    rotation:    [N,J,3,3] each joint's turn relative to its parent, in the axes of the rest pose
    translation: [N,3] m, where the first joint, the pelvis, lies
    shape:       [N,S] coefficients of the rig's shapes; None = the template

    The bodies are taken in batches, so that memory is that of the result and 128 MB.

    Raises `InputError` for tensors that do not fit the rig.
    """
    rig = rig.to(rotation.device)
    posed = pose_joints(rig, rotation, translation, shape)
    count, high = len(rotation), len(rig.template)
    vertices = posed.position.new_empty(count, high, 3)
    for part in batches(count, max(1, _BATCH_BYTES // (high * _PER_VERTEX)), rotation.device):
        turn = posed.rotation[part]
        # Moving from rest: v' = R (v - rest) + position.
        shift = posed.position[part] - (turn @ posed.rest[part, :, :, None])[..., 0]
        moves = torch.cat([turn.flatten(2), shift], 2)  # [n,J,12]
        # One product for each body, see `shaped`.
        blended = torch.bmm(rig.weights.expand(len(moves), -1, -1), moves)  # [n,V,12]
        at = shaped(
            rig.template, rig.shape_template, None if shape is None else shape[part], len(part)
        )
        if rig.pose_template is not None:
            at = at + _pose_offsets(rig.pose_template, rotation[part])
        turned = (blended[..., :9].unflatten(2, (3, 3)) @ at[..., None])[..., 0]
        vertices[part] = turned + blended[..., 9:]
    return PosedBodies(vertices, posed.position)


def _pose_offsets(directions: Tensor, rotation: Tensor) -> Tensor:
    """Return what turns [n,J,3,3] add to the surface [n,V,3]; see `Rig.pose_template`."""
    rest = torch.eye(3, dtype=rotation.dtype, device=rotation.device)
    entries = (rotation[:, 1:] - rest).flatten(1).to(directions.dtype)
    flat = directions.flatten(1).expand(len(entries), -1, -1)
    return torch.bmm(entries[:, None], flat).view(len(entries), directions.shape[1], 3)
