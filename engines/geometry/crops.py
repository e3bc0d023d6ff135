"""Crops around people, all people of all frames at once, and back."""

import torch
from torch import Tensor

from . import boxes as box


def batches(count: int, most: int, device: torch.device) -> tuple[Tensor, ...]:
    """Split the indices 0..`count` - 1 into tensors of at most `most`; none for none."""
    return torch.arange(count, device=device).split(most) if count else ()


def crop_boxes(boxes: Tensor, size: tuple[int, int], padding: float) -> Tensor:
    """Grow boxes [N,4] around their centres to the aspect ratio of `size` (height, width).

    padding: how much larger than the box the crop is, at least 1
    """
    height, width = size
    sides = box.sides(boxes).clamp(min=1)
    centre = box.centres(boxes)
    high = torch.maximum(sides[:, 1], sides[:, 0] * height / width) * padding
    half = torch.stack([high * width / height, high], 1) / 2
    return torch.cat([centre - half, centre + half], 1)


def crop(
    frames: Tensor, frame: Tensor, boxes: Tensor, size: tuple[int, int], *, fill: float = 0.0
) -> Tensor:
    """Return what boxes [N,4] px hold of frames [F,H,W,3], as images [N,3,h,w] of `size`.

    frame: [N] the index of the frame that each box lies on
    fill:  grey level beyond the edges of the frames, 0..1

    Sampling is bilinear, averaged over all the pixels that fall on one if a box is larger than
    `size`.
    """
    from torchvision.ops import roi_align  # slow: it imports PyTorch's compiler

    if fill:
        return crop(frames - fill, frame, boxes, size) + fill
    rois = torch.cat([frame[:, None].to(boxes.dtype), boxes], 1)
    images = frames.movedim(-1, 1)
    crops: Tensor = roi_align(images, rois, size, sampling_ratio=-1, aligned=True)
    return crops


def from_crops(points: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Map points [N,K,2] from pixels of crops of `size` to pixels of the frames."""
    height, width = size
    scale = box.sides(boxes) / boxes.new_tensor([width, height])
    return boxes[:, None, :2] + points * scale[:, None]


def into_crops(points: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Map points [N,K,2] from pixels of the frames to pixels of crops of `size`."""
    height, width = size
    inside = (points - boxes[:, None, :2]) * boxes.new_tensor([width, height])
    return inside / box.sides(boxes)[:, None]
