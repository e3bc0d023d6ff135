"""Crops round people, all people of all frames at once, and the way back."""

import torch
from torch import Tensor
from torchvision.ops import roi_align


def batches(count: int, most: int, device: torch.device) -> tuple[Tensor, ...]:
    """The numbers 0 to `count` - 1 in tensors of at most `most`; none for none."""
    return torch.arange(count, device=device).split(most) if count else ()


def crop_boxes(boxes: Tensor, size: tuple[int, int], padding: float) -> Tensor:
    """Boxes [N,4] x0, y0, x1, y1 grown by `padding` round their centres, and to the shape of
    `size` (height, width), so that nothing is squashed."""
    height, width = size
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    sides = (boxes[:, 2:] - boxes[:, :2]).clamp(min=1)
    high = torch.maximum(sides[:, 1], sides[:, 0] * height / width) * padding
    half = torch.stack([high * width / height, high], 1) / 2
    return torch.cat([centre - half, centre + half], 1)


def crop(
    frames: Tensor, frame: Tensor, boxes: Tensor, size: tuple[int, int], *, fill: float = 0.0
) -> Tensor:
    """What boxes [N,4] px hold of frames [F,H,W,3], as images [N,3,h,w].

    frame: [N] which frame each box lies on
    fill:  grey beyond the frames' edges, 0..1

    Bilinear, averaged over all the pixels that fall on one when a box is larger than `size`.
    """
    if fill:
        return crop(frames - fill, frame, boxes, size) + fill
    rois = torch.cat([frame[:, None].to(boxes.dtype), boxes], 1)
    images = frames.movedim(-1, 1)
    crops: Tensor = roi_align(images, rois, size, sampling_ratio=-1, aligned=True)
    return crops


def from_crops(points: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Points [N,K,2] in pixels of crops of `size` -> in pixels of the frames."""
    height, width = size
    scale = (boxes[:, 2:] - boxes[:, :2]) / boxes.new_tensor([width, height])
    return boxes[:, None, :2] + points * scale[:, None]
