"""Smooth Poses: takes the jitter out of tracked joints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    min_cutoff_input,
    needs_whole_clip,
)
from ..streaming import Carrying, Rule
from ..types import KinoPoses
from ..widgets import cuts_input, poses_input, rate_input, state_output
from . import CATEGORY

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.pose.poses import Poses


class SmoothPoses(io.ComfyNode):
    STREAMING = Rule("state", ("poses", "image"), step=Carrying, whole=needs_whole_clip)
    ORDER = 80

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographSmoothPoses",
            display_name="Smooth Poses",
            category=CATEGORY,
            **found_by("one euro filter, jitter, stabilize, temporal smoothing, flicker"),
            description="Removes jitter from the joints of tracked people with a One-Euro filter, "
            "which smooths still joints strongly and moving joints lightly.",
            inputs=[
                poses_input("From Track Poses."),
                rate_input(),
                min_cutoff_input("a joint"),
                beta_input(20.0, "body height per second that a joint moves", "motion"),
                direction_input(),
                causal_state_input(),
                cuts_input("nothing is smoothed across a cut"),
            ],
            outputs=[
                KinoPoses.Output(display_name="poses", tooltip="The same people, smoothed."),
                state_output(),
            ],
        )

    @classmethod
    def execute(
        cls,
        poses: Poses,
        fps: float,
        min_cutoff: float,
        beta: float,
        direction: str,
        state: Any = None,
        image: Tensor | None = None,
    ) -> io.NodeOutput:
        from ...engines.pose.smoothing import Smoother
        from ...engines.pose.tracks import jitter, need_tracks
        from ...engines.video.cuts import Cuts

        check_continues(state, direction)
        need_tracks(poses)
        known, cuts = own_state(state, tuple) or (None, Cuts())
        smoother = Smoother(fps, min_cutoff, beta, direction, known)
        new_shot, cuts = cuts_in(image, poses, "poses", cuts)
        smoothed = smoother.update(poses, new_shot)
        before, after = jitter(poses), jitter(smoothed)
        text = f"mean acceleration {before:.2f} -> {after:.2f} px/frame²"
        text += cuts_said(cuts, "nothing is smoothed across a cut")
        return io.NodeOutput(smoothed, (smoother.state, cuts), ui=Shown(text))
