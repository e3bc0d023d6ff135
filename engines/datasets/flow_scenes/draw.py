"""Drawing of planned layers, and what is known of every pixel."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...geometry.placement import Size
from .bank import Bank
from .deformation import deformed, undone
from .plan import Plan

_BEHIND_CAMERA = 0.2  # of the depth of a layer's middle; what is nearer is not drawn
_OUTSIDE = -1e4  # px from an outline
_ROUNDING = 1e-3  # px


@dataclass(frozen=True)
class Drawn:
    """first, second: [N,3,H,W] 0..1
    flow:     [N,2,H,W] px, from each pixel of the first frame to the second one
    back:     [N,2,H,W] px, from each pixel of the second frame to the first one
    occluded: [N,1,H,W] bool, pixels of the first frame that the second one does not show
    """

    first: Tensor
    second: Tensor
    flow: Tensor
    back: Tensor
    occluded: Tensor


def drawn(plan: Plan, bank: Bank, size: Size) -> Drawn:
    """Draw pairs in the order of `plan.order`, whose tensors lie beside the bank's."""
    layers = _Layers(plan, bank)
    pixels = _pixels(size, bank.textures.device)
    ends = layers.forward(pixels)
    starts, before = layers.backward(pixels)
    cover_first = layers.inside(pixels, 0)
    cover_second = layers.inside(starts, 1).masked_fill(~before, _OUTSIDE)
    textures = layers.textures()
    colours = [layers.colours(textures, points) for points in (pixels, starts)]

    pairs = plan.heights[0]
    frames = [torch.zeros(pairs, 3, *size, device=pixels.device) for _ in range(2)]
    flow, back = (torch.zeros(pairs, 2, *size, device=pixels.device) for _ in range(2))
    front = torch.zeros(pairs, *size, dtype=torch.int64, device=pixels.device)
    for rank, rows, count in _ranks(plan):
        for frame, colour, cover in zip(frames, colours, (cover_first, cover_second), strict=True):
            part = (cover[rows] + 0.5).clamp(0, 1)[:, None]
            frame[:count] += (colour[rows] - frame[:count]) * part
        seen = cover_first[rows] >= 0
        flow[:count] = torch.where(seen[:, None], ends[rows] - pixels, flow[:count])
        front[:count] = torch.where(seen, rank, front[:count])
        seen = cover_second[rows, None] >= 0
        back[:count] = torch.where(seen, starts[rows] - pixels, back[:count])
    first, second = frames
    return Drawn(first, second, flow, back, _occluded(plan, layers, pixels + flow, front, size))


def _occluded(plan: Plan, layers: "_Layers", ends: Tensor, front: Tensor, size: Size) -> Tensor:
    """Return [N,1,H,W]: whether `ends` [N,2,H,W] lie outside of the picture or behind a layer in
    front of the own one `front` [N,H,W]."""
    limit = ends.new_tensor([size[1] - 1, size[0] - 1])[:, None, None] / 2 + _ROUNDING
    hidden = (ends.abs() > limit).any(1)
    places = torch.cat([ends[:count] for count in plan.heights])
    starts, before = layers.backward(places)
    covered = (layers.inside(starts, 1) >= 0) & before
    for rank, rows, count in _ranks(plan):
        hidden[:count] |= covered[rows] & (front[:count] < rank)
    return hidden[:, None]


def _ranks(plan: Plan) -> Iterator[tuple[int, slice, int]]:
    """Yield, from back to front, a rank, its rows, and how many pairs they are of."""
    start = 0
    for rank, count in enumerate(plan.heights):
        yield rank, slice(start, start + count), count
        start += count


@dataclass(frozen=True)
class _Layers:
    plan: Plan
    bank: Bank

    def forward(self, points: Tensor) -> Tensor:
        """Return where points [M or 1,2,H,W] of the first frame are in the second one."""
        points, _ = _mapped(self._bent(points, undo=False), self.plan.forward)
        return points

    def backward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return where points [M or 1,2,H,W] of the second frame were in the first one, and
        whether they are before the camera [M,H,W]."""
        points, before = _mapped(points, self.plan.backward)
        return self._bent(points, undo=True), before

    def inside(self, points: Tensor, frame: int) -> Tensor:
        """Return how many px of a frame points [M or 1,2,H,W] of the first one lie inside of the
        outlines: [M,H,W]."""
        grid = _placed(points, self.plan.shape_map)
        shapes = self.bank.shapes.index_select(0, self.plan.shape)
        found = F.grid_sample(shapes, grid, padding_mode="border", align_corners=False)[:, 0]
        units = self.plan.units[:, frame, None, None]
        # Beyond what is stored there is nothing.
        found = found.masked_fill((grid.abs() > 1).any(-1), _OUTSIDE)
        return torch.where(units > 0, found * units, -_OUTSIDE)

    def textures(self) -> Tensor:
        """Return the layers' textures in the colours of the layers: [M,3,S,S]."""
        plain = self.bank.textures.index_select(0, self.plan.texture).float()
        red, green, blue = plain[:, :, None].unbind(1)
        own = self.plan.colours[..., None, None, :]
        mixed = own[..., 3] + own[..., 0] * red
        mixed = mixed.addcmul_(own[..., 1], green).addcmul_(own[..., 2], blue)
        return mixed.clamp_(0, 1)

    def colours(self, textures: Tensor, points: Tensor) -> Tensor:
        """Return the colours [M,3,H,W] at points [M or 1,2,H,W] of the first frame."""
        grid = _placed(points, self.plan.texture_map)
        return F.grid_sample(
            textures, grid, mode="bicubic", padding_mode="reflection", align_corners=False
        )

    def _bent(self, points: Tensor, *, undo: bool) -> Tensor:
        bent = self.plan.bent
        if not len(bent):
            return points
        rows = len(self.plan.units)
        points = points.expand(rows, -1, -1, -1)
        moved = (undone if undo else deformed)(points.index_select(0, bent), self.plan.shears)
        return points.clone().index_copy_(0, bent, moved)


def _pixels(size: Size, device: torch.device) -> Tensor:
    """Return the middles of pixels [1,2,H,W], from the middle of the picture."""
    height, width = size
    x, y = (torch.arange(n, device=device) - (n - 1) / 2 for n in (width, height))
    return torch.stack([x.expand(height, -1), y[:, None].expand(-1, width)])[None]


def _mapped(points: Tensor, matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return where homographies [M,3,3] move points [M or 1,2,H,W], and whether these are before
    the camera [M,H,W]."""
    x, y = points.unbind(1)
    each = matrix[..., None, None]
    across, down, depth = (each[:, n, 0] * x + each[:, n, 1] * y + each[:, n, 2] for n in range(3))
    before = depth > _BEHIND_CAMERA
    depth = depth.clamp_(min=_BEHIND_CAMERA)
    return torch.stack([across / depth, down / depth], 1), before


def _placed(points: Tensor, matrix: Tensor) -> Tensor:
    """Return where affine maps [M,2,3] move points [M or 1,2,H,W], as a grid [M,H,W,2]."""
    x, y = points.unbind(1)
    each = matrix[..., None, None]
    return torch.stack(
        [each[:, n, 0] * x + each[:, n, 1] * y + each[:, n, 2] for n in range(2)], -1
    )


def on_device(plan: Plan, device: torch.device) -> Plan:
    """Return a plan with its tensors on a device, in single precision."""
    moved: dict[str, Any] = {}
    for field in fields(plan):
        value = getattr(plan, field.name)
        if isinstance(value, Tensor):
            value = value.float() if value.is_floating_point() else value
            if device.type == "cuda":
                value = value.pin_memory()
            moved[field.name] = value.to(device, non_blocking=True)
    return replace(plan, **moved)
