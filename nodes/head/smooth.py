"""Smooth Heads: takes the jitter out of tracked heads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...engines.errors import InputError
from ..api import io
from ..cuts import cuts_in, cuts_said
from ..inputs import own_state
from ..search import found_by
from ..show import Shown
from ..smoothing import (
    beta_input,
    causal_state_input,
    check_continues,
    direction_input,
    lag_said,
    min_cutoff_input,
    needs_whole_clip,
)
from ..streaming import Carrying, Rule
from ..types import KinoHeads
from ..widgets import cuts_input, heads_input, rate_input, state_output
from . import CATEGORY

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.head.heads import Heads


class SmoothHeads(io.ComfyNode):
    STREAMING = Rule("state", ("heads", "image"), step=Carrying, whole=needs_whole_clip)
    ORDER = 540

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographSmoothHeads",
            display_name="Smooth Heads",
            category=CATEGORY,
            **found_by("one euro filter, jitter, stabilize, temporal smoothing, head pose filter"),
            description="Removes jitter from the rotation, the place and the points of tracked "
            "heads with One-Euro filters, which smooth heads at rest strongly and moving heads "
            "lightly.",
            inputs=[
                heads_input("From Track Heads, or from Detect Heads with tracked people."),
                rate_input(),
                min_cutoff_input("a head"),
                beta_input(5.0, "height of the face per second that a point moves", "motion"),
                beta_input(
                    4.0,
                    "radian (57°) per second that the head turns",
                    "turns",
                    name="beta_rotation",
                ),
                direction_input(),
                causal_state_input(),
                cuts_input("nothing is smoothed across a cut"),
            ],
            outputs=[
                KinoHeads.Output(display_name="heads", tooltip="The same heads, smoothed."),
                state_output(),
            ],
        )

    @classmethod
    def execute(
        cls,
        heads: Heads,
        fps: float,
        min_cutoff: float,
        beta: float,
        beta_rotation: float,
        direction: str,
        state: Any = None,
        image: Tensor | None = None,
    ) -> io.NodeOutput:
        from ...engines.head.smoothing import HeadSmoother
        from ...engines.video.cuts import Cuts

        check_continues(state, direction)
        if bool((heads.present & (heads.track_ids < 0)).any()):
            raise InputError("heads: expected heads with tracks; put Track Heads before this node")
        known, cuts = own_state(state, tuple) or (None, Cuts())
        smoother = HeadSmoother(fps, min_cutoff, beta, beta_rotation, direction, known)
        new_shot, cuts = cuts_in(image, heads, "heads", cuts)
        smoothed = smoother.update(heads, new_shot)
        text = _text(heads, smoothed, fps)
        text += cuts_said(cuts, "nothing is smoothed across a cut")
        return io.NodeOutput(smoothed, (smoother.state, cuts), ui=Shown(text))


def _text(heads: Heads, smoothed: Heads, fps: float) -> str:
    """Return how much steadier heads have become, and by how much they lag."""
    from ...engines.head.steadiness import lag, steadiness

    (speed, jitter), (calm, left) = steadiness(heads), steadiness(smoothed)
    text = f"turns of {speed:.2f} -> {calm:.2f} °/frame, jitter {jitter:.2f} -> {left:.2f}°"
    return text + lag_said(lag(heads, smoothed), fps, "head")
