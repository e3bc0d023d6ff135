"""What everything that finds heads shares."""

import torch
from torch import Tensor

from ..checks import check_frames
from ..errors import InputError
from ..geometry.placement import Size
from ..pose.poses import Poses

_FRAMES = 16  # looked at together
_GPU_PIXELS = 2**26  # of frames that a GPU looks at together, for which few are too little work


def frames_together(device: torch.device, source: Size) -> int:
    """Return in how many frames of `source` (height, width) faces are looked for together."""
    if device.type != "cuda":
        return _FRAMES
    return max(1, _GPU_PIXELS // (source[0] * source[1]))


def check_search(
    frames: Tensor, poses: Poses | None, *, score_threshold: float, max_heads: int
) -> bool:
    """Return whether all pixels of `frames` [F,H,W,3] lie in 0..1, see `check_frames`.

    Raises `InputError` for frames that are not RGB in 0..1 or not those of `poses`, and for
    settings out of range.
    """
    exact = check_frames("image", frames)
    if not 0 <= score_threshold <= 1:
        raise InputError(f"score_threshold: expected 0..1, found {score_threshold}")
    if max_heads < 1:
        raise InputError(f"max_heads: expected at least 1, found {max_heads}")
    if poses is not None:
        poses.need_frames("poses", frames)
    return exact
