"""From what is seen in the picture and its depth to places in space, and back.

Axes are those of `Camera` with y down: x to the right, y down, z away from the camera, in metres.
Intrinsics are [...,4]: fx, fy, cx, cy in px.
"""

import torch
from torch import Tensor


def corrected(intrinsics: Tensor, k_delta: Tensor) -> Tensor:
    """Return intrinsics [...,4] with fx and fy times 1 + d and cx and cy plus d, d being `k_delta`
    [...,4]."""
    focal, middle = intrinsics.split(2, -1)
    grown, moved = k_delta.split(2, -1)
    return torch.cat([focal * (1 + grown), middle + moved], -1)


def lifted(points: Tensor, depth: Tensor, intrinsics: Tensor) -> Tensor:
    """Return the places [...,3] that appear at `points` [...,2] px with z = `depth` [...,1]."""
    focal, middle = intrinsics.split(2, -1)
    return torch.cat([(points - middle) / focal * depth, depth], -1)


def projected(places: Tensor, intrinsics: Tensor) -> Tensor:
    """Return where `places` [...,3] with z > 0 appear, [...,2] px."""
    focal, middle = intrinsics.split(2, -1)
    seen: Tensor = places[..., :2] / places[..., 2:] * focal + middle
    return seen
