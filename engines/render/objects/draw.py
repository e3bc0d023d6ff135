"""Draw the objects of a whole batch of frames at once, on the device of the objects."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...detect.objects import Objects
from ...detect.sizes import bounds_table
from ...geometry.placement import Size
from ..canvas import Canvas
from ..limbs import LimbTable, shapes_between, track_colours
from ..raster import draw
from .cuboids import Cuboids, cuboids_of, fitting_cubes
from .glyphs import glyphs, plain
from .look import AXES, CUBOID, HIDDEN, Points, look_of
from .plates import Plates, draw_plates

_ALL = 2**31  # points: those that a style names are its own
_SCORE = "0123456789. "
_DIGITS, _POINT, _SPACE = range(10), 10, 11  # in _SCORE
_LINES_OF_TEXT = 32  # that would fill the shorter side of a picture
_SMALLEST_TEXT = 12  # px
_DOTS = 1.5  # radius of a dot for each px of a line's thickness


@dataclass(frozen=True)
class Drawn:
    """What of objects is drawn.

    boxes:     around them, in the colour of their class
    cuboids:   around them in space, with their axes: x red, y green, z blue
    keypoints: those with a confidence above 0, and the lines between them
    labels:    the class and the score of each; the number of a class whose name the font lacks
               letters of
    """

    boxes: bool = True
    cuboids: bool = True
    keypoints: bool = True
    labels: bool = True


def draw_objects(
    objects: Objects,
    what: Drawn | None = None,
    *,
    sizes: str = "",
    size: Size | None = None,
    fit: str = "stretch",
    footage: Tensor | None = None,
    line_width: float = 0.0,
    text_size: int = 0,
    progress: Callable[[int], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """Draw every object, nearer ones over those behind, surer ones over others without poses.

    what:       None: everything that the objects have
    sizes:      of objects in space; see `bounds_table`. A class whose size is not known gets cubes
                that fill the boxes
    size:       height, width of the pictures; None = the objects' canvas
    fit:        how the canvas is brought to another size; see `scale_and_shift`
    footage:    [F,H,W,3] or [1,H,W,3] 0..1 to draw over; None = black
    line_width: thickness of lines in px; 0 = a part of the picture's shorter side
    text_size:  height of the letters' font in px; 0 = a part of the picture's shorter side

    Returns IMAGE [F,H,W,3] and MASK [F,H,W] (1 where something was drawn) on the objects' device.
    Raises `InputError` for an unknown choice, malformed sizes, a size out of range and footage of
    another length.
    """
    what = what or Drawn()
    canvas = Canvas.of(
        len(objects), objects.canvas, size, fit=fit, footage=footage, device=objects.device
    )
    bounds = bounds_table(objects, sizes)
    posed = what.cuboids and objects.rotation is not None
    points = objects.keypoints.shape[2] if what.keypoints else 0
    look = look_of(points, objects.labels.skeleton, boxes=what.boxes, cuboids=posed)
    table = LimbTable.of(
        look.style,
        look.style.parts,
        _ALL,
        canvas.size,
        line_width,
        _DOTS * line_width,
        objects.device,
        whole=False,
    )
    letters = text_size or max(_SMALLEST_TEXT, round(min(canvas.size) / _LINES_OF_TEXT))
    for part in canvas.parts():
        here = objects.slice(part.start, part.stop)
        order = _order(here)
        image, mask = canvas.image[part], canvas.mask[part]
        if len(table.kind):
            drawn, shown = _points(here, bounds, look.points, posed, points)
            shapes = shapes_between(
                table,
                canvas.place(drawn),
                shown,
                _colours(here, table.colour, look.own),
                by_person=True,
                whole=False,
                order=order[..., None] * len(table.kind)
                + torch.arange(len(table.kind), device=order.device),
            )
            draw(shapes, image, mask, antialias=True)
        if what.labels:
            _draw_labels(here, canvas, order, letters, image, mask)
        if progress is not None:
            progress(part.stop - part.start)
    return canvas.image, canvas.mask


def _points(
    here: Objects, bounds: Tensor, count: Points, posed: bool, points: int
) -> tuple[Tensor, Tensor]:
    """Return all points [F,P,K,2] px of the canvas that lines are drawn between, and which are
    shown [F,P,K]."""
    frames, places = here.scores.shape
    found = torch.zeros(frames, places, count.all, 2, device=here.device)
    shown = here.present[..., None].repeat(1, 1, count.all)
    found[:, :, count.box] = here.boxes.float()[..., [0, 1, 2, 1, 2, 3, 0, 3]].unflatten(-1, (4, 2))
    if posed:
        cuboids = _cuboids(here, bounds)
        edges, axes = cuboids.edges, cuboids.axes
        for place, seen in ((CUBOID, cuboids.front), (HIDDEN, ~cuboids.front)):
            found[:, :, count.of(place)] = edges.points.flatten(2, 3)
            shown[:, :, count.of(place)] = (edges.shown & seen).repeat_interleave(2, -1)
        found[:, :, count.of(AXES)] = axes.points.flatten(2, 3)
        shown[:, :, count.of(AXES)] = axes.shown.repeat_interleave(2, -1)
    if points:
        found[:, :, count.keypoints] = here.keypoints.float()
        shown[:, :, count.keypoints] &= here.confidence > 0
    return found, shown


def _cuboids(here: Objects, bounds: Tensor) -> Cuboids:
    own = bounds[here.classes]  # [F,P,2,3], NaN where the size is not known
    return cuboids_of(here, torch.where(own.isnan(), fitting_cubes(here), own))


def _colours(here: Objects, shades: Tensor, own: Tensor) -> Tensor:
    """Return the colours [F,P,S,3] of the shapes: those of the classes in their shades, or, where
    `own` [S], the shapes' own."""
    of_class = track_colours(here.classes)[:, :, None]  # [F,P,1,3]
    return torch.where(own.to(here.device)[:, None], shades, of_class * shades)


def _order(here: Objects) -> Tensor:
    """Return [F,P] int64 from 0, unique within a frame: those to draw later have higher ones."""
    rank = -here.scores if here.translation is None else here.translation[..., 2]
    return rank.argsort(dim=1, descending=True, stable=True).argsort(dim=1)


def _draw_labels(
    here: Objects, canvas: Canvas, order: Tensor, size: int, image: Tensor, mask: Tensor
) -> None:
    frame, place = here.present.nonzero(as_tuple=True)
    if not len(frame):
        return
    classes = here.classes[frame, place]
    numbers, which = classes.unique(return_inverse=True)
    names = [plain(here.labels.name(n)) or f"class {n}" for n in numbers.tolist()]
    letters = glyphs("".join(dict.fromkeys(_SCORE + "".join(names))), size)
    table = letters.numbers(names).to(here.device)
    percent = (here.scores[frame, place] * 100).round().long().clamp(0, 100)
    digits = torch.stack([percent // 100, percent // 10 % 10, percent % 10], 1)
    fixed = digits.new_tensor([_SPACE, _POINT]).expand(len(digits), 2)
    score = torch.stack([fixed[:, 0], digits[:, 0], fixed[:, 1], digits[:, 1], digits[:, 2]], 1)
    boxes = here.boxes[frame, place].float().unflatten(1, (2, 2))
    plates = Plates(
        frame=frame,
        order=order[frame, place],
        boxes=canvas.place(boxes).flatten(1),
        texts=torch.cat([table[which], score + 1], 1),
        colour=track_colours(classes),
    )
    draw_plates(plates, letters, image, mask)
