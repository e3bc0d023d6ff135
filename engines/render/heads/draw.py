"""Draw the heads of a whole batch of frames at once, on the device of the heads."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...errors import InputError
from ...geometry.placement import Size
from ...head.heads import Heads
from ..canvas import Canvas
from ..choices import COLOURINGS
from ..limbs import LimbTable, limb_colours, shapes_between
from ..raster import draw
from .face_mask import face_masks
from .styles import HEAD_STYLES
from .styles.landmarks import POINTS
from .styles.style import HeadPoints

_ALL = 2**31  # points: those that a style names are its own


@dataclass(frozen=True)
class DrawnHeads:
    """Pictures of heads: image [F,H,W,3] and mask [F,H,W], 1 where something was drawn; face
    [F,H,W], 1 on the faces."""

    image: Tensor
    mask: Tensor
    face: Tensor


def draw_heads(
    heads: Heads,
    *,
    style: str = "axes",
    size: Size | None = None,
    fit: str = "stretch",
    footage: Tensor | None = None,
    line_width: float = 0.0,
    dot_radius: float = 0.0,
    colours: str = "style",
    antialias: bool = True,
    progress: Callable[[int], None] | None = None,
) -> DrawnHeads:
    """Draw every head, nearer ones over those behind.

    style:      one of `HEAD_STYLES`
    size:       height, width of the pictures; None = the heads' canvas
    fit:        how the canvas is brought to another size; see `scale_and_shift`
    footage:    [F,H,W,3] or [1,H,W,3] 0..1 to draw over; None = black
    line_width: thickness of lines in px; 0 = the style's
    dot_radius: of dots in px; 0 = the style's; negative = no dots where there are lines
    colours:    the style's, or one for each track
    antialias:  False draws hard pixels at the whole-pixel positions of the OpenCV drawing code

    Returns pictures on the heads' device. Raises `InputError` for an unknown choice, for heads
    without the landmarks that a style needs, a size below 1 and footage of another length.
    """
    for name, found, known in (("style", style, HEAD_STYLES), ("colours", colours, COLOURINGS)):
        if found not in known:
            raise InputError(f"{name}: expected one of {', '.join(known)}, found {found!r}")
    chosen = HEAD_STYLES[style]
    if chosen.landmarks and heads.landmarks.shape[2] != POINTS:
        without = ", ".join(name for name, other in HEAD_STYLES.items() if not other.landmarks)
        raise InputError(
            f"style: {style} draws the {POINTS} landmarks of faces, but these heads have "
            f"{heads.landmarks.shape[2] or 'none'}; detect them with mediapipe_face, or choose "
            f"one of {without}"
        )
    canvas = Canvas.of(
        len(heads), heads.canvas, size, fit=fit, footage=footage, device=heads.device
    )
    face = torch.zeros_like(canvas.mask)
    look = chosen.look()
    table = LimbTable.of(
        look,
        look.parts,
        _ALL,
        canvas.size,
        line_width,
        dot_radius,
        heads.device,
        whole=not antialias,
    )
    colour = limb_colours(table, colours, "rgb", heads.track_ids)
    for part in canvas.parts():
        here = heads.slice(part.start, part.stop)
        drawn = chosen.points(here)
        shapes = shapes_between(
            table,
            canvas.place(drawn.points.float()),
            drawn.seen,
            colour if len(colour) == 1 else colour[part],
            by_person=True,
            whole=not antialias,
            shown=drawn.shown,
            order=_order(here, drawn, len(table.kind)),
        )
        draw(shapes, canvas.image[part], canvas.mask[part], antialias=antialias)
        face[part] = face_masks(here, canvas)
        if progress is not None:
            progress(part.stop - part.start)
    return DrawnHeads(canvas.image, canvas.mask, face)


def _order(heads: Heads, drawn: HeadPoints, count: int) -> Tensor:
    """Return the order [F,P,S] of S shapes: far heads first, and by depth within a head."""
    away = heads.camera.view(heads.translation)[..., 2]
    person = _ranks(away)
    if drawn.depth is None:
        within = torch.arange(count, device=heads.device).expand(*person.shape, count)
    else:
        within = _ranks(drawn.depth)
    order: Tensor = person[..., None] * count + within
    return order


def _ranks(depth: Tensor) -> Tensor:
    """Return the place of each in the order of the last dimension, from 0, the farthest first."""
    order = depth.argsort(dim=-1, descending=True, stable=True)
    return order.argsort(dim=-1)
