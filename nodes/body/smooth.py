"""Smooth Bodies: takes the jitter out of tracked bodies."""

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
from ..types import KinoBodies
from ..widgets import bodies_input, cuts_input, rate_input, state_output
from . import CATEGORY

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.body.bodies import Bodies


class SmoothBodies(io.ComfyNode):
    STREAMING = Rule("state", ("bodies", "image"), step=Carrying, whole=needs_whole_clip)
    ORDER = 730

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographSmoothBodies",
            display_name="Smooth Bodies",
            category=CATEGORY,
            **found_by(
                "one euro filter, jitter, stabilize, temporal smoothing, mocap filter, smooth "
                "motion, foot sliding, foot skating, foot lock"
            ),
            description="Removes jitter from the joints and the place of tracked bodies with "
            "One-Euro filters, which smooth bodies at rest strongly and moving bodies lightly. "
            "Joints are filtered as rotations, so that bones keep their lengths.",
            inputs=[
                bodies_input("From Detect Bodies."),
                rate_input(),
                min_cutoff_input("a body", 1.7),
                beta_input(8.0, "metre per second that the body moves", "motion"),
                beta_input(
                    2.0, "radian (57°) per second that a joint turns", "turns", name="beta_rotation"
                ),
                direction_input(),
                causal_state_input(),
                cuts_input("nothing is smoothed across a cut"),
                io.Boolean.Input(
                    "hold_feet",
                    default=False,
                    optional=True,
                    tooltip="Hold feet where they stand, so that they do not slide: the body is "
                    "moved with them and the legs are bent. For footage of a camera that is still, "
                    "of people who do not slide.",
                ),
            ],
            outputs=[
                KinoBodies.Output(display_name="bodies", tooltip="The same bodies, smoothed."),
                state_output(),
            ],
        )

    @classmethod
    def execute(
        cls,
        bodies: Bodies,
        fps: float,
        min_cutoff: float,
        beta: float,
        beta_rotation: float,
        direction: str,
        state: Any = None,
        image: Tensor | None = None,
        hold_feet: bool = False,
    ) -> io.NodeOutput:
        from ...engines.body.feet import FootLock
        from ...engines.body.smoothing import BodySmoother
        from ...engines.video.cuts import Cuts

        check_continues(state, direction)
        if bool((bodies.present & (bodies.track_ids < 0)).any()):
            raise InputError(
                "bodies: expected bodies with tracks; put Track Bodies before this node"
            )
        known, cuts, stood = own_state(state, tuple) or (None, Cuts(), None)
        smoother = BodySmoother(fps, min_cutoff, beta, beta_rotation, direction, known)
        new_shot, cuts = cuts_in(image, bodies, "bodies", cuts)
        smoothed = smoother.update(bodies, new_shot)
        text = _text(bodies, smoothed, fps)
        feet = FootLock(fps, stood, ahead=direction == "both")
        if hold_feet:
            smoothed = feet.update(smoothed, new_shot)
            text += "; feet held where they stand"
        text += cuts_said(cuts, "nothing is smoothed across a cut")
        return io.NodeOutput(smoothed, (smoother.state, cuts, feet.state), ui=Shown(text))


def _text(bodies: Bodies, smoothed: Bodies, fps: float) -> str:
    """Return how much steadier bodies have become, and by how much they lag."""
    from ...engines.body.smoothing import lag, pose_change

    text = f"joints turn by {pose_change(bodies):.2f} -> {pose_change(smoothed):.2f} °/frame"
    return text + lag_said(lag(bodies, smoothed), fps, "joint")
