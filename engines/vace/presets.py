"""What each model was made for: sizes, lengths, frame rates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..geometry.placement import Size


@dataclass(frozen=True)
class Preset:
    """The grid of a model and the largest clip that it was trained for.

    side:    both sides are multiples of it: the VAE's downsampling times the transformer's patch
    step:    lengths are step*n + offset: most VAEs take the first frame alone, then `step` at a
             time
    fps:     frames per second of the model's clips; 0: not known
    size:    height and width of the model's own format, whose area is the most; None: any
    longest: frames that fit into the model's sequence at that area; None: any
    offset:  the shortest length, 1 to `step`
    """

    side: int
    step: int
    fps: float
    size: Size | None = None
    longest: int | None = None
    offset: int = 1

    @property
    def lengths(self) -> str:
        """Which lengths the model takes, such as "4n+1"; "n+1" is every length from 1 on."""
        return f"{self.step if self.step > 1 else ''}n+{self.offset}"

    def below(self, frames: int) -> int:
        """Return the greatest length that is not more than `frames`; 0 if there is none."""
        return max(0, (frames - self.offset) // self.step * self.step + self.offset)

    def above(self, frames: int) -> int:
        """Return the smallest length that is not less than `frames`, which is 1 or more."""
        return self.below(frames + self.step - 1)

    @property
    def area(self) -> int | None:
        """The most pixels of a frame."""
        return None if self.size is None else self.size[0] * self.size[1]


# VACE: sizes and rates of ali-vilab/VACE: models/wan/wan_vace.py
# (16 px, 4 frames, 16 fps, sequences of 32760 = 21 x 1560 and 75600 = 21 x 3600 places), its
# SUPPORTED_SIZES (the 1.3B model: 480x832 only) and models/ltx/ltx_vace.py (32 px, 8 frames, 25
# fps, 4992 = 13 x 384 places).
# The others: what ComfyUI's own nodes and templates of these models take; they give no area.
PRESETS: dict[str, Preset] = {
    "none": Preset(side=16, step=4, fps=16.0),
    "wan_480p": Preset(side=16, step=4, fps=16.0, size=(480, 832), longest=81),
    "wan_720p": Preset(side=16, step=4, fps=16.0, size=(720, 1280), longest=81),
    "wan_1.3b": Preset(side=16, step=4, fps=16.0, size=(480, 832), longest=81),
    "ltx": Preset(side=32, step=8, fps=25.0, size=(512, 768), longest=97),
    "wan_animate": Preset(side=16, step=4, fps=0.0),
    "scail2": Preset(side=32, step=4, fps=0.0),
    "ltx2": Preset(side=32, step=8, fps=24.0),
    # its reference is half as large, on the same grid
    "ltx2_ref0.5": Preset(side=64, step=8, fps=24.0),
    "minimax_h3": Preset(side=32, step=17, fps=24.0, offset=5),
    "infinitetalk": Preset(side=16, step=4, fps=25.0),
    "s2v": Preset(side=16, step=4, fps=16.0),
    "void": Preset(side=8, step=8, fps=0.0, offset=5),
}


def reference_size(source: Size, preset: Preset) -> Size:
    """Return the height and width that VACE's own code gives a clip of the size `source`.

    In squares of `side` x `side` pixels: area = min(preset's, (h // side) * (w // side)),
    rows = round(sqrt(area * h / w)), columns = int(area / rows). So the shape is kept as nearly as
    the squares allow, the preset's area is never exceeded, and a smaller clip is not enlarged.
    Source: `VaceVideoProcessor._get_frameid_bbox_adjust_last` of ali-vilab/VACE
    (vace/models/utils/preprocessor.py). A preset without an area: both sides rounded down.
    """
    height, width = source
    side = preset.side
    if preset.area is None:
        return max(side, height // side * side), max(side, width // side * side)
    squares = max(1, min(preset.area // side**2, (height // side) * (width // side)))
    rows = min(squares, max(1, round(math.sqrt(squares * height / width))))
    return rows * side, squares // rows * side


def longest_length(size: Size, preset: Preset) -> int | None:
    """Return how many frames of `size` fit the sequence the model was trained with; None: any
    number.

    A frame of the latent video takes one place per square of `side` pixels; smaller frames leave
    room for more of them. At least 1.
    """
    if preset.area is None or preset.longest is None:
        return None
    steps = (preset.longest - 1) // preset.step + 1
    places = preset.area // preset.side**2 * steps
    fitting = places // ((size[0] // preset.side) * (size[1] // preset.side))
    return max(0, fitting - 1) * preset.step + 1
