"""Limbs and dots between points that people or heads have, as shapes for the raster."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from ..constants import constant
from ..geometry.placement import Size
from .raster import DOT, ELLIPSE, LINE, NOWHERE, Shapes
from .styles.style import RGB, Group, Style

# Twelve hues that differ at a glance, neighbours far apart, for people by their track.
TRACK_COLOURS: tuple[RGB, ...] = (
    *((255, 64, 64), (64, 160, 255), (96, 224, 64), (255, 192, 0)),
    *((192, 96, 255), (0, 224, 208), (255, 112, 208), (160, 255, 160)),
    *((255, 144, 64), (96, 96, 255), (208, 224, 64), (224, 160, 128)),
)
_UNTRACKED: RGB = (192, 192, 192)

_THINNEST = 0.5  # px: half a pixel, the least radius that still marks one


@dataclass(frozen=True)
class LimbTable:
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
    ) -> "LimbTable":
        """Return the shapes of a style. joints: how many the poses have; line_width, joint_radius:
        the body's, 0 = the style's; whole: with the lengths of the OpenCV drawing code."""
        return cls._of(
            style, frozenset(parts), joints, size, line_width, joint_radius, device, whole
        )

    @classmethod
    @lru_cache(maxsize=32)  # copied to a GPU once, as the copies wait for what it does
    def _of(
        cls,
        style: Style,
        parts: frozenset[str],
        joints: int,
        size: Size,
        line_width: float,
        joint_radius: float,
        device: torch.device,
        whole: bool,
    ) -> "LimbTable":
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
        with torch.inference_mode(False):
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


def shapes_between(
    table: LimbTable,
    points: Tensor,
    seen: Tensor,
    colour: Tensor,
    *,
    by_person: bool,
    whole: bool,
    shown: Tensor | None = None,
    order: Tensor | None = None,
) -> Shapes:
    """Return the ellipses, lines and dots between points [F,P,J,2] that are seen [F,P,J].

    Those that are not seen are among them, `NOWHERE`: to leave them out takes a GPU longer.

    colour:    [F or 1,P or 1,S,3]
    by_person: all shapes of one person before the next; otherwise by shape
    whole:     cuts positions, lengths and angles to whole numbers as the OpenCV drawing code does
    shown:     [F,P,S] bool, what is drawn at all, besides; None: everything
    order:     [F,P,S] int64, unique within a frame: higher ones cover lower ones, instead of
               `by_person`
    """
    frames, people, _ = seen.shape
    count = len(table.kind)
    if whole:
        points = points.double()  # a float's rounding would tip values across whole numbers
    start, end = points[:, :, table.start], points[:, :, table.end]  # [F,P,S,2]
    visible = seen[:, :, table.start] & seen[:, :, table.end]
    if shown is not None:
        visible = visible & shown
    along = start - end
    length = torch.linalg.vector_norm(along, dim=-1)
    centre = (start + end) / 2
    half_length = length / 2
    direction = along / length.clamp(min=1e-6)[..., None]
    right = constant((1.0, 0.0), direction.dtype, direction.device)
    direction = torch.where((length < 1e-6)[..., None], right, direction)
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

    if order is None:
        person = torch.arange(people, device=points.device)[:, None]
        shape = torch.arange(count, device=points.device)[None]
        order = (person * count + shape if by_person else shape * people + person)[None]
    frame = torch.arange(frames, device=points.device)[:, None, None]

    def every(values: Tensor) -> Tensor:
        return values.expand(frames, people, count, *values.shape[3:]).flatten(0, 2)

    return Shapes(
        frame=torch.where(visible, frame, NOWHERE).flatten(),
        order=every(order),
        center=every(centre).float(),
        direction=every(direction).float(),
        half_length=every(half_length).float(),
        half_width=every(half_width).float(),
        colour=every(colour),
        kind=every(table.kind[None, None]),
    )


def track_colours(tracks: Tensor) -> Tensor:
    """Return the colours [...,3] 0..1 of tracks [...] int64, -1 = none, which are grey."""
    palette = (torch.tensor([*TRACK_COLOURS, _UNTRACKED]) / 255).to(tracks.device)
    index = torch.where(tracks < 0, len(TRACK_COLOURS), tracks % len(TRACK_COLOURS))
    return palette[index]


def limb_colours(table: LimbTable, colours: str, colour_order: str, tracks: Tensor) -> Tensor:
    """Return the colours of the shapes: [1,1,S,3], or [F,P,S,3] by track with the style's
    brightness of every shape."""
    chosen = table.colour[None, None]
    if colours == "track":
        brightness = table.colour.amax(1)
        chosen = track_colours(tracks)[:, :, None] * brightness[:, None]
    return chosen.flip(-1) if colour_order == "bgr" else chosen
