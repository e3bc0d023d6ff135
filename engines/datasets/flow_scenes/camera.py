"""Cameras that turn and move before a scene of planes."""

import torch
from torch import Tensor

from ...geometry.placement import Size
from ...geometry.rotations import turn_by
from ..seeded import normal, uniform
from .magnitudes import magnitudes

_STREAM = 20
_FOCAL = (0.7, 1.6)  # of the longer side
_FROM_MIDDLE = 0.35  # of the diagonal: where a turn or an approach is as large as stated
_ROLL, _MOST_ROLL = 0.4, 0.35  # of the way of the rest there; rad
_MOST_APPROACH = 0.35  # of the distance of the nearest layer
_NEAR = 2.0  # motion of the nearest layer, in magnitudes


def camera_motion(
    index: Tensor, size: Size, depths: Tensor, scale: Tensor, sideways: Tensor, seed: int
) -> Tensor:
    """Return homographies [N,L,3,3] from the first frames to the second ones, px from the middle.

    depths:   [N,L,3] normals n of the layers' planes, n.X = 1 for points X before the camera, in
              units of the nearest layer's distance
    scale:    [N] factor of all motion, 0 for a camera that does not move
    sideways: [N] bool, cameras that move to the side and nothing else, as of a stereo pair
    """
    longer, diagonal = max(size), (size[0] ** 2 + size[1] ** 2) ** 0.5
    draws = uniform(seed, index, 6, _STREAM).double()
    normals = normal(seed, index, 2, _STREAM + 1).double()
    low, high = _FOCAL
    focal = longer * low * (high / low) ** draws[:, 0]
    way = magnitudes(draws[:, 1], normals[:, 0]) * scale  # [N] px
    # By a camera that moves; the rest by one that turns.
    part = torch.where(sideways, 1.0, draws[:, 2])
    moved = part * way * _NEAR
    turned = (1 - part) * way
    pan, along = (draws[:, n] * 2 * torch.pi for n in (3, 4))
    roll = normals[:, 1] * _ROLL * turned / (_FROM_MIDDLE * diagonal)
    roll = roll.clamp(-_MOST_ROLL, _MOST_ROLL)
    angle = torch.atan(turned / focal)
    turn = turn_by(torch.stack([angle * pan.sin(), angle * pan.cos(), roll], 1))
    ahead = torch.where(sideways, 0.0, 2 * draws[:, 5] - 1)
    level = torch.where(draws[:, 4] < 0.5, 0.0, torch.pi)
    along = torch.where(sideways, level, along)
    sideways = moved * (1 - ahead.square()).sqrt() / focal
    approach = (moved * ahead / (_FROM_MIDDLE * diagonal)).clamp(-_MOST_APPROACH, _MOST_APPROACH)
    step = torch.stack([sideways * along.cos(), sideways * along.sin(), approach], 1)
    # The homography that a plane induces (Hartley & Zisserman, Multiple View Geometry, 13.2).
    before = turn[:, None] + step[:, None, :, None] * depths[:, :, None]
    lens = torch.diag_embed(torch.stack([focal, focal, torch.ones_like(focal)], 1))[:, None]
    homographies: Tensor = lens @ before @ torch.linalg.inv(lens)
    return homographies
