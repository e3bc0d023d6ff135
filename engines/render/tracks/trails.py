"""Tracks over their footage: a dot where each point is, and the way that it came."""

import torch
from torch import Tensor

from ...geometry.placement import Size
from ...motion_tracks.tracks import MotionTracks
from ..canvas import Canvas
from ..limbs import track_colours
from ..raster import DOT, LINE, Shapes, draw

_TAIL = 16  # frames of the way that are shown
_DOT, _LINE = 1 / 160, 1 / 480  # radius and half width, as parts of the shorter side
_THINNEST = 0.75  # px


def draw_trails(
    tracks: MotionTracks,
    *,
    size: Size | None = None,
    footage: Tensor | None = None,
    start: int = 0,
    count: int | None = None,
    frames: Tensor | None = None,
) -> Tensor:
    """Draw tracks over footage: [F,H,W,3] 0..1 on the device of the tracks.

    size:         height and width in px of the pictures; None: the tracks' canvas
    footage:      [F,H,W,3] or [1,H,W,3] 0..1; None: black
    start, count: the frames to draw; None: to the end
    frames:       [F] int64: instead, which frames to draw

    A point that is lost is not drawn. Every track has a colour of its own. Raises `InputError` for
    footage that does not fit.
    """
    device = tracks.path.device
    if frames is None:
        stop = tracks.frame_count if count is None else min(start + count, tracks.frame_count)
        frames = torch.arange(start, stop, device=device)
    canvas = Canvas.of(len(frames), tracks.canvas, size, footage=footage, device=device)
    place = canvas.place(tracks.path) - 0.5  # [T,N,2], from the centre of the first pixel
    for at in canvas.parts():
        shapes = _shapes(tracks, place, frames[at].to(device), min(canvas.size))
        draw(shapes, canvas.image[at], canvas.mask[at], antialias=True)
    return canvas.image


def _shapes(tracks: MotionTracks, place: Tensor, frames: Tensor, side: int) -> Shapes:
    """Return the dots and trails in some frames.

    place: [T,N,2] px of the tracks in the picture; side: its shorter side, px
    """
    dot, line = max(_THINNEST * 2, side * _DOT), max(_THINNEST, side * _LINE)
    tail = torch.arange(_TAIL, 0, -1, device=frames.device)
    ends = frames[:, None] - tail + 1  # [f,A], the later end of each step
    early = (ends < 1)[..., None]
    ends = ends.clamp(min=1).clamp(max=max(1, tracks.frame_count - 1))
    seen = tracks.visible
    shown = seen[frames][:, None] & seen[ends] & seen[ends - 1] & ~early  # [f,A,N]
    frame, step, point = shown.nonzero().unbind(1)
    one, two = place[ends[frame, step] - 1, point], place[ends[frame, step], point]
    along = two - one
    length = torch.linalg.vector_norm(along, dim=-1, keepdim=True)
    right = along.new_tensor([1.0, 0.0])
    direction = torch.where(length > 1e-6, along / length.clamp(min=1e-6), right)
    at_frame, at_point = seen[frames].nonzero().unbind(1)
    dots = place[frames[at_frame], at_point]
    count = tracks.point_count
    numbers = torch.cat([point, at_point])
    lines, circles = len(frame), len(at_frame)
    return Shapes(
        frame=torch.cat([frame, at_frame]),
        order=torch.cat([step * count + point, _TAIL * count + at_point]),
        center=torch.cat([(one + two) / 2, dots]),
        direction=torch.cat([direction, right.expand_as(dots)]),
        half_length=torch.cat([length[:, 0] / 2, dots.new_full((circles,), dot)]),
        half_width=torch.cat([dots.new_full((lines,), line), dots.new_full((circles,), dot)]),
        colour=track_colours(numbers),
        kind=torch.cat([torch.full_like(frame, LINE), torch.full_like(at_frame, DOT)]),
    )
