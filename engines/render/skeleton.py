"""Draw the skeletons of a whole batch of frames at once, on the device of the poses."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from ..geometry.placement import Size
from ..pose.poses import Poses
from ..pose.skeletons import OPENPOSE_134
from .animals import ANIMALS
from .canvas import Canvas
from .choices import COLOUR_ORDERS, COLOURINGS
from .raster import DOT, ELLIPSE, LINE, Shapes, draw
from .styles import STYLES
from .styles.style import PARTS, RGB, Group, Style

# Twelve hues that differ at a glance, neighbours far apart, for people by their track.
TRACK_COLOURS: tuple[RGB, ...] = (
    *((255, 64, 64), (64, 160, 255), (96, 224, 64), (255, 192, 0)),
    *((192, 96, 255), (0, 224, 208), (255, 112, 208), (160, 255, 160)),
    *((255, 144, 64), (96, 96, 255), (208, 224, 64), (224, 160, 128)),
)
_UNTRACKED: RGB = (192, 192, 192)

_THINNEST = 0.5  # px: half a pixel, the least radius that still marks one


def draw_skeletons(
    poses: Poses,
    *,
    style: str = "openpose",
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

    style:        one of `STYLES`, for people; animals are drawn as `ANIMALS`
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
    _check("style", style, STYLES)
    look = ANIMALS if poses.are_animals else STYLES[style]
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
    table = _Table.of(
        look,
        drawn,
        points.shape[2],
        canvas.size,
        line_width,
        joint_radius,
        poses.device,
        whole=not antialias,
    )
    colour = _colours(table, colours, colour_order, poses.track_ids)
    for part_of in canvas.parts():
        shapes = _shapes(
            table,
            points[part_of],
            seen[part_of],
            colour if len(colour) == 1 else colour[part_of],
            by_person=look.by_person,
            whole=not antialias,
        )
        draw(shapes, canvas.image[part_of], canvas.mask[part_of], antialias=antialias)
        if progress is not None:
            progress(part_of.stop - part_of.start)
    return canvas.image, canvas.mask


def _check(name: str, found: str, known: Collection[str]) -> None:
    if found not in known:
        raise InputError(f"{name}: expected one of {', '.join(known)}, found {found!r}")


def _points(poses: Poses) -> tuple[Tensor, Tensor]:
    """Return points [F,P,J,2] px and whether each is seen [F,P,J], in the joint order of the
    styles."""
    joints = poses.as_openpose()
    points = joints.keypoints.float()
    seen = (joints.confidence > 0) & poses.present[..., None]
    if joints.skeleton != OPENPOSE_134.name:
        return points, seen
    feet = OPENPOSE_134.parts["feet"].start
    big, small = [feet, feet + 3], [feet + 1, feet + 4]
    toes = (points[:, :, big] + points[:, :, small]) / 2
    return (
        torch.cat([points, toes], 2),
        torch.cat([seen, seen[:, :, big] & seen[:, :, small]], 2),
    )


@dataclass(frozen=True)
class _Table:
    """The S shapes of a person: [S] each, in drawing order, on the device of the drawing.

    start, end are joints, the same for a dot, whose radius is `half_width`.
    """

    start: Tensor
    end: Tensor
    kind: Tensor
    half_width: Tensor
    colour: Tensor  # [S,3] 0..1

    @classmethod
    def of(
        cls,
        style: Style,
        parts: Collection[str],
        joints: int,
        size: Size,
        line_width: float,
        joint_radius: float,
        device: torch.device,
        *,
        whole: bool,
    ) -> "_Table":
        """Return the shapes of a style. joints: how many the poses have; line_width, joint_radius:
        the body's, 0 = the style's; whole: with the lengths of the OpenCV drawing code."""
        body = style.groups[0]
        growth = 1.0 if whole else style.growth(*size)
        thicker = line_width / 2 / body.half_width(*size) if line_width > 0 else growth
        larger = joint_radius / body.radius(*size) if joint_radius > 0 else growth
        rows: list[tuple[int, int, int, float, RGB]] = []
        for group in style.groups:
            if group.part not in parts:
                continue
            limbs = _limbs(group, group.half_width(*size) * thicker)
            dots = [(j, j, DOT, group.radius(*size) * larger, rgb) for j, rgb in group.dots]
            if joint_radius < 0 and limbs:
                dots = []
            rows += [*dots, *limbs] if style.joints_first else [*limbs, *dots]
        rows = [row for row in rows if max(row[0], row[1]) < joints]
        start, end, kind, half_width, colour = zip(*rows, strict=True) if rows else [()] * 5
        # divided on the CPU: another device rounds the last bit otherwise
        table = torch.tensor(colour, dtype=torch.float32).view(-1, 3) / 255
        return cls(
            start=torch.tensor(start, dtype=torch.int64, device=device),
            end=torch.tensor(end, dtype=torch.int64, device=device),
            kind=torch.tensor(kind, dtype=torch.int64, device=device),
            half_width=torch.tensor(half_width, dtype=torch.float32, device=device),
            colour=table.to(device),
        )


def _limbs(group: Group, half_width: float) -> list[tuple[int, int, int, float, RGB]]:
    kind = ELLIPSE if group.ellipses else LINE
    return [(a, b, kind, half_width, rgb) for (a, b), rgb in group.limbs]


def _shapes(
    table: _Table,
    points: Tensor,
    seen: Tensor,
    colour: Tensor,
    *,
    by_person: bool,
    whole: bool,
) -> Shapes:
    """Return the ellipses, lines and dots of points [F,P,J,2] that are seen [F,P,J].

    colour: [F or 1,P or 1,S,3]

    `whole` cuts positions, lengths and angles to whole numbers as the OpenCV drawing code does.
    """
    frames, people, _ = seen.shape
    count = len(table.kind)
    if whole:
        points = points.double()  # a float's rounding would tip values across whole numbers
    start, end = points[:, :, table.start], points[:, :, table.end]  # [F,P,S,2]
    visible = seen[:, :, table.start] & seen[:, :, table.end]
    along = start - end
    length = torch.linalg.vector_norm(along, dim=-1)
    centre = (start + end) / 2
    half_length = length / 2
    direction = along / length.clamp(min=1e-6)[..., None]
    direction = torch.where((length < 1e-6)[..., None], direction.new_tensor([1.0, 0.0]), direction)
    half_width = table.half_width.to(points.dtype).expand(frames, people, count)
    if whole:
        ellipse = table.kind == ELLIPSE
        # lines keep their ends; ellipses and dots lie on whole pixels
        centre = torch.where((table.kind == LINE)[:, None], centre, centre.trunc())
        half_length = torch.where(ellipse, half_length.trunc(), half_length)
        angle = torch.rad2deg(torch.atan2(along[..., 1], along[..., 0])).trunc().deg2rad()
        turned = torch.stack([angle.cos(), angle.sin()], -1)
        direction = torch.where(ellipse[:, None], turned, direction)
    else:
        # Coordinates have the corner of the first pixel as their origin, shapes its centre.
        centre = centre - 0.5
        half_length = half_length.clamp(min=_THINNEST)
    dot = table.kind == DOT
    half_width = half_width.clamp(min=_THINNEST) if not whole else half_width
    half_length = torch.where(dot, half_width.clamp(min=_THINNEST), half_length)

    person = torch.arange(people, device=points.device)[:, None]
    shape = torch.arange(count, device=points.device)[None]
    order = person * count + shape if by_person else shape * people + person  # [P,S]
    frame = torch.arange(frames, device=points.device)[:, None, None]
    keep = visible.flatten().nonzero().squeeze(1)

    def kept(values: Tensor) -> Tensor:
        return values.expand(frames, people, count, *values.shape[3:]).flatten(0, 2)[keep]

    return Shapes(
        frame=kept(frame),
        order=kept(order[None]),
        center=kept(centre).float(),
        direction=kept(direction).float(),
        half_length=kept(half_length).float(),
        half_width=kept(half_width).float(),
        colour=kept(colour),
        kind=kept(table.kind[None, None]),
    )


def _colours(table: _Table, colours: str, colour_order: str, tracks: Tensor) -> Tensor:
    """Return the colours of the shapes: [1,1,S,3], or [F,P,S,3] by track with the style's
    brightness of every shape."""
    chosen = table.colour[None, None]
    if colours == "track":
        palette = torch.tensor([*TRACK_COLOURS, _UNTRACKED]) / 255
        palette = palette.to(tracks.device)
        index = torch.where(tracks < 0, len(TRACK_COLOURS), tracks % len(TRACK_COLOURS))
        brightness = table.colour.amax(1)
        chosen = palette[index][:, :, None] * brightness[:, None]
    return chosen.flip(-1) if colour_order == "bgr" else chosen
