"""Pictures that are drawn upon: one per frame, with what lies behind the drawing."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..constants import constant
from ..errors import InputError
from ..geometry.frames import expand_frames
from ..geometry.placement import Size, fit_images, scale_and_shift
from ..memory import shortage
from ..words import counted

# Pixels drawn in one go: bounds the working memory to some hundred MB at any length of video,
# and on a CPU keeps it near the caches.
_PIXELS_AT_ONCE = {"cpu": 2**21, "cuda": 2**26}
_OTHER_DEVICES = 2**24
_BYTES = 16  # of a pixel: RGB and a mask as float32


@dataclass(frozen=True)
class Canvas:
    """Pictures that are drawn upon in place, on one device.

    image:  [F,H,W,3] 0..1
    mask:   [F,H,W] 0..1: how much of each pixel was drawn over
    source: height and width in pixels that the coordinates of drawings refer to
    fit:    how those are brought to the pictures; see `scale_and_shift`
    """

    image: Tensor
    mask: Tensor
    source: Size
    fit: str = "stretch"

    @classmethod
    def of(
        cls,
        frames: int,
        source: Size,
        size: Size | None = None,
        *,
        fit: str = "stretch",
        footage: Tensor | None = None,
        device: torch.device | str = "cpu",
    ) -> "Canvas":
        """Prepare `frames` pictures of `size` (None: `source`), black or with footage on them.

        footage: [F,H,W,3] or [1,H,W,3] 0..1, brought to `size` in the same way as the drawings

        Raises `InputError` for a size below 1 px, pictures that do not fit into memory, an unknown
        fit, and footage of another length.
        """
        height, width = size or source
        if min(height, width) < 1:
            raise InputError(f"size: expected at least 1x1, found {width}x{height}")
        scale_and_shift(source, (height, width), fit)
        if lacking := shortage(frames * height * width * _BYTES):
            raise InputError(
                f"size: {counted(frames, 'picture')} of {width}x{height} need {lacking}; draw "
                "smaller ones, or fewer at a time"
            )
        if footage is None:
            image = torch.zeros(frames, height, width, 3, device=device)
        else:
            image = _behind(footage.to(device, torch.float32), frames, (height, width), fit)
        return cls(image, torch.zeros(frames, height, width, device=device), source, fit)

    @property
    def size(self) -> Size:
        """Height and width of the pictures in pixels."""
        return self.image.shape[1], self.image.shape[2]

    def place(self, points: Tensor) -> Tensor:
        """Map x, y [...,2] from pixels of `source` to pixels of the pictures."""
        scale, shift = scale_and_shift(self.source, self.size, self.fit)
        by, plus = (
            constant((float(x), float(y)), points.dtype, points.device) for y, x in (scale, shift)
        )
        return points * by + plus

    def parts(self) -> Iterator[slice]:
        """Split the frames into parts whose pixels fit the working memory."""
        height, width = self.size
        pixels = _PIXELS_AT_ONCE.get(self.image.device.type, _OTHER_DEVICES)
        step = max(1, pixels // (height * width))
        for start in range(0, len(self.image), step):
            yield slice(start, min(start + step, len(self.image)))


def _behind(footage: Tensor, frames: int, size: Size, fit: str) -> Tensor:
    """Return what lies behind the drawing, [F,H,W,3], a new tensor that may be drawn upon."""
    if footage.shape[0] not in (1, frames):
        raise InputError(
            f"footage: expected {counted(frames, 'frame')} (as many as are drawn) or 1, "
            f"found {footage.shape[0]}"
        )
    image = fit_images(footage, size, fit, fill=0.0)
    return expand_frames(image, frames).clamp(0, 1).contiguous()  # a copy in any case
