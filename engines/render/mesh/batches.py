"""Frames that are drawn together: as many as fit the working memory."""

from collections.abc import Iterator, Sequence

import torch

from ...geometry.camera import Camera
from ...geometry.placement import Size
from .instances import Instances
from .soup import boxes

# Samples in the boxes of instances. One takes up to 250 bytes while it is shaded; on a CPU few
# keep near the caches.
_SAMPLES_AT_ONCE = {"cpu": 2**19, "cuda": 2**24}
_OTHER_DEVICES = 2**21


def batches(
    parts: Sequence[Instances], camera: Camera, frames: int, size: Size, samples: int
) -> Iterator[slice]:
    """Yield all frames in order, divided by how much of the pictures of `size` the instances may
    cover, with `samples` per pixel.

    A frame that is too much by itself is drawn alone.
    """
    height, width = size
    device = parts[0].vertices.device
    found = torch.cat([boxes(part, camera) for part in parts])
    # One wait for a GPU for all of them: frame numbers are exact up to 2**24.
    frame = torch.cat([part.frame for part in parts])
    table = torch.cat([found, frame[:, None].to(found.dtype)], 1).cpu()
    box = table[:, :4].clamp(min=0).minimum(table.new_tensor([width, height] * 2))
    sides = (box[:, 2:] - box[:, :2]).double()
    area = torch.zeros(frames, dtype=torch.float64)
    area.index_add_(0, table[:, 4].long(), sides[:, 0] * sides[:, 1])
    budget = _SAMPLES_AT_ONCE.get(device.type, _OTHER_DEVICES) / samples
    group = (area.clamp(max=height * width).cumsum(0) / budget).floor()
    lengths = group.unique_consecutive(return_counts=True)[1]
    start = 0
    for stop in lengths.cumsum(0).tolist():
        yield slice(start, stop)
        start = stop
