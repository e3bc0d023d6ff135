"""Draw the skeletons of a whole batch of frames at once, on the device of the poses."""

from collections.abc import Callable, Collection

import torch
from torch import Tensor

from ..errors import InputError
from ..geometry.placement import Size
from ..pose.poses import Poses
from ..pose.skeletons import OPENPOSE_134
from .animals import ANIMALS
from .canvas import Canvas
from .choices import COLOUR_ORDERS, COLOURINGS
from .limbs import LimbTable, limb_colours, shapes_between
from .raster import ELLIPSE, draw
from .styles import STYLES
from .styles.style import PARTS, Style


def draw_skeletons(
    poses: Poses,
    *,
    style: str | Style = "openpose",
    parts: Collection[str] | None = None,
    size: Size | None = None,
    fit: str = "stretch",
    footage: Tensor | None = None,
    line_width: float = 0.0,
    joint_radius: float = 0.0,
    colours: str = "style",
    colour_order: str = "rgb",
    antialias: bool = True,
    progress: Callable[[int], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """Draw every visible joint and limb of `poses`.

    style:        one of `STYLES` by name, or another, for people; animals are drawn as `ANIMALS`
    parts:        which of body, feet, hands, face; None = those that the style draws. What the
                  poses have no joints for is left out
    size:         height, width of the pictures; None = the poses' canvas
    fit:          how the canvas is brought to another size: each side by itself (stretch), whole
                  with empty borders (letterbox), or filling it and cut at the edges (crop)
    footage:      [F,H,W,3] or [1,H,W,3] 0..1 to draw over; None = black
    line_width:   thickness of the body's limbs in px, the others' in proportion; 0 = the style's,
                  see `Style.grows`
    joint_radius: radius of the body's dots in px, likewise; 0 = the style's; negative = no dots
    colours:      the style's, or one for each track
    antialias:    False draws hard pixels at the whole-pixel positions of the OpenCV drawing code

    Returns IMAGE [F,H,W,3] and MASK [F,H,W] (1 where something was drawn) on the poses' device.
    Raises `InputError` for an unknown choice, a size below 1 or footage of another length.
    """
    if isinstance(style, str):
        _check("style", style, STYLES)
        style = STYLES[style]
    look = ANIMALS if poses.are_animals else style
    drawn = look.parts if parts is None else tuple(parts)
    for part in drawn:
        _check("parts", part, PARTS)
    _check("colours", colours, COLOURINGS)
    _check("colour order", colour_order, COLOUR_ORDERS)
    canvas = Canvas.of(
        len(poses), poses.canvas, size, fit=fit, footage=footage, device=poses.device
    )
    points, seen = _points(poses)
    points = canvas.place(points)
    table = LimbTable.of(
        look,
        drawn,
        points.shape[2],
        canvas.size,
        line_width,
        joint_radius,
        poses.device,
        whole=not antialias,
    )
    colour = limb_colours(table, colours, colour_order, poses.track_ids)
    shown = _inside(table, points, canvas.size) if look.inside else None
    for part_of in canvas.parts():
        shapes = shapes_between(
            table,
            points[part_of],
            seen[part_of],
            colour if len(colour) == 1 else colour[part_of],
            by_person=look.by_person,
            whole=not antialias,
            shown=None if shown is None else shown[part_of],
        )
        draw(shapes, canvas.image[part_of], canvas.mask[part_of], antialias=antialias)
        if progress is not None:
            progress(part_of.stop - part_of.start)
    return canvas.image, canvas.mask


def _check(name: str, found: str, known: Collection[str]) -> None:
    if found not in known:
        raise InputError(f"{name}: expected one of {', '.join(known)}, found {found!r}")


def _inside(table: LimbTable, points: Tensor, size: Size) -> Tensor:
    """Return which shapes [F,P,S] are ellipses, or have both joints on a pixel of the canvas."""
    pixel = points.trunc()
    on_canvas = ((pixel >= 0) & (pixel < pixel.new_tensor(size[::-1]))).all(-1)
    return (table.kind == ELLIPSE) | (on_canvas[:, :, table.start] & on_canvas[:, :, table.end])


def _points(poses: Poses) -> tuple[Tensor, Tensor]:
    """Return points [F,P,J,2] px and whether each is seen [F,P,J], in the joint order of the
    styles."""
    joints = poses.as_openpose()
    points = joints.keypoints.float()
    seen = (joints.confidence > 0) & poses.present[..., None]
    if joints.skeleton != OPENPOSE_134.name:
        return points, seen
    feet = OPENPOSE_134.parts["feet"]
    big = slice(feet.start, feet.stop, 3)  # of both feet
    small = slice(feet.start + 1, feet.stop, 3)
    toes = (points[:, :, big] + points[:, :, small]) / 2
    return (
        torch.cat([points, toes], 2),
        torch.cat([seen, seen[:, :, big] & seen[:, :, small]], 2),
    )
