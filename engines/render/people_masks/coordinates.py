"""A point within each mask, as text."""

import torch
from torch import Tensor

from ...document import as_text


def positive_points(masks: Tensor) -> str:
    """Return for each of masks [N,H,W] bool, none of them empty, the pixel that is nearest to its
    middle, as JSON: [{"x": 12, "y": 34}, ...]."""
    height, width = masks.shape[1:]
    y = torch.arange(height, device=masks.device)[:, None].expand(height, width)
    x = torch.arange(width, device=masks.device).expand(height, width)
    area = masks.sum((1, 2))
    far = [
        ((masks * at).sum((1, 2)).double() / area)[:, None, None].sub(at).square() for at in (x, y)
    ]
    nearest = torch.where(masks, far[0] + far[1], torch.inf).flatten(1).argmin(1)
    points = zip((nearest % width).tolist(), (nearest // width).tolist(), strict=True)
    return as_text([{"x": column, "y": row} for column, row in points])
