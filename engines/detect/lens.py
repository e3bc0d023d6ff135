"""The camera that a user states."""

import math

import torch

from ..errors import InputError
from ..geometry.camera import Camera
from ..geometry.placement import Size


def stated_camera(size: Size, fov: float, intrinsics: str = "") -> Camera | None:
    """Return the camera of frames of `size` (height, width), with y down; None if it is unknown.

    fov:        vertical field of view in degrees, with the axis in the middle; 0: unknown
    intrinsics: "fx fy cx cy" in px of the frames, instead of `fov`

    Raises `InputError` for malformed intrinsics and an angle that is none.
    """
    if not intrinsics.strip():
        return Camera.of_field_of_view(size, fov, axes="y_down") if fov else None
    words = intrinsics.replace(",", " ").split()
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    right = len(values) == 4 and all(map(math.isfinite, values)) and min(values[:2]) > 0
    if not right:
        raise InputError(
            "intrinsics: expected four numbers in px of the frames, fx fy cx cy, such as "
            f'"900 900 416 232", found {intrinsics.strip()[:60]!r}'
        )
    fx, fy, cx, cy = (torch.tensor([value]) for value in values)
    return Camera(fx, fy, cx, cy, size, axes="y_down")
