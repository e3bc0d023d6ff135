"""What nodes that smooth over time share."""

from typing import Any

from ..engines.errors import InputError
from ..engines.tracking.choices import SMOOTHINGS
from .api import io
from .streaming import Refusal, Values


def direction_input() -> Any:
    """Return the widget for the direction in time of a filter."""
    return io.Combo.Input(
        "direction",
        options=list(SMOOTHINGS),
        default="both",
        tooltip="both: forward and backward in time, without lag; needs the whole clip. causal: "
        "from past frames only, for clips in chunks.",
    )


def needs_whole_clip(values: Values) -> Refusal | None:
    """Return why these values need the whole clip; None if they do not."""
    if values.get("direction") == "causal":
        return None
    return Refusal("direction both filters the whole clip forwards and backwards", "choose causal")


def check_continues(state: object, direction: str) -> None:
    """Raise `InputError` for a state with a direction that continues none."""
    if state is not None and direction != "causal":
        raise InputError(
            f"state: a chunk continues the previous one with direction causal only, found "
            f"{direction}; choose causal or disconnect state"
        )
