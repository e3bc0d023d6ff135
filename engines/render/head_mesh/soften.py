"""Blur what was drawn in each picture by as much as the picture is."""

import math

import torch
from torch import Tensor

from ...geometry.placement import Size

_REACH = 3.0  # standard deviations
# Pixels that are blurred in one go: 16 bytes each, a few times over.
_PIXELS_AT_ONCE = {"cpu": 2**21, "cuda": 2**25}
_OTHER_DEVICES = 2**22


def softened(place: Tensor, colour: Tensor, blur: Tensor, size: Size) -> tuple[Tensor, Tensor]:
    """Return pixels and their colours after a Gaussian blur.

    place:  [U] int64, the pixels in pictures [F,H,W] of `size`, each once
    colour: [U,4], multiplied by alpha
    blur:   [F] px; 0: as it is

    Beyond the edges of a picture the drawing goes on as it is seen on average within.
    """
    height, width = size
    reach = math.ceil(float(blur.max()) * _REACH)
    if not reach or not len(place):
        return place, colour
    frame = place // (height * width)
    inside = place - frame * (height * width)
    y, x = inside // width, inside % width
    used, number = frame.unique(return_inverse=True)
    top, bottom = _ends(y, number, len(used), height, reach)
    left, right = _ends(x, number, len(used), width, reach)
    rows, columns = int((bottom - top).max()), int((right - left).max())
    top, left = top.clamp(max=height - rows), left.clamp(max=width - columns)
    weights = _weights(blur[used], reach)  # [n,taps]
    places, colours = [], []
    for at in torch.arange(len(used), device=place.device).split(
        max(1, _PIXELS_AT_ONCE.get(place.device.type, _OTHER_DEVICES) // (rows * columns))
    ):
        here = ((number >= at[0]) & (number <= at[-1])).nonzero().squeeze(1)
        layer = colour.new_zeros(len(at), rows, columns, 4)
        which = number[here]
        layer[which - at[0], y[here] - top[which], x[here] - left[which]] = colour[here]
        layer = _along(layer, weights[at], 1, top[at], height)
        layer = _along(layer, weights[at], 2, left[at], width)
        grid_y = top[at, None] + torch.arange(rows, device=place.device)
        grid_x = left[at, None] + torch.arange(columns, device=place.device)
        every = (used[at, None, None] * height + grid_y[:, :, None]) * width + grid_x[:, None]
        flat = layer.flatten(0, 2)
        seen = (flat[:, 3] > 0).nonzero().squeeze(1)
        places.append(every.flatten()[seen])
        colours.append(flat[seen])
    return torch.cat(places), torch.cat(colours)


def _ends(at: Tensor, number: Tensor, count: int, length: int, reach: int) -> tuple[Tensor, Tensor]:
    """Return the first [n] and last [n] (exclusive) row or column that a blur reaches."""
    first = torch.full((count,), length, device=at.device).scatter_reduce(0, number, at, "amin")
    last = torch.zeros(count, dtype=at.dtype, device=at.device)
    last = last.scatter_reduce(0, number, at, "amax") + 1
    return (first - reach).clamp(min=0), (last + reach).clamp(max=length)


def _weights(blur: Tensor, reach: int) -> Tensor:
    """Return Gaussians [n,taps] of `blur` [n], cut at `_REACH`."""
    at = torch.arange(-reach, reach + 1, device=blur.device)
    sigma = blur[:, None]
    bell = (-(at / sigma.clamp(min=1e-3)).square() / 2).exp()
    bell = torch.where(at.abs() <= (sigma * _REACH).ceil(), bell, 0.0)
    return bell / bell.double().sum(1, keepdim=True).float()


def _along(layer: Tensor, weights: Tensor, axis: int, start: Tensor, length: int) -> Tensor:
    """Return layers [n,R,C,4] blurred along their rows (1) or columns (2).

    start:  [n] the row or column of the picture that the first of a layer is
    length: how many the picture has

    One tap after the other: a convolution may add in another order for other numbers of layers.
    """
    reach, side = weights.shape[1] // 2, layer.shape[axis]
    total = torch.zeros_like(layer)
    inside = layer.new_zeros(len(layer), side)  # how much of the Gaussian lies in the picture
    at = start[:, None] + torch.arange(side, device=layer.device)
    for tap in range(-reach, reach + 1):
        weight = weights[:, tap + reach, None]
        inside += weight * ((at + tap >= 0) & (at + tap < length))
        count = side - abs(tap)
        if count > 0:
            here, there = max(0, -tap), max(0, tap)
            total.narrow(axis, here, count).addcmul_(
                layer.narrow(axis, there, count), weight[..., None, None]
            )
    return total / (inside[:, :, None, None] if axis == 1 else inside[:, None, :, None])
