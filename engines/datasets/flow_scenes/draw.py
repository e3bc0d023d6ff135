"""Drawing of planned layers, and what is known of every pixel."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...geometry.placement import Size
from .bank import Bank
from .beside import beside
from .deformation import deformed, undone
from .plan import Plan

_BEHIND_CAMERA = 0.2  # of the depth of a layer's middle; what is nearer is not drawn
_OUTSIDE = -1e4  # px from an outline
_LEAP = 0.5  # px of a picture of a person, between neighbours that move together
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
    here = _Points(pixels, pixels, None)
    there = layers.backward(pixels)
    ends = layers.forward(pixels)
    covers = [layers.inside(points, frame) for frame, points in enumerate((here, there))]
    textures = layers.textures()
    colours = [layers.colours(textures, points, n) for n, points in enumerate((here, there))]
    hidden = layers.hidden(pixels)

    pairs = plan.heights[0]
    frames = [torch.zeros(pairs, 3, *size, device=pixels.device) for _ in range(2)]
    flow, back = (torch.zeros(pairs, 2, *size, device=pixels.device) for _ in range(2))
    front = torch.zeros(pairs, *size, dtype=torch.int64, device=pixels.device)
    lost = torch.zeros_like(front, dtype=torch.bool)
    for rank, rows, count in _ranks(plan):
        for frame, colour, cover in zip(frames, colours, covers, strict=True):
            part = (cover[rows] + 0.5).clamp(0, 1)[:, None]
            frame[:count] += (colour[rows] - frame[:count]) * part
        seen = covers[0][rows] >= 0
        flow[:count] = torch.where(seen[:, None], ends[rows] - pixels, flow[:count])
        front[:count] = torch.where(seen, rank, front[:count])
        lost[:count] = torch.where(seen, hidden[rows], lost[:count])
        seen = covers[1][rows, None] >= 0
        back[:count] = torch.where(seen, there.first[rows] - pixels, back[:count])
    first, second = frames
    lost |= _covered(plan, layers, pixels + flow, front, size)
    return Drawn(first, second, flow, back, lost[:, None])


def _covered(plan: Plan, layers: "_Layers", ends: Tensor, front: Tensor, size: Size) -> Tensor:
    """Return [N,H,W]: whether `ends` [N,2,H,W] lie outside of the picture or behind a layer in
    front of the own one `front` [N,H,W]."""
    height, width = size
    hidden = ends[:, 0].abs() > (width - 1) / 2 + _ROUNDING
    hidden |= ends[:, 1].abs() > (height - 1) / 2 + _ROUNDING
    places = torch.cat([ends[:count] for count in plan.heights])
    covered = layers.inside(layers.backward(places), 1) >= 0
    for rank, rows, count in _ranks(plan):
        hidden[:count] |= covered[rows] & (front[:count] < rank)
    return hidden


def _ranks(plan: Plan) -> Iterator[tuple[int, slice, int]]:
    """Yield, from back to front, a rank, its rows, and how many pairs they are of."""
    start = 0
    for rank, count in enumerate(plan.heights):
        yield rank, slice(start, start + count), count
        start += count


@dataclass(frozen=True)
class _Points:
    """Points of layers in a frame.

    first:  [M or 1,2,H,W] px, where they are in the first frame
    flat:   [M or 1,2,H,W] px, without their deformation
    before: [M,H,W] bool, whether they are before the camera; None: all
    """

    first: Tensor
    flat: Tensor
    before: Tensor | None


@dataclass(frozen=True)
class _Layers:
    plan: Plan
    bank: Bank

    def forward(self, points: Tensor) -> Tensor:
        """Return where points [M or 1,2,H,W] of the first frame are in the second one."""
        points, _ = _mapped(self._moved(points, frame=0), self.plan.forward)
        return points

    def backward(self, points: Tensor) -> _Points:
        """Return points [M or 1,2,H,W] px of the second frame as such of the layers."""
        flat, before = _mapped(points, self.plan.backward)
        return _Points(self._moved(flat, frame=1), flat, before)

    def inside(self, points: _Points, frame: int) -> Tensor:
        """Return how many px of a frame its points lie inside of the outlines: [M,H,W]."""
        grid = _placed(points.first, self.plan.shape_map)
        shapes = self.bank.shapes.index_select(0, self.plan.shape)
        found = F.grid_sample(shapes, grid, padding_mode="border", align_corners=False)[:, 0]
        units = self.plan.units[:, frame, None, None]
        # Beyond what is stored there is nothing.
        found = found.masked_fill((grid.abs() > 1).any(-1), _OUTSIDE)
        found = torch.where(units > 0, found * units, -_OUTSIDE)
        if len(self.plan.people):
            covered = self._looks(points.flat, frame, slice(3, 4))[:, 0]
            found.index_copy_(0, self.plan.people, covered - 0.5)
        return found if points.before is None else found.masked_fill_(~points.before, _OUTSIDE)

    def hidden(self, points: Tensor) -> Tensor:
        """Return whether people themselves hide points [1,2,H,W] of the first frame: [M,H,W]."""
        out = torch.zeros(
            len(self.plan.units), *points.shape[2:], dtype=torch.bool, device=points.device
        )
        if len(self.plan.people):
            own = self.bank.people.hidden.index_select(0, self.plan.person).float()
            found = F.grid_sample(own, self._people(points), align_corners=False)[:, 0]
            out.index_copy_(0, self.plan.people, found > 0.5)
        return out

    def textures(self) -> Tensor:
        """Return the layers' textures in the colours of the layers: [M,3,S,S]."""
        plain = self.bank.textures.index_select(0, self.plan.texture).float()
        red, green, blue = plain[:, :, None].unbind(1)
        own = self.plan.colours[..., None, None, :]
        mixed = own[..., 3] + own[..., 0] * red
        mixed = mixed.addcmul_(own[..., 1], green).addcmul_(own[..., 2], blue)
        return mixed.clamp_(0, 1)

    def colours(self, textures: Tensor, points: _Points, frame: int) -> Tensor:
        """Return the colours [M,3,H,W] at points of a frame."""
        grid = _placed(points.first, self.plan.texture_map)
        found = F.grid_sample(
            textures, grid, mode="bicubic", padding_mode="reflection", align_corners=False
        )
        if len(self.plan.people):
            seen = self._looks(points.flat, frame, slice(0, 3))
            found.index_copy_(0, self.plan.people, seen)
        return found

    def _moved(self, points: Tensor, frame: int) -> Tensor:
        """Return where deformations and poses move points [M or 1,2,H,W] of a frame, in the
        other one."""
        bent, people = self.plan.bent, self.plan.people
        out = points.expand(len(self.plan.units), -1, -1, -1).clone()
        if len(bent):
            bend = undone if frame else deformed
            out.index_copy_(0, bent, bend(out.index_select(0, bent), self.plan.waves))
        if len(people):
            out.index_add_(0, people, self._stepped(points, frame))
        return out

    def _stepped(self, points: Tensor, frame: int) -> Tensor:
        """Return by how much poses move points of a frame: px [B,2,H,W] of the rows of people."""
        shifts = self.bank.people.shift[:, frame].index_select(0, self.plan.person)
        grid = self._people(points)
        smooth, own = (
            F.grid_sample(shifts, grid, mode=mode, padding_mode="border", align_corners=False)
            for mode in ("bilinear", "nearest")
        )
        # Between an arm and what is behind it there is nothing halfway.
        apart = (smooth - own).abs().amax(1, keepdim=True) * (shifts.shape[-1] / 2)
        x, y = torch.where(apart > _LEAP, own, smooth).unbind(1)
        linear = self.plan.shape_map.index_select(0, self.plan.people)[..., None, None]
        a, b, c, d = (linear[:, row, column] for row in range(2) for column in range(2))
        scale = a * d - b * c
        return torch.stack([(d * x - b * y) / scale, (a * y - c * x) / scale], 1)

    def _looks(self, points: Tensor, frame: int, channels: slice) -> Tensor:
        """Return what people look like at points: [B,C,H,W]."""
        looks = self.bank.people.looks[:, frame, channels].index_select(0, self.plan.person)
        return F.grid_sample(looks.float(), self._people(points), align_corners=False)

    def _people(self, points: Tensor) -> Tensor:
        """Return the places of points [M or 1,2,H,W] in the pictures of people, [B,H,W,2]."""
        people = self.plan.people
        own = points.index_select(0, people) if len(points) > 1 else points
        return _placed(own, self.plan.shape_map.index_select(0, people))


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
            moved[field.name] = beside(value, device)
    return replace(plan, **moved)
