"""Pairs side by side with what is known of them, to be looked at."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ...render.flow_colours import flow_colours
from . import FlowPairs

COLUMNS = ("first frame", "second frame", "motion", "occluded", "difference after warping")
_FULL = 0.95  # of the lengths in a pair, whose colour is full
_LEAST = 1.0  # px that have it at least
_GAIN = 4.0  # of the difference


def sheet(pairs: FlowPairs) -> Tensor:
    """Return a picture [N*H,5*W,3] 0..1 with a row for each pair and its `COLUMNS`.

    Motion is drawn in Middlebury's colours, full at the 95th percentile of the pair, at 1 px at
    least. The difference is that of the first frame from the second one, looked up where the flow
    leads, times 4, where it is not occluded.
    """
    lengths = pairs.flow.norm(dim=1).flatten(1)
    rank = int(_FULL * (lengths.shape[1] - 1)) + 1
    scales = lengths.kthvalue(rank, dim=1).values.clamp(min=_LEAST)
    motion = flow_colours(pairs.flow, scales).movedim(-1, 1)
    seen = ~pairs.occluded
    apart = (warped(pairs.second, pairs.flow) - pairs.first).abs() * seen
    columns = [
        pairs.first,
        pairs.second,
        motion,
        pairs.occluded.float().expand(-1, 3, -1, -1),
        (apart * _GAIN).clamp(0, 1),
    ]
    return torch.cat(columns, 3).movedim(1, -1).flatten(0, 1)


def warped(images: Tensor, flow: Tensor) -> Tensor:
    """Return images [N,C,H,W] looked up where a flow [N,2,H,W] px leads, bicubically, and with the
    colours of the edges beyond them."""
    height, width = images.shape[-2:]
    x = torch.arange(width, device=flow.device) + flow[:, 0] + 0.5
    y = torch.arange(height, device=flow.device)[:, None] + flow[:, 1] + 0.5
    grid = torch.stack([x * 2 / width, y * 2 / height], -1) - 1
    return F.grid_sample(images, grid, mode="bicubic", padding_mode="border", align_corners=False)
