"""Tracks as LTX's motion tracks are drawn: discs that shrink and change colour as they age."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ...motion_tracks.tracks import MotionTracks
from ..raster import DOT, Shapes, draw

# LTX-2's own drawing of tracks, as ComfyUI's LTXVDrawTracks has it.
_SHORT_SIDE = 1080  # px that it draws at, before the picture is reduced
_OLDEST = 50  # frames that a place is shown for
_SMALLEST, _GROWTH = 2.0, 6.0  # px, radius of the oldest disc, and what the newest has more
_CPU, _GPU = 2**22, 2**25  # px at once
# from the oldest to the newest; red and blue are exchanged afterwards
_RAMP = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 1.0, 0.0), (1.0, 0.0, 0.0))


def draw_dots(tracks: MotionTracks, *, start: int = 0, count: int | None = None) -> Tensor:
    """Draw the places of the last 50 frames of every track as discs, on black: [n,H,W,3] 0..1 on
    the device of the tracks.

    start, count: the frames to draw; None: to the end

    A place that is not visible has no disc.
    """
    height, width = tracks.canvas
    stop = tracks.frame_count if count is None else min(start + count, tracks.frame_count)
    enlarged = _SHORT_SIDE / min(height, width)
    large = (round(height * enlarged), round(width * enlarged))
    out = torch.zeros(stop - start, height, width, 3, device=tracks.path.device)
    most = _CPU if out.device.type == "cpu" else _GPU
    step = max(1, most // (large[0] * large[1]))
    for first in range(start, stop, step):
        last = min(first + step, stop)
        image = torch.zeros(last - first, *large, 3, device=out.device)
        mask = torch.zeros(image.shape[:3], device=out.device)
        draw(_shapes(tracks, first, last, enlarged), image, mask, antialias=False)
        small = F.interpolate(image.movedim(-1, 1), (height, width), mode="bilinear")
        out[first - start : last - start] = small.movedim(1, -1)
    return out


def _shapes(tracks: MotionTracks, first: int, last: int, enlarged: float) -> Shapes:
    """Return the discs of the frames from `first` up to but not including `last`."""
    device = tracks.path.device
    frames = torch.arange(first, last, device=device)[:, None]  # [f,1]
    ages = torch.arange(_OLDEST, -1, -1, device=device)  # oldest first
    source = frames - ages  # [f,A]
    shown = (source >= 0)[..., None] & tracks.visible[source.clamp(min=0)]  # [f,A,N]
    count = tracks.point_count
    frame, age, point = shown.nonzero().unbind(1)
    young = 1 - ages[age].float() / _OLDEST
    radius = _SMALLEST + _GROWTH * young
    # whole pixels, as OpenCV's circles have
    centre = (tracks.path[source[frame, age], point] * enlarged).floor()
    return Shapes(
        frame=frame,
        order=age * count + point,
        center=centre,
        direction=centre.new_tensor([1.0, 0.0]).expand(len(frame), 2),
        half_length=radius,
        half_width=radius,
        colour=_colours(young),
        kind=torch.full_like(frame, DOT),
    )


def _colours(young: Tensor) -> Tensor:
    """Return the colours [M,3] of discs by how new they are, 0..1."""
    ramp = young.new_tensor(_RAMP).flip(-1)
    place = young * (len(_RAMP) - 1)
    low = place.floor().long().clamp(max=len(_RAMP) - 2)
    part = (place - low)[:, None]
    return ramp[low] + (ramp[low + 1] - ramp[low]) * part
