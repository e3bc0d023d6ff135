"""Layouts of frames that the classes for programs accept, and the video that they return."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..checks import check_range
from ..errors import InputError

_CURE = "convert them: frames.to(torch.uint8) for values in 0..255"
_CURES = {
    torch.bool: "convert them: frames.float()",
    torch.uint16: "convert them: frames.float() / 65535 for values in 0..65535",
}


def images_of(frames: object) -> Tensor:
    """Return frames of any accepted layout as [F,H,W,3], a view.

    frames: a tensor or a NumPy array, RGB, floats in 0..1 or uint8; [1,3,F,H,W], [3,F,H,W] or
            [F,H,W,3]. A last dimension of 3 is always the colours

    Raises `InputError` for other shapes, types and ranges, for no frames, and for several videos
    at once.
    """
    if isinstance(frames, np.ndarray):
        frames = _from_numpy(frames)
    if not isinstance(frames, Tensor):
        raise InputError(
            f"frames: expected a torch tensor or a NumPy array, found {_kind(frames)}; give all "
            "frames as one, e.g. torch.stack(frames)"
        )
    if frames.device.type == "meta":
        raise InputError("frames: tensors on the device meta have no values; give ones that have")
    if frames.dtype != torch.uint8 and not frames.is_floating_point():
        raise InputError(
            f"frames: expected floats in 0..1 or uint8, found {str(frames.dtype)[6:]}; "
            f"{_CURES.get(frames.dtype, _CURE)}"
        )
    shape = list(frames.shape)
    images = frames
    if frames.ndim == 5:
        if shape[0] != 1:
            raise InputError(
                f"frames: expected one video, [1,3,F,H,W], found {shape}; call once for each"
            )
        images = frames[0]
    if images.ndim == 4 and (frames.ndim == 5 or shape[3] != 3):
        images = images.movedim(0, -1)  # CFHW -> FHWC
    if images.ndim == 4 and images.shape[3] == 3 and not len(images):
        raise InputError(f"frames: no frames, found {shape}; give at least one")
    if images.ndim != 4 or images.shape[3] != 3 or 0 in shape:
        raise InputError(
            "frames: expected RGB frames of the shape [1,3,F,H,W], [3,F,H,W] or [F,H,W,3], "
            f"found {shape}"
        )
    if frames.dtype != torch.uint8:
        check_range("frames", frames)
    return images


def _from_numpy(frames: NDArray[Any]) -> Tensor:
    """Return an array as a tensor; without copying where PyTorch can read it.

    Raises `InputError` for a type that PyTorch does not have.
    """
    forward = min(frames.strides, default=0) >= 0
    if not (forward and frames.dtype.isnative and frames.flags.writeable):
        frames = frames.astype(frames.dtype.newbyteorder("="), order="C")
    try:
        return torch.from_numpy(frames)
    except TypeError as error:
        raise InputError(
            f"frames: expected an array of floats in 0..1 or of uint8, found {frames.dtype}"
        ) from error


def _kind(value: object) -> str:
    if isinstance(value, list | tuple):
        inner = type(value[0]).__name__ if value else "nothing"
        return f"a {type(value).__name__} of {inner}"
    return type(value).__name__


def as_floats(images: Tensor, device: torch.device) -> Tensor:
    """Convert uint8 to fp32 in 0..1 on `device`; return floats as fp32, where they are."""
    return images.to(device).float() / 255 if images.dtype == torch.uint8 else images.float()


def video_of(images: Tensor) -> Tensor:
    """Convert images [F,H,W,3] in 0..1 to a video for VACE, [1,3,F,H,W] in -1..1."""
    video = images.new_empty(1, 3, *images.shape[:3])
    torch.add(-1.0, images.movedim(-1, 0), alpha=2.0, out=video[0])  # FHWC -> CFHW
    return video
