"""Rotations of heads as yaw, pitch and roll, in the camera's axes or relative to the viewing ray.

The camera's axes are those of `Heads`: x to the right, y up, z towards the camera. Where a head of
the same posture stands in the frame changes these angles; relative to the ray from the lens to the
head it does not.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def angles(rotation: Tensor) -> Tensor:
    """Return yaw, pitch and roll [...,3] in degrees of rotations [...,3,3] = Ry Rx Rz.

    Positive yaw (-180..180) turns the nose to the right of the picture, positive pitch (-90..90)
    down, positive roll (-180..180) the head counter-clockwise.
    """
    yaw = torch.atan2(rotation[..., 0, 2], rotation[..., 2, 2])
    pitch = torch.asin((-rotation[..., 1, 2]).clamp(-1, 1))
    roll = torch.atan2(rotation[..., 1, 0], rotation[..., 1, 1])
    return torch.rad2deg(torch.stack([yaw, pitch, roll], -1))


def relative_to_ray(rotation: Tensor, translation: Tensor) -> Tensor:
    """Return rotations [...,3,3] relative to the ray from the lens to the head.

    A head that looks into the lens has the identity here, wherever in the frame it is.

    translation: [...,3] cm, where the head is; where it is zero, as in empty places, so is the
                 result
    """
    return _ray(translation).mT @ rotation


def in_camera(rotation: Tensor, translation: Tensor) -> Tensor:
    """Return rotations [...,3,3] in the camera's axes, given relative to the ray: the way back."""
    return _ray(translation) @ rotation


def _ray(translation: Tensor) -> Tensor:
    """Return the axes [...,3,3], one per column, of a head that looks into the lens."""
    z = -F.normalize(translation, dim=-1)  # from the head to the lens
    up = torch.zeros_like(z)
    up[..., 1] = 1.0
    x = F.normalize(torch.linalg.cross(up, z, dim=-1), dim=-1)
    return torch.stack([x, torch.linalg.cross(z, x, dim=-1), z], -1)
