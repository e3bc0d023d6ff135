"""What nodes that smooth over time share."""

from typing import Any

from ..engines.errors import InputError
from ..engines.tracking.choices import SMOOTHINGS
from . import advanced
from .api import io
from .streaming import Refusal, Values
from .widgets import state_input


def min_cutoff_input(who: str, default: float = 1.0) -> Any:
    """Return the widget for how strongly those who rest are smoothed.

    who: one of them, such as "a head"
    """
    return advanced.Float.Input(
        "min_cutoff",
        default=default,
        min=0.01,
        max=100.0,
        step=0.01,
        tooltip=f"Cutoff frequency in Hz for {who} at rest. Lower values are steadier.",
    )


def beta_input(default: float, speed: str, motion: str, *, name: str = "beta") -> Any:
    """Return the widget for how much less is smoothed in motion.

    speed:  what counts as a speed of 1, a clause
    motion: what is followed then
    """
    return advanced.Float.Input(
        name,
        default=default,
        min=0.0,
        max=1000.0,
        step=0.1,
        tooltip=f"Increase of the cutoff in Hz for each {speed}. Higher values follow {motion} "
        "faster.",
    )


def direction_input() -> Any:
    """Return the widget for the direction in time of a filter."""
    return io.Combo.Input(
        "direction",
        options=list(SMOOTHINGS),
        default="both",
        tooltip="both: forward and backward in time, without lag; needs the whole clip. causal: "
        "from past frames only, for clips in chunks.",
    )


def causal_state_input() -> Any:
    """Return the input for the state of a filter."""
    return state_input(
        "The state of this node after the previous chunk; only with direction causal."
    )


def needs_whole_clip(values: Values) -> Refusal | None:
    """Return why these values need the whole clip; None if they do not."""
    if values.get("direction") == "causal":
        return None
    return Refusal("direction both filters the whole clip forwards and backwards", "choose causal")


def lag_said(frames: float | None, fps: float, what: str) -> str:
    """Return by how many frames what is smoothed lags, in words.

    frames: None if it cannot be told
    what:   what would have to turn by a degree per frame, such as "head"
    """
    if frames is None:
        return f", lag not measurable (no {what} turns by 1 °/frame)"
    return f", lag {frames:.1f} frames ({frames / fps:.3f} s)"


def check_continues(state: object, direction: str) -> None:
    """Raise `InputError` for a state with a direction that continues none."""
    if state is not None and direction != "causal":
        raise InputError(
            f"state: a chunk continues the previous one with direction causal only, found "
            f"{direction}; choose causal or disconnect state"
        )
