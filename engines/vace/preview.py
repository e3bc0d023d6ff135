"""Pictures of what a VACE model is given."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError
from ..geometry.placement import Size
from .normalise import GENERATE, NEUTRAL

ROWS = ("control", "kept", "generated", "mask", "reference")
_BAR = 16  # px of the line of words over each picture
_GAP = 2  # px between pictures
_PAPER, _INK = 0.12, 0.9  # grey of the sheet and of words


@dataclass(frozen=True)
class Seen:
    """What WanVaceToVideo makes of its inputs before the VAE.

    control:   [F,H,W,3] brought to size, missing frames grey
    mask:      [F,H,W], missing frames 1
    reference: [1,H,W,3] cut to the same shape, or None
    """

    control: Tensor
    mask: Tensor
    reference: Tensor | None

    @property
    def kept(self) -> Tensor:
        """[F,H,W,3] the inactive part: control where the mask is 0, grey where it is 1."""
        return (self.control - NEUTRAL) * (1 - self.mask[..., None]) + NEUTRAL

    @property
    def generated(self) -> Tensor:
        """[F,H,W,3] the reactive part: control where the mask is 1, grey where it is 0."""
        return (self.control - NEUTRAL) * self.mask[..., None] + NEUTRAL


def see(
    image: Tensor,
    mask: Tensor | None = None,
    *,
    width: int = 0,
    height: int = 0,
    length: int = 0,
    reference: Tensor | None = None,
) -> Seen:
    """Do what ComfyUI's WanVaceToVideo does before the VAE, without clamping values.

    image:     [F,H,W,3 or 4], control_video
    mask:      [f,h,w], control_masks; None = ones
    width, height, length: as WanVaceToVideo is set; 0 = the image's own
    reference: [N,h,w,3 or 4], reference_image, of which the first is used

    Frames beyond `length` are dropped, missing ones are grey with a mask of ones. Everything is
    cut to the shape in the middle and resized bilinearly without antialiasing, the mask by itself.
    A single mask is not repeated. Raises `InputError` for anything but an IMAGE or MASK.
    """
    check_pictures("image", image)
    length, size = length or image.shape[0], (height or image.shape[1], width or image.shape[2])
    if length < 1 or min(size) < 1:
        raise InputError(
            f"width, height, length: expected 1 or more, found {size[1]}, {size[0]} and {length}"
        )
    control = _sized(image[:length, ..., :3].float(), size)
    missing = length - control.shape[0]
    if missing > 0:
        control = F.pad(control, (0, 0, 0, 0, 0, 0, 0, missing), value=NEUTRAL)
    if mask is None:
        seen = control.new_full((length, *size), GENERATE)
    else:
        check_planes("mask", mask)
        seen = _sized(mask[:length, ..., None].to(control), size)[..., 0]
        if seen.shape[0] < length:
            seen = F.pad(seen, (0, 0, 0, 0, 0, length - seen.shape[0]), value=GENERATE)
    if reference is not None:
        check_pictures("reference", reference)
        reference = _sized(reference[:1, ..., :3].to(control), size)
    return Seen(control, seen, reference)


def strips(seen: Seen, *, panel: int = 320) -> Tensor:
    """Return the pictures of `ROWS` of every frame one above the other, with their names, [F,h,w,3]
    0..1.

    panel: px of the longer side of a picture; not more than it has
    """
    height, width = seen.control.shape[1:3]
    by = min(1.0, panel / max(height, width))
    size = max(1, round(height * by)), max(1, round(width * by))
    frames = seen.control.shape[0]
    strip = seen.control.new_full((frames, 0, size[1], 3), _PAPER)
    rows = ROWS if seen.reference is not None else ROWS[:-1]
    pictures = []
    for name in rows:
        picture = getattr(seen, name)
        picture = picture[..., None].expand(-1, -1, -1, 3) if name == "mask" else picture
        small = _small(picture, size).expand(frames, -1, -1, -1)
        title = words(name, size[1]).to(small.device).expand(frames, -1, -1, -1)
        pictures += [title, small]
    return torch.cat([strip, *pictures], 1)


def sheet(strip: Tensor, frames: Sequence[int], names: Sequence[int] | None = None) -> Tensor:
    """Return the strips of some frames side by side, each under its number or name, [1,h,w,3]."""
    chosen = strip[list(frames)]
    heads = [words(f"frame {number}", strip.shape[2]) for number in names or frames]
    columns = torch.cat([torch.cat(heads).to(strip.device), chosen], 1)
    columns = F.pad(columns, (0, 0, _GAP, _GAP), value=_PAPER)
    return columns.movedim(0, 1).flatten(1, 2)[None]  # FHWC -> 1H(FW)C


def spread_over(frames: int, most: int) -> list[int]:
    """Return at most so many frames of a clip, evenly from the first to the last."""
    count = min(frames, most)
    return sorted({round(place) for place in torch.linspace(0, frames - 1, count).tolist()})


def words(text: str, width: int) -> Tensor:
    """Return a line of words as a picture on the background of a sheet, [1,16,width,3]."""
    from PIL import Image, ImageDraw

    line = Image.new("L", (width, _BAR), round(_PAPER * 255))
    ImageDraw.Draw(line).text((3, 2), text, fill=round(_INK * 255))
    pixels = torch.from_numpy(np.array(line)).float() / 255
    return pixels[None, ..., None].expand(-1, -1, -1, 3)


def check_pictures(name: str, image: Tensor) -> None:
    """Raise `InputError` unless it is [F,H,W,3 or 4] with pixels, in whatever range."""
    if image.ndim != 4 or image.shape[-1] not in (3, 4) or 0 in image.shape:
        raise InputError(
            f"{name}: expected images of shape [frames, height, width, 3], "
            f"found {list(image.shape)}"
        )


def check_planes(name: str, mask: Tensor) -> None:
    """Raise `InputError` unless it is [F,H,W] with pixels, in whatever range."""
    if mask.ndim != 3 or 0 in mask.shape:
        raise InputError(
            f"{name}: expected masks of shape [frames, height, width], found {list(mask.shape)}"
        )


def _sized(images: Tensor, size: Size) -> Tensor:
    """Resize [F,H,W,C] to [F,h,w,C] as ComfyUI's common_upscale with bilinear and center."""
    height, width = images.shape[1:3]
    if (height, width) == size:
        return images
    top, left = cut(height, width, size)
    images = images[:, top : height - top, left : width - left]
    resized = F.interpolate(images.movedim(-1, 1), size, mode="bilinear")
    return resized.movedim(1, -1)


def cut(height: int, width: int, size: Size) -> tuple[int, int]:
    """Return how many pixels are cropped from top and bottom, and from left and right, for the
    aspect ratio of `size`."""
    shape, wanted = width / height, size[1] / size[0]
    if shape > wanted:
        return 0, round((width - width * (wanted / shape)) / 2)
    if shape < wanted:
        return round((height - height * (shape / wanted)) / 2), 0
    return 0, 0


def _small(images: Tensor, size: Size) -> Tensor:
    """Resize for display: within 0..1, NaN black, antialiased."""
    images = images.nan_to_num(0.0, 1.0, 0.0).clamp(0, 1)
    if images.shape[1:3] == size:
        return images
    small = F.interpolate(images.movedim(-1, 1), size, mode="bilinear", antialias=True)
    return small.movedim(1, -1)
