"""Masks of what the model generates, 1 = generate, and the footage to keep."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import check_frames, check_masks
from ..detections.detections import Detections
from ..errors import InputError
from ..geometry.frames import expand_frames
from ..geometry.morphology import feather, grow
from ..geometry.placement import Size, fit_images
from ..pose.poses import Poses
from ..words import counted
from .choices import FARTHEST, REGIONS
from .normalise import NEUTRAL
from .positions import parse_frames

Boxed = Detections | Poses

SPLIT = 0.5  # VACE takes what is above as 1, the rest as 0


@dataclass(frozen=True)
class Masked:
    """Images [F,H,W,3] and masks [F,H,W] in 0..1; grey where the mask says generate."""

    image: Tensor
    mask: Tensor


def mask_clip(
    image: Tensor,
    *,
    generate: str = "auto",
    mask: Tensor | None = None,
    boxes: Boxed | None = None,
    margin: float = 0.0,
    invert: bool = False,
    grow_by: int = 0,
    feather_by: int = 0,
    keep: str = "",
    steady: bool = False,
    binary: bool = True,
) -> Masked:
    """Paint what the model is to generate neutral grey, and return the footage and its mask.

    image:      [F,H,W,3] 0..1, the footage
    generate:   everything ("all"), nothing ("none"), where `mask` is white, or in `boxes`; "auto"
                is what is given: either or both, or everything where neither is
    mask:       [F,h,w] or [1,h,w] 0..1, stretched onto the image; one serves every frame
    boxes:      people of F frames, or of one that serves every frame, on a canvas that is
                stretched onto the image
    margin:     added on each side of a box, in parts of that side; negative makes boxes smaller
    invert:     generate what is outside instead, before anything below
    grow_by:    px on every side, negative shrinks
    feather_by: px over which an edge fades
    keep:       frames that are kept whole, see `parse_frames`
    steady:     what any frame generates, all do, those of `keep` excepted
    binary:     split `mask` at 0.5 first, as VACE does with all masks and WanVaceToVideo does not

    The order is: region, invert, steady, grow, feather, keep. Grey is 0.5, the 127.5 that VACE
    was trained with. Raises `InputError` for input that is missing or does not fit the image.
    """
    check_frames("image", image)
    if abs(grow_by) > FARTHEST or not 0 <= feather_by <= FARTHEST:
        raise InputError(
            f"grow, feather: expected up to {FARTHEST} px, feather at least 0, "
            f"found {grow_by} and {feather_by}"
        )
    image = image.float()
    frames = image.shape[0]
    kept = parse_frames(keep, frames)
    region = _region(image, generate, mask, boxes, margin, binary)
    if invert:
        region = 1 - region
    if steady:
        region = region.amax(0, keepdim=True)
    region = feather(grow(region, grow_by), feather_by)
    region = expand_frames(region, frames).contiguous()
    if kept:
        region[kept] = 0
    return Masked(paint(image, region), region)


def paint(image: Tensor, mask: Tensor) -> Tensor:
    """Blend images [F,H,W,3] with neutral grey by masks [F,H,W]."""
    return torch.lerp(image, image.new_tensor(NEUTRAL), mask[..., None])


def in_words(mask: Tensor) -> str:
    """Describe how much of a mask [F,H,W] is generated, and how many frames are kept or generated
    whole."""
    frames = mask.shape[0]
    lows, highs = mask.flatten(1).aminmax(dim=1)
    kept, free = int((highs == 0).sum()), int((lows == 1).sum())
    said = [f"{float(mask.mean()):.0%} generated"]
    said += [f"{kept} of {counted(frames, 'frame')} kept whole"] if kept else []
    said += [f"{free} of {frames} generated whole"] if 0 < free < frames else []
    return ", ".join(said)


def boxes_mask(boxes: Boxed, size: Size, *, margin: float = 0.0) -> Tensor:
    """Return masks [F,H,W] float32 that are 1 in every pixel that a box touches.

    margin: added on each side, in parts of that side. Raises `InputError` for a box that is not
    a number.
    """
    height, width = size
    scale = boxes.boxes.new_tensor([width / boxes.canvas[1], height / boxes.canvas[0]]).repeat(2)
    corners = boxes.boxes * scale  # [F,P,4] x0, y0, x1, y1
    present = boxes.present
    if not bool((corners.isfinite().all(-1) | ~present).all()):
        raise InputError("boxes: a box is not a number; look at the node that makes them")
    low, high = corners.split(2, -1)
    present = present & (high > low).all(-1)  # a box without an area touches nothing
    grown = (high - low) * margin
    low, high = low - grown, high + grown
    present = present & (high > low).all(-1)
    columns = torch.arange(width, device=corners.device)
    rows = torch.arange(height, device=corners.device)
    across = (columns + 1 > low[..., :1]) & (columns < high[..., :1]) & present[..., None]
    down = (rows + 1 > low[..., 1:]) & (rows < high[..., 1:])
    # FPH, FPW -> FHW, how many boxes
    covers: Tensor = down.float().transpose(1, 2) @ across.float()
    return covers.clamp(max=1)


def _region(
    image: Tensor,
    generate: str,
    mask: Tensor | None,
    boxes: Boxed | None,
    margin: float,
    binary: bool,
) -> Tensor:
    """Return what `generate` asks for, [F,H,W] or [1,H,W]."""
    if generate not in REGIONS:
        raise InputError(f"generate: expected one of {', '.join(REGIONS)}, found {generate!r}")
    if generate == "mask" and mask is None:
        raise InputError(
            "mask: generate is mask, but no mask is connected; connect one or choose all"
        )
    if generate == "boxes" and boxes is None:
        raise InputError(
            "boxes: generate is boxes, but there are none; connect poses or bounding_box"
        )
    regions = []
    if mask is not None and generate in ("auto", "mask"):
        regions.append(_fitted(mask, image, binary))
    if boxes is not None and generate in ("auto", "boxes"):
        regions.append(_boxed(boxes, image, margin))
    if not regions:
        everything = generate in ("auto", "all")
        return image.new_full((1, *image.shape[1:3]), float(everything))
    return torch.maximum(regions[0], regions[-1])


def _boxed(boxes: Boxed, image: Tensor, margin: float) -> Tensor:
    frames, height, width = image.shape[:3]
    if len(boxes) not in (1, frames):
        raise InputError(
            f"boxes: expected boxes of {counted(frames, 'frame')} (as many as there are images) or "
            f"1, found {len(boxes)}"
        )
    return boxes_mask(boxes.to(image.device), (height, width), margin=margin)


def _fitted(mask: Tensor, image: Tensor, binary: bool) -> Tensor:
    check_masks("mask", mask)
    frames, height, width = image.shape[:3]
    if mask.shape[0] not in (1, frames):
        raise InputError(
            f"mask: expected 1 mask or {frames} (one for each image), found {mask.shape[0]}"
        )
    fitted = fit_images(mask[..., None].to(image), (height, width), "stretch", fill=0)[..., 0]
    return (fitted > SPLIT).to(image) if binary else fitted.clamp(0, 1)
