"""What tests ask of warping and occlusion, beside what the nodes do."""

import torch
from torch import Tensor

from kinograph.engines.flow import consistency
from kinograph.engines.flow.flow import Flow


def warp(images: Tensor, flow: Tensor) -> Tensor:
    """Images [N,H,W,C] looked up along flows [N,2,H,W] px."""
    out = torch.empty(images.shape, dtype=images.dtype, device=flow.device)
    consistency._warp(images, flow, out)
    return out


def occlusions(flow: Flow) -> tuple[Tensor, Tensor]:
    """[N,H,W] 0 or 1: what the second frame of each pair hides, and what the first did not show."""
    forward, backward = consistency._both(flow)
    lost, new = (flow.main.new_empty(len(flow), *flow.size) for _ in range(2))
    consistency._hiding(forward, backward, lost)
    consistency._hiding(backward, forward, new)
    return lost, new
