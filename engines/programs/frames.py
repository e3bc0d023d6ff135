"""Layouts of frames that the classes for programs accept, and the video that they return."""

import torch
from torch import Tensor

from ..checks import check_range
from ..errors import InputError


def images_of(frames: object) -> Tensor:
    """Return frames of any accepted layout as [F,H,W,3], a view.

    frames: RGB, floats in 0..1 or uint8; [1,3,F,H,W], [3,F,H,W] or [F,H,W,3]. A last dimension of
            3 is always the colours

    Raises `InputError` for other shapes, types and ranges, and for several videos at once.
    """
    if not isinstance(frames, Tensor):
        raise InputError(f"frames: expected a torch tensor, found {type(frames).__name__}")
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
    if images.ndim != 4 or images.shape[3] != 3 or 0 in shape:
        raise InputError(
            "frames: expected RGB frames of the shape [1,3,F,H,W], [3,F,H,W] or [F,H,W,3], "
            f"found {shape}"
        )
    if frames.dtype != torch.uint8:
        check_range("frames", frames)
    return images


def as_floats(images: Tensor, device: torch.device) -> Tensor:
    """Convert uint8 to floats in 0..1 on `device`; return floats unchanged."""
    return images.to(device).float() / 255 if images.dtype == torch.uint8 else images


def video_of(images: Tensor) -> Tensor:
    """Convert images [F,H,W,3] in 0..1 to a video for VACE, [1,3,F,H,W] in -1..1."""
    video = images.new_empty(1, 3, *images.shape[:3])
    torch.add(-1.0, images.movedim(-1, 0), alpha=2.0, out=video[0])  # FHWC -> CFHW
    return video
