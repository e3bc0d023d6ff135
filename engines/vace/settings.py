"""ClipSettings of a normalised clip: size, length, fit and frame rate."""

from dataclasses import dataclass

from ..errors import InputError
from ..geometry.choices import FITS
from ..geometry.placement import Size
from ..words import counted
from .choices import LENGTH_MODES
from .presets import PRESETS, Preset, longest_length, reference_size
from .resample import Sampling, check_rate


@dataclass(frozen=True)
class ClipSettings:
    """The parameters of `normalise`, which says what they mean; checked when made.

    Raises `InputError` for what VACE would have to crop, pad or rescale itself.
    """

    width: int = 0
    height: int = 0
    length: int = 0
    length_mode: str = "repeat_last"
    fit: str = "crop"
    preset: str = "none"
    fps: float = 0.0
    target_fps: float = 0.0

    def __post_init__(self) -> None:
        self._check_choices()
        side, step = self.model.side, self.model.step
        for name, value in (("width", self.width), ("height", self.height)):
            if value < 0 or value % side:
                below = max(side, value // side * side)
                raise InputError(
                    f"{name}: expected a multiple of {side} (or 0), found {value}; "
                    f"try {below} or {below + side}"
                )
        if self.length and (self.length < 0 or self.length % step != 1):
            lower = max(1, (self.length - 1) // step * step + 1)
            raise InputError(
                f"length: expected {step}n+1 frames (or 0), found {self.length}; "
                f"try {lower} or {lower + step}"
            )
        self._check_rates()

    def _check_choices(self) -> None:
        for name, value, known in (
            ("preset", self.preset, tuple(PRESETS)),
            ("length_mode", self.length_mode, LENGTH_MODES),
            ("fit", self.fit, FITS),
        ):
            if value not in known:
                raise InputError(f"{name}: expected one of {', '.join(known)}, found {value!r}")

    def _check_rates(self) -> None:
        check_rate("fps", self.fps)
        check_rate("target_fps", self.target_fps)
        if self.target_fps and not self.fps:
            raise InputError(
                f"fps: expected the clip's own rate, since target_fps is {self.target_fps:g}, "
                "found 0; give it, or set target_fps to 0"
            )
        if self.target_fps and self.length_mode == "spread":
            raise InputError(
                f"target_fps: the length mode spread makes its own rate, found "
                f"{self.target_fps:g}; set it to 0 or choose another length mode"
            )

    @property
    def model(self) -> Preset:
        return PRESETS[self.preset]

    @property
    def sampling(self) -> Sampling | None:
        """How frames are taken for another rate; None: every frame, once."""
        rate = self.rate
        if not self.fps or self.length_mode == "spread" or rate == self.fps:
            return None
        return Sampling(self.fps, rate)

    @property
    def rate(self) -> float:
        """Frames per second after resampling; the model's own where the clip's is not given."""
        if self.target_fps:
            return self.target_fps
        if not self.fps:
            return self.model.fps
        # As VACE: frames are left out, and not shown twice, to come to the model's rate.
        return self.fps if self.preset == "none" else min(self.fps, self.model.fps)

    def size_for(self, source: Size) -> Size:
        """Return height and width for a clip of the size `source`."""
        side = self.model.side
        if self.height and self.width:
            return self.height, self.width
        if self.width:
            exact = self.width * source[0] / source[1]
            return max(side, round(exact / side) * side), self.width
        if self.height:
            exact = self.height * source[1] / source[0]
            return self.height, max(side, round(exact / side) * side)
        return reference_size(source, self.model)

    def length_for(self, frames: int, size: Size) -> int:
        """Return the number of frames for a clip that has `frames` at the rate asked for.

        Raises `InputError` where frames are missing that cut cannot give.
        """
        step = self.model.step
        below = (frames - 1) // step * step + 1
        if self.length == 0 and self.length_mode == "spread":
            return min(below, longest_length(size, self.model) or below)
        if self.length == 0:
            return below if self.length_mode == "cut" or below == frames else below + step
        if self.length > frames and self.length_mode == "cut":
            raise InputError(
                f"length: {counted(self.length, 'frame')} asked for, the clip has {frames}, and "
                "length_mode "
                "is cut; choose repeat_last or pad, or a shorter length"
            )
        return self.length
