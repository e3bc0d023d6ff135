"""What becomes hidden, and pictures moved along a flow."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError
from .flow import Flow

# Sundaram, Brox and Keutzer, Dense Point Trajectories by GPU-accelerated Large Displacement Optical
# Flow, 2010: there and back must lead home but for this part of the way, and this many px².
_PART, _SLACK = 0.01, 0.5


def occlusions(flow: Flow) -> tuple[Tensor, Tensor]:
    """Masks [N,H,W] 0 or 1 of what is hidden: pixels of frame i that frame i + 1 does not show, and
    pixels of frame i + 1 that frame i did not.

    A pixel whose way there and back does not end where it began is hidden, and so is one that
    leaves the picture. Raises `InputError` for a flow without its backward part.
    """
    if flow.forward is None or flow.backward is None:
        raise InputError(
            f"flow: expected flow in both directions, found {flow.direction} only; choose "
            "direction both in Estimate Flow"
        )
    return _lost(flow.forward, flow.backward), _lost(flow.backward, flow.forward)


def warp(images: Tensor, flow: Tensor) -> Tensor:
    """Images [N,H,W,C] looked up along flows [N,2,H,W] px: out[y, x] = image[y + v, x + u].

    With the flow from frame i to frame i + 1 and the images i + 1 that is frame i again, but for
    what is hidden. Bilinear; beyond the edge the edge's colour. Raises `InputError` where the sizes
    differ.
    """
    if images.shape[:3] != (flow.shape[0], *flow.shape[2:]):
        raise InputError(
            f"warp: expected {flow.shape[0]} images of {flow.shape[3]}x{flow.shape[2]}, found "
            f"{images.shape[0]} of {images.shape[2]}x{images.shape[1]}"
        )
    moved = _looked_up(images.movedim(-1, 1).float(), flow.float())
    return moved.movedim(1, -1).to(images.dtype)


def _lost(there: Tensor, back: Tensor) -> Tensor:
    there, back = there.float(), back.float()
    home = _looked_up(back, there)
    apart = (there + home).square().sum(1)
    way = there.square().sum(1) + home.square().sum(1)
    hidden = apart > _PART * way + _SLACK
    return (hidden | _leaves(there)).float()


def _leaves(flow: Tensor) -> Tensor:
    """[N,H,W] whether a pixel ends beyond the picture."""
    _, _, height, width = flow.shape
    x, y = _places(flow)
    return (x < 0) | (y < 0) | (x > width - 1) | (y > height - 1)


def _places(flow: Tensor) -> tuple[Tensor, Tensor]:
    """[N,H,W] x and y of where each pixel ends, in pixel centres."""
    _, _, height, width = flow.shape
    x = torch.arange(width, device=flow.device, dtype=flow.dtype) + flow[:, 0]
    y = torch.arange(height, device=flow.device, dtype=flow.dtype)[:, None] + flow[:, 1]
    return x, y


def _looked_up(values: Tensor, flow: Tensor) -> Tensor:
    """Values [N,C,H,W] at where the flow [N,2,H,W] leads."""
    _, _, height, width = values.shape
    x, y = _places(flow)
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1)
    return F.grid_sample(values, grid, padding_mode="border", align_corners=False)
