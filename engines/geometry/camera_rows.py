"""Cameras in files: a row of numbers for every frame."""

import math
import re
from collections.abc import Mapping

from torch import Tensor

from ..checks import check_shape
from ..errors import InputError
from .camera import Camera


def camera_rows(camera: Camera, frames: int) -> Tensor:
    """Return fx, fy, cx and cy [F,4] px of every frame."""
    return camera.table(camera.fx.dtype).T.expand(frames, -1)


def camera_of_rows(rows: Tensor, size: str, axes: str, near: str) -> Camera:
    """Return the camera of rows [F,4]; one for all frames if all rows are the same.

    size: "464x832": height, width of its picture in px; axes, near: as of `Camera`

    Raises `InputError` for values that no camera has.
    """
    check_shape("camera", rows, ("frames", 4))
    sides = re.fullmatch(r"(\d{1,9})x(\d{1,9})", size)
    if sides is None:
        raise InputError(f"camera_size: expected a size such as 464x832, found {size[:40]!r}")
    try:
        distance = float(near)
    except ValueError:
        distance = math.nan
    if not len(rows):
        raise InputError("camera: expected at least 1 frame, found none")
    same = bool((rows == rows[0]).all())
    fx, fy, cx, cy = (rows[:1] if same else rows).clone().unbind(1)
    return Camera(fx, fy, cx, cy, (int(sides[1]), int(sides[2])), axes, distance)


def about_camera(camera: Camera) -> dict[str, str]:
    """Return what the metadata of a file say of a camera, beside its rows."""
    return {
        "camera_size": f"{camera.size[0]}x{camera.size[1]}",
        "camera_axes": camera.axes,
        "camera_near": repr(camera.near),
    }


def described_camera(rows: Tensor, about: Mapping[str, str]) -> Camera:
    """Return the camera of rows [F,4] and of metadata made by `about_camera`.

    Raises `InputError` for values that no camera has.
    """
    size, axes, near = (about.get(f"camera_{name}", "") for name in ("size", "axes", "near"))
    return camera_of_rows(rows, size, axes, near)
