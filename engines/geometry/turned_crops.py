"""Square crops that are turned with what they show, many of many frames at once, and back."""

from dataclasses import dataclass

import torch
from torch import Tensor

_MOST_SAMPLES = 8  # per pixel and axis: a crop that shrinks more is sampled with gaps


@dataclass(frozen=True)
class Regions:
    """N squares on frames.

    frame:  [N] int64, the index of the frame that each lies on
    centre: [N,2] x, y px
    side:   [N] px
    angle:  [N] rad, clockwise in the picture (y points down): a square of angle 0 is upright
    """

    frame: Tensor
    centre: Tensor
    side: Tensor
    angle: Tensor

    def __len__(self) -> int:
        return len(self.frame)

    def at(self, index: Tensor) -> "Regions":
        """Return the regions at `index`, a mask [N] or numbers [M]."""
        return Regions(self.frame[index], self.centre[index], self.side[index], self.angle[index])

    def axes(self) -> Tensor:
        """Return the directions of the squares' x and y axes [N,2,2], one per row, of length 1."""
        cos, sin = self.angle.cos(), self.angle.sin()
        return torch.stack([torch.stack([cos, sin], -1), torch.stack([-sin, cos], -1)], -2)

    def back(self, points: Tensor, size: int) -> Tensor:
        """Map points [N,K,2 or 3] from px of crops of `size` to px of the frames.

        A third coordinate, the depth, is only scaled.
        """
        scale = (self.side / size)[:, None, None]
        flat = (points[..., :2] - size / 2) * scale @ self.axes() + self.centre[:, None]
        return torch.cat([flat, points[..., 2:] * scale], -1)

    def into(self, points: Tensor, size: int) -> Tensor:
        """Map points [N,K,2] from px of the frames to px of crops of `size`."""
        scale = (size / self.side)[:, None, None]
        return (points - self.centre[:, None]) @ self.axes().mT * scale + size / 2


def crop_turned(
    frames: Tensor,
    regions: Regions,
    size: int,
    *,
    fill: float | None = None,
    averaged: bool = True,
) -> Tensor:
    """Return what regions show of frames [F,H,W,C], as images [N,C,size,size].

    fill:     grey level beyond the edges of a frame; None repeats its outermost pixels
    averaged: whether a grid of samples is averaged where a crop shrinks; without that, fine detail
              aliases, as networks see it that were trained on crops by OpenCV

    Sampling is bilinear, and of each region the same, whatever others there are. Memory is that of
    the samples, not of the frames.
    """
    fine = (regions.side / size * averaged).ceil().clamp(1, _MOST_SAMPLES).long()
    images = frames.new_zeros(len(regions), frames.shape[3], size, size)
    for samples in fine.unique().tolist():
        at = (fine == samples).nonzero()[:, 0]
        images[at] = _sampled(frames, regions.at(at), size, samples, fill)
    return images


def _sampled(frames: Tensor, regions: Regions, size: int, fine: int, fill: float | None) -> Tensor:
    """Do what `crop_turned` does, with a grid of `fine` times `fine` samples per pixel."""
    steps = (torch.arange(size * fine, device=frames.device) + 0.5) / fine  # px of the crop
    grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1).view(1, -1, 2)
    points = regions.back(grid.expand(len(regions), -1, 2), size)
    sampled = _bilinear(frames, regions.frame, points)
    if fill is not None:
        inside = (points >= 0) & (points < points.new_tensor([frames.shape[2], frames.shape[1]]))
        sampled = torch.where(inside.all(-1, keepdim=True), sampled, fill)
    images = sampled.mT.unflatten(2, (size * fine, size * fine))
    return torch.nn.functional.avg_pool2d(images, fine) if fine > 1 else images


def _bilinear(frames: Tensor, frame: Tensor, points: Tensor) -> Tensor:
    """Return the colours [N,S,C] of frames [F,H,W,C] at points [N,S,2] px; centres are at .5."""
    _, height, width, channels = frames.shape
    flat = frames.reshape(-1, channels)
    x = (points[..., 0] - 0.5).clamp(0, width - 1)
    y = (points[..., 1] - 0.5).clamp(0, height - 1)
    left, top = x.floor(), y.floor()
    by_x, by_y = (x - left)[..., None], (y - top)[..., None]
    left, top = left.long(), top.long()
    right, bottom = (left + 1).clamp(max=width - 1), (top + 1).clamp(max=height - 1)
    first = frame[:, None] * (height * width)

    def at(row: Tensor, column: Tensor) -> Tensor:
        return flat[first + row * width + column]

    upper = torch.lerp(at(top, left), at(top, right), by_x)
    return torch.lerp(upper, torch.lerp(at(bottom, left), at(bottom, right), by_x), by_y)
