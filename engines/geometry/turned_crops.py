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
    # A CPU takes about a quarter of the time for those that are upright; a GPU would wait for how
    # many rows they have.
    upright = (regions.angle == 0) & (frames.device.type == "cpu")
    kind = fine * 2 + upright
    images = frames.new_zeros(len(regions), frames.shape[3], size, size)
    for number in kind.unique().tolist():
        at = (kind == number).nonzero()[:, 0]
        sampled = _upright if number % 2 else _sampled
        images[at] = sampled(frames, regions.at(at), size, number // 2, fill)
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


def _upright(frames: Tensor, regions: Regions, size: int, fine: int, fill: float | None) -> Tensor:
    """Do what `_sampled` does for regions that are not turned, bit for bit: first along the rows
    that they reach over, then along columns."""
    _, height, width, channels = frames.shape
    count, samples = len(regions), size * fine
    steps = (torch.arange(samples, device=frames.device) + 0.5) / fine - size / 2
    along = steps * (regions.side / size)[:, None]  # px of the frames, from the centre
    x, y = along + regions.centre[:, :1], along + regions.centre[:, 1:]  # [N,S]
    (left, right, by_x), (top, bottom, by_y) = _between(x, width), _between(y, height)
    first = top[:, :1]
    rows = int((bottom[:, -1:] - first).max()) + 1
    row = (first + torch.arange(rows, device=frames.device)).clamp(max=height - 1)
    start = (regions.frame[:, None] * height + row)[..., None] * width  # [N,R,1]
    flat = frames.reshape(-1, channels)

    def columns(at: Tensor) -> Tensor:
        found = flat.index_select(0, (start + at[:, None]).flatten())
        return found.view(count, rows, samples, channels).movedim(3, 1).contiguous()

    across = torch.lerp(columns(left), columns(right), by_x[:, None, None])  # [N,C,R,S]
    plane = torch.arange(count * channels, device=frames.device).view(count, channels, 1) * rows

    def lines(at: Tensor) -> Tensor:
        number = plane + (at - first)[:, None]
        return (
            across.view(-1, samples)
            .index_select(0, number.flatten())
            .view(count, channels, samples, samples)
        )

    images = torch.lerp(lines(top), lines(bottom), by_y[:, None, :, None])
    if fill is not None:
        inside_x, inside_y = (x >= 0) & (x < width), (y >= 0) & (y < height)
        inside = inside_y[:, None, :, None] & inside_x[:, None, None]
        images = torch.where(inside, images, fill)
    return torch.nn.functional.avg_pool2d(images, fine) if fine > 1 else images


def _between(places: Tensor, length: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the pixels before and after places [...] px in rows of `length`, whose centres are at
    .5, and how far a place is on the way from the one to the other."""
    at = (places - 0.5).clamp(0, length - 1)
    low = at.floor()
    number = low.long()
    return number, (number + 1).clamp(max=length - 1), at - low


def _bilinear(frames: Tensor, frame: Tensor, points: Tensor) -> Tensor:
    """Return the colours [N,S,C] of frames [F,H,W,C] at points [N,S,2] px; centres are at .5."""
    _, height, width, channels = frames.shape
    flat = frames.reshape(-1, channels)
    (left, right, by_x), (top, bottom, by_y) = (
        (low, high, way[..., None])
        for low, high, way in (_between(points[..., 0], width), _between(points[..., 1], height))
    )
    first = frame[:, None] * (height * width)

    def at(row: Tensor, column: Tensor) -> Tensor:
        return flat[first + row * width + column]

    upper = torch.lerp(at(top, left), at(top, right), by_x)
    return torch.lerp(upper, torch.lerp(at(bottom, left), at(bottom, right), by_x), by_y)
