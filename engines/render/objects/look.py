"""The lines and dots that objects are drawn with."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..styles.style import RGB, Group, Pixels, Style
from .cuboids import EDGES

BOX, HIDDEN, CUBOID, AXES, KEYPOINTS = "box", "hidden", "cuboid", "axes", "keypoints"

_WHITE: RGB = (255, 255, 255)  # of a shape: the colour of the class as it is
_DIM: RGB = (140, 140, 140)
_AXES: tuple[RGB, ...] = ((255, 60, 60), (60, 220, 60), (80, 120, 255))
_CORNERS = 4
_OF = {HIDDEN: 2 * len(EDGES), CUBOID: 2 * len(EDGES), AXES: 2 * len(_AXES)}
_THICK = 1 / 250  # of the shorter side
_LEAST = 1.5  # px


@dataclass(frozen=True)
class Points:
    """Where the points of one object lie among all of them: the corners of its box, the ends of its
    edges and axes, its keypoints."""

    keypoint_count: int

    @property
    def all(self) -> int:
        return _CORNERS + sum(_OF.values()) + self.keypoint_count

    @property
    def box(self) -> slice:
        return slice(0, _CORNERS)

    def of(self, part: str) -> slice:
        """Return those of HIDDEN, CUBOID or AXES."""
        parts = list(_OF)
        start = _CORNERS + sum(_OF[before] for before in parts[: parts.index(part)])
        return slice(start, start + _OF[part])

    @property
    def keypoints(self) -> slice:
        return slice(self.all - self.keypoint_count, self.all)


@dataclass(frozen=True)
class Look:
    """A style, and what its lines and dots lie between."""

    style: Style
    points: Points

    @cached_property
    def own(self) -> Tensor:
        """[S] bool: which shapes have a colour of their own, whatever the class."""
        groups = [group for group in self.style.groups if group.part in self.style.parts]
        rows = [group.part == AXES for group in groups for _ in (*group.limbs, *group.dots)]
        return torch.tensor(rows, dtype=torch.bool)


def look_of(
    keypoints: int, skeleton: Sequence[tuple[int, int]], *, boxes: bool, cuboids: bool
) -> Look:
    """Return how objects with so many keypoints are drawn; later parts cover earlier ones."""
    points = Points(keypoints)
    first = points.keypoints.start
    groups = (
        _group(BOX, [(corner, (corner + 1) % _CORNERS) for corner in range(_CORNERS)], _WHITE),
        _group(HIDDEN, _pairs(points.of(HIDDEN)), _DIM, share=0.6),
        _group(CUBOID, _pairs(points.of(CUBOID)), _WHITE),
        Group(
            AXES,
            tuple(zip(_pairs(points.of(AXES)), _AXES, strict=True)),
            (),
            _half_width(1.0),
            _half_width(1.0),
        ),
        _group(
            KEYPOINTS,
            [(first + a, first + b) for a, b in skeleton] if keypoints else [],
            _WHITE,
            dots=[first + number for number in range(keypoints)],
            share=0.8,
        ),
    )
    parts = (BOX,) * boxes + (HIDDEN, CUBOID, AXES) * cuboids + (KEYPOINTS,) * bool(keypoints)
    return Look(Style("objects", groups, parts), points)


def _pairs(points: slice) -> list[tuple[int, int]]:
    return [(start, start + 1) for start in range(points.start, points.stop, 2)]


def _group(
    part: str,
    lines: Sequence[tuple[int, int]],
    colour: RGB,
    *,
    dots: Sequence[int] = (),
    share: float = 1.0,
) -> Group:
    return Group(
        part,
        tuple((line, colour) for line in lines),
        tuple((dot, colour) for dot in dots),
        _half_width(share),
        lambda height, width: 3 * _half_width(1.0)(height, width),
    )


def _half_width(share: float) -> Pixels:
    return lambda height, width: share * max(_THICK * min(height, width), _LEAST) / 2
