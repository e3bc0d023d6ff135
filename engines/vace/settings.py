"""Settings of a normalised clip: size, length, fit and frame rate."""

from dataclasses import dataclass, replace

from ..errors import InputError
from ..geometry.choices import FITS
from ..geometry.placement import Size
from ..words import counted
from .outside import GREY, Outside
from .presets import PRESETS, Preset, longest_length, reference_size
from .resample import Sampling, check_rate

ASSUMED_RATE = 16.0  # frames per second where neither the clip's nor the model's are known


@dataclass(frozen=True)
class ClipSettings:
    """The parameters of `normalise`, which says what they mean; checked when made.

    side, step, offset: instead of the preset's; 0 = the preset's
    outside:            what stands beside the clip and behind it

    Raises `InputError` for what the model would have to crop, pad or rescale itself.
    """

    width: int = 0
    height: int = 0
    length: int = 0
    length_mode: str = "repeat_last"
    fit: str = "crop"
    preset: str = "none"
    fps: float = 0.0
    target_fps: float = 0.0
    side: int = 0
    step: int = 0
    offset: int = 0
    outside: Outside = GREY

    def __post_init__(self) -> None:
        self._check_choices()
        self._check_grid()
        model = self.model
        side = model.side
        for name, value in (("width", self.width), ("height", self.height)):
            if value < 0 or value % side:
                below = max(side, value // side * side)
                raise InputError(
                    f"{name}: expected a multiple of {side} (or 0), found {value}; "
                    f"try {below} or {below + side}"
                )
        if self.length and model.below(self.length) != self.length:
            lower = model.below(self.length) or model.offset
            raise InputError(
                f"length: expected {model.lengths} frames (or 0), found {self.length}; "
                f"try {lower} or {lower + model.step}"
            )
        self._check_rates()

    def _check_choices(self) -> None:
        for name, value, known in (
            ("preset", self.preset, tuple(PRESETS)),
            ("length_mode", self.length_mode, self.outside.modes),
            ("fit", self.fit, FITS),
        ):
            if value not in known:
                raise InputError(f"{name}: expected one of {', '.join(known)}, found {value!r}")

    def _check_grid(self) -> None:
        for name, value in (("side", self.side), ("step", self.step), ("offset", self.offset)):
            if value < 0:
                raise InputError(f"{name}: expected 1 or more (or 0: the preset's), found {value}")
        model = self.model
        if model.offset > model.step:
            whose = "" if self.offset else f" of the preset {self.preset}"
            raise InputError(
                f"offset: lengths are step*n + offset; expected 1 to {model.step}, which is step, "
                f"found {model.offset}{whose}; set offset to {(model.offset - 1) % model.step + 1}"
            )

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
        """The preset with what was set instead."""
        preset = PRESETS[self.preset]
        return replace(
            preset,
            side=self.side or preset.side,
            step=self.step or preset.step,
            offset=self.offset or preset.offset,
        )

    @property
    def fills(self) -> bool:
        """Whether what is outside fills up the length, and not the last frame."""
        return self.length_mode == self.outside.fills

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
        model = self.model.fps
        if not self.fps:
            return model or ASSUMED_RATE
        # As VACE: frames are left out, and not shown twice, to come to the model's rate.
        return self.fps if self.preset == "none" or not model else min(self.fps, model)

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
        model = self.model
        if self.length == 0 and self.length_mode == "spread":
            below = model.below(frames) or model.offset
            return min(below, longest_length(size, model) or below)
        if self.length == 0 and self.length_mode != "cut":
            return model.above(frames)
        wanted = self.length or model.below(frames) or model.offset
        if wanted > frames and self.length_mode == "cut":
            asked = "asked for" if self.length else f"are the least ({model.lengths})"
            shorter = ", or a shorter length" if self.length else ""
            raise InputError(
                f"length: {counted(wanted, 'frame')} {asked}, the clip has {frames}, and "
                f"length_mode is cut; choose repeat_last or {self.outside.fills}{shorter}"
            )
        return wanted
