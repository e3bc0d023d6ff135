"""What a drawing style of heads is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...styles.style import RGB, Group, Pixels, Style

if TYPE_CHECKING:
    from torch import Tensor

    from ....head.heads import Heads


@dataclass(frozen=True)
class HeadPoints:
    """The points that a style draws, and between which it draws lines.

    points: [F,P,K,2] x, y px of the canvas
    seen:   [F,P,K] bool
    shown:  [F,P,S] bool, which of the style's lines and dots are drawn; None: all
    depth:  [F,P,S] of each, growing away from the camera: nearer ones cover those behind; None:
            later ones cover earlier ones
    """

    points: Tensor
    seen: Tensor
    shown: Tensor | None = None
    depth: Tensor | None = None


@dataclass(frozen=True)
class HeadStyle:
    """A way to draw heads; a file of this folder defines one as `STYLE`.

    points:    returns what it draws of heads in front of the camera
    look:      returns lines and dots between those points, by their numbers
    landmarks: whether it needs heads with landmarks
    order:     place among the styles that a user chooses from
    """

    name: str
    points: Callable[[Heads], HeadPoints]
    look: Callable[[], Style]
    landmarks: bool
    order: int


def lines_and_dots(
    name: str,
    *,
    lines: Sequence[tuple[tuple[int, int], RGB]] = (),
    dots: Sequence[tuple[int, RGB]] = (),
    half_width: Pixels,
    radius: Pixels,
    grows: bool = False,
) -> Style:
    """Return a look of lines with round ends, and dots over them; see `Group` and `Style`."""
    group = Group(name, tuple(lines), tuple(dots), half_width, radius)
    return Style(name, (group,), (name,), grows=grows)


def share(part: float, least: float) -> Pixels:
    """Return a length that is a `part` of the picture's shorter side, and at least `least` px."""
    return lambda height, width: max(part * min(height, width), least)
