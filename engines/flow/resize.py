"""Resize flow, whose vectors are scaled as the frames are."""

from dataclasses import replace

import torch.nn.functional as F
from torch import Tensor

from ..geometry.placement import Placement, Size
from .flow import Flow


def from_placement(flow: Tensor, placement: Placement) -> Tensor:
    """Bring flow [N,2,h,w] in pixels of the canvas back to the source: [N,2,H,W] in its pixels.

    The border is cut off exactly. Where the size differs, each axis is scaled by itself, as the
    sides of the resized frames are rounded.
    """
    flow = placement.cut(flow)
    if placement.inner == placement.source:
        return flow.contiguous()
    return _scaled(flow, placement.source, antialias=False)


def stretched(flow: Tensor, size: Size) -> Tensor:
    """Return flow [N,2,H,W] of the frames stretched to `size`: [N,2,h,w] in pixels of that size.

    x is scaled by w / W and y by h / H, so directions turn as they do in the stretched frames.
    Antialiased bilinear between pixels.
    """
    return flow if size == flow.shape[2:] else _scaled(flow, size, antialias=True)


def resized(flow: Flow, size: Size) -> Flow:
    """Return the flow of the frames stretched to `size`; see `stretched`."""
    forward, backward = (
        None if rows is None else stretched(rows, size) for rows in (flow.forward, flow.backward)
    )
    return replace(flow, forward=forward, backward=backward)


def _scaled(flow: Tensor, size: Size, *, antialias: bool) -> Tensor:
    if not len(flow):
        return flow.new_zeros(0, 2, *size)
    height, width = flow.shape[2:]
    by = flow.new_tensor([size[1] / width, size[0] / height])[:, None, None]  # x, y
    return F.interpolate(flow, size, mode="bilinear", antialias=antialias) * by
