"""Bilinear sampling of feature maps by gathering.

TensorRT has miscompiled GridSample in deformable decoders without a word (NVIDIA/TensorRT 4813),
and its gradient has no deterministic form on a GPU. Gathers have neither trouble.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ...geometry.placement import Size


def sample(values: Tensor, points: Tensor, levels: Sequence[Size]) -> Tensor:
    """Return the values of feature maps at points between their pixels.

    values: [B,S,h,d] of h heads; S counts the places of all levels, level by level, row by row
    points: [B,Q,h,L,P,2] float32 x, y on each of the L levels; 0..1 is the map, (0, 0) its corner
    levels: height and width of each level

    Returns [B,Q,h,L,P,d]. Outside of the map everything is 0, as in `grid_sample` with zeros
    and align_corners=False.
    """
    batch, _, heads, channels = values.shape
    queries, count = points.shape[1], points.shape[4]
    # Filled on the device: copies from the host cannot be part of a CUDA graph.
    one = torch.ones((), dtype=torch.float32, device=points.device)
    sizes = torch.stack([torch.stack([one * side for side in size]) for size in levels])  # [L,2]
    height, width = (side[:, None] for side in sizes.unbind(1))  # [L,1]
    areas = sizes.prod(1)
    starts = (areas.cumsum(0) - areas)[:, None]
    x, y = (points.float() * sizes.flip(1)[:, None] - 0.5).unbind(-1)  # [B,Q,h,L,P]
    left, top = x.floor(), y.floor()
    right_part, lower_part = x - left, y - top
    weighted: Tensor | None = None
    table = values.transpose(1, 2).flatten(0, 1)  # [B*h,S,d]
    for down in (0, 1):
        for across in (0, 1):
            column, row = left + across, top + down
            part = (right_part if across else 1 - right_part) * (
                lower_part if down else 1 - lower_part
            )
            inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            part = part * inside
            column = torch.minimum(column.clamp(min=0), width - 1)
            row = torch.minimum(row.clamp(min=0), height - 1)
            place = (starts + row * width + column).long()
            place = place.transpose(1, 2).reshape(batch * heads, -1, 1).expand(-1, -1, channels)
            part = part.transpose(1, 2).reshape(batch * heads, -1, 1).to(values.dtype)
            term = table.gather(1, place) * part
            weighted = term if weighted is None else weighted + term
    assert weighted is not None
    shaped = weighted.view(batch, heads, queries, len(levels), count, channels)
    return shaped.transpose(1, 2)
