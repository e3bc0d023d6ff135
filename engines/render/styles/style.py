"""What a drawing style is."""

from collections.abc import Callable
from dataclasses import dataclass

RGB = tuple[int, int, int]  # 0..255
Pixels = Callable[[int, int], float]  # a length, from the canvas's height and width

GROWS_ABOVE = 1024  # px

PARTS = ("body", "feet", "hands", "face")


@dataclass(frozen=True)
class Group:
    """Limbs and dots of one part of the body that are drawn alike.

    limbs:      pairs of joints in drawing order, each with its colour (0..255 RGB)
    dots:       joints with their colours
    half_width: half the thickness of a limb
    radius:     of a dot
    ellipses:   limbs are ellipses through both joints; otherwise lines with round ends
    """

    part: str
    limbs: tuple[tuple[tuple[int, int], RGB], ...]
    dots: tuple[tuple[int, RGB], ...]
    half_width: Pixels
    radius: Pixels
    ellipses: bool = False


@dataclass(frozen=True)
class Style:
    """A way to draw a skeleton; a file of this folder defines one as `STYLE`.

    groups:       in drawing order; all parts that the style can draw
    parts:        those that it draws unless asked otherwise
    joints_first: dots lie under the limbs
    by_person:    one person is finished before the next; otherwise all limbs of a group, then all
                  its dots
    grows:        lengths grow in pictures whose shorter side is above `GROWS_ABOVE`, so that they
                  do not become hairlines; not where pixels are as the OpenCV code draws them
    inside:       dots and lines are drawn only if their centre, or both ends, lie on the canvas;
                  ellipses in any case
    order:        place among the styles that a user chooses from; by name where equal
    """

    name: str
    groups: tuple[Group, ...]
    parts: tuple[str, ...]
    joints_first: bool = False
    by_person: bool = True
    grows: bool = False
    inside: bool = False
    order: int = 100

    def growth(self, height: int, width: int) -> float:
        """Return by how much lengths grow on a canvas, if it is drawn smoothly."""
        return max(1.0, min(height, width) / GROWS_ABOVE) if self.grows else 1.0
