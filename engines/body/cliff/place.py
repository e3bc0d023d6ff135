"""Where CLIFF takes crops to be in the picture, and its bodies to be in front of the camera."""

import math
from dataclasses import replace

import torch
from torch import Tensor

from ...geometry.camera import Camera
from ...geometry.placement import Size
from ...geometry.turned_crops import Regions

# What the place of a crop is normalised by, in focal lengths: a published choice of the training.
_OFF = 2.8
_SIDE, _SIDE_SPREAD = 0.24, 0.06
_CROP = 224  # px
_LEAST = 0.01  # scale of a body that takes a hundredth of its crop


def camera_of(size: Size) -> Camera:
    """Return the camera that CLIFF assumes of pictures of `size` (height, width), on the CPU: its
    focal length is their diagonal."""
    height, width = size
    focal, cx, cy = (
        torch.tensor([value]) for value in (math.hypot(width, height), width / 2, height / 2)
    )
    return Camera(focal, focal, cx, cy, size)


def bbox_info(regions: Regions, size: Size) -> Tensor:
    """Return [N,3]: where upright square regions of pictures of `size` (height, width) lie from the
    middle, and how large they are, normalised as in the training."""
    height, width = size
    focal = math.hypot(width, height)
    off = (regions.centre - regions.centre.new_tensor([width / 2, height / 2])) / focal * _OFF
    side = (regions.side - _SIDE * focal) / (_SIDE_SPREAD * focal)
    return torch.cat([off, side[:, None]], 1)


def in_picture(camera: Tensor, regions: Regions, size: Size) -> Tensor:
    """Return the translations [N,3] m of bodies in front of `camera_of(size)`: x to the right, y
    down, z away.

    camera: [N,3] of the network, `pred_cam`
    """
    height, width = size
    # A scale of 0 or less would put a body at infinity or behind the camera: it is far away.
    scale, across = camera[:, :1].clamp(min=_LEAST), camera[:, 1:]
    extent = scale * regions.side[:, None]  # px per half a metre at the depth of the body
    off = regions.centre - regions.centre.new_tensor([width / 2, height / 2])
    return torch.cat([across + 2 * off / extent, 2 * math.hypot(width, height) / extent], 1)


def on_opencv_grid(regions: Regions) -> Regions:
    """Return the squares whose crops of 224 px by pixel centres are those that OpenCV's warpAffine
    gives of `regions`: it takes coordinates to be those of pixel centres, in picture and crop."""
    return replace(regions, centre=regions.centre + (1 - regions.side[:, None] / _CROP) / 2)
