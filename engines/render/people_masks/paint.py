"""Pictures of whole numbers that say who is seen in each pixel."""

import torch
from torch import Tensor

from ...body.bodies import Bodies
from ...geometry.placement import Size
from ..body_meshes import body_meshes
from ..mesh.batches import batches
from ..mesh.raster import Raster
from ..mesh.soup import Soup
from .hulls import Spans


def paint_spans(spans: Spans, frame: Tensor, rank: Tensor, before: Tensor, size: Size) -> Tensor:
    """Return who covers each pixel [F,H,W] uint8: `before` and `rank` of the person of the highest
    rank, 0 where there is nobody.

    frame, rank: [N] int64 of the people of the spans; ranks count from 1 in each frame
    before:      [F] int64, added to all ranks of a frame
    """
    height, width = size
    painted = torch.zeros(len(before), height, width, dtype=torch.uint8, device=before.device)
    if not len(spans.row):
        return painted
    # Only the part of the picture that anything lies in.
    low = torch.stack([spans.row.amin(), spans.first.amin()])
    high = torch.stack([spans.row.amax() + 1, spans.stop.amax()])
    (top, left), (bottom, right) = torch.stack([low, high]).tolist()
    high_, wide = bottom - top, right - left + 1
    layers = int(rank.max())
    # Each span adds one from its first column on, and takes it away behind its last.
    depth = torch.zeros(len(before), layers, high_, wide, dtype=torch.int8, device=painted.device)
    flat = depth.view(-1)
    layer = frame * layers + rank - 1
    row = (layer[spans.person] * high_ + spans.row - top) * wide - left
    one = torch.ones(len(row), dtype=torch.int8, device=row.device)
    flat.index_add_(0, row + spans.first, one)
    flat.index_add_(0, row + spans.stop, -one)
    depth.cumsum_(-1)
    codes = torch.arange(1, layers + 1, device=before.device) + before[:, None]
    seen = (depth > 0) * codes[..., None, None].to(torch.uint8)
    painted[:, top:bottom, left:right] = seen.amax(1)[..., :-1]
    return painted


def paint_bodies(bodies: Bodies, code: Tensor, size: Size, fit: str) -> Tensor:
    """Return whose surface is seen in each pixel [F,H,W] uint8, 0 where there is none.

    code: [N] int64 of the bodies, frame by frame
    size: height, width of the pictures
    fit:  how the frames of the bodies are brought to another size; see `scale_and_shift`
    """
    frames = len(bodies)
    painted = torch.zeros(frames, *size, dtype=torch.uint8, device=bodies.device)
    if not len(code):
        return painted
    meshes, camera = body_meshes(bodies), bodies.camera.fitted(size, fit)
    for at in batches([meshes], camera, frames, size, 1):
        here = ((meshes.frame >= at.start) & (meshes.frame < at.stop)).nonzero()[:, 0]
        if not len(here):
            continue
        soup = Soup.of([meshes.within(at.start, at.stop)], camera.slice(at.start, at.stop))
        raster = Raster(soup, at.stop - at.start, size, 1)
        hits = raster.nearest()
        whose = code[here].to(torch.uint8)[soup.instance[hits.source]]
        painted[at].view(-1)[raster.pixels[hits.slot]] = whose
    return painted
