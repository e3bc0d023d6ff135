"""How animals in AP-10K's order are drawn, as ControlNet's animal openpose was trained with.

Lines of 5 px without dots, whatever the style for people; the colours and the order are those of
controlnet_aux's AnimalPose.
"""

from .styles.parts import constant
from .styles.style import RGB, Group, Style

_LIMBS: tuple[tuple[tuple[int, int], RGB], ...] = (
    ((0, 1), (255, 255, 255)),
    ((1, 2), (100, 255, 100)),
    ((0, 2), (150, 255, 255)),
    ((2, 3), (100, 50, 255)),
    ((3, 8), (50, 150, 200)),
    ((8, 9), (0, 255, 255)),
    ((9, 10), (0, 150, 0)),
    ((3, 5), (0, 0, 255)),
    ((5, 6), (0, 0, 150)),
    ((6, 7), (255, 50, 255)),
    ((3, 4), (255, 0, 255)),
    ((4, 14), (255, 0, 0)),
    ((14, 15), (150, 0, 0)),
    ((15, 16), (255, 255, 100)),
    ((4, 11), (0, 150, 0)),
    ((11, 12), (255, 255, 0)),
    ((12, 13), (150, 150, 150)),
)
ANIMALS = Style(
    name="ap10k",
    groups=(
        Group(part="body", limbs=_LIMBS, dots=(), half_width=constant(2.5), radius=constant(2.5)),
    ),
    parts=("body",),
    grows=True,
)
