"""What a colour wheel of optical flow is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

# Red, yellow, green, cyan, blue, magenta.
CORNERS = ((1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1), (1, 0, 1))


@dataclass(frozen=True)
class Wheel:
    """The colours of directions; a file of this folder defines one as `WHEEL`.

    name:    what a user chooses
    colours: makes [N,3] RGB 0..1 of N directions, evenly over a whole turn; the first and the last
             are motion to the right, from there clockwise on the screen
    order:   place among the wheels that a user chooses from; by name where equal
    """

    name: str
    colours: Callable[[], Tensor]
    order: int = 100
