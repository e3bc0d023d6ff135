"""Single pictures beside clips."""

from torch import Tensor


def expand_frames(images: Tensor, frames: int) -> Tensor:
    """Repeat a single image [1,...] for every frame, without a copy; return others unchanged."""
    return images if images.shape[0] == frames else images.expand(frames, *images.shape[1:])
