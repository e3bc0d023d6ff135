"""Smooth Poses: takes the jitter out of tracked joints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import advanced
from ..api import io
from ..cuts import cuts_in
from ..inputs import own_state
from ..search import found_by
from ..show import Shown
from ..smoothing import check_continues, direction_input, needs_whole_clip
from ..streaming import Carrying, Rule
from ..types import KinoPoses
from ..widgets import poses_input, rate_input, state_input, state_output
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
                rate_input(
                    "Frame rate of the clip in frames per second, e.g. from Get Video Components."
                ),
                advanced.Float.Input(
                    "min_cutoff",
                    default=1.0,
                    min=0.01,
                    max=100.0,
                    step=0.01,
                    tooltip="Cutoff frequency in Hz for a joint at rest. Lower values are "
                    "steadier.",
                ),
                advanced.Float.Input(
                    "beta",
                    default=20.0,
                    min=0.0,
                    max=1000.0,
                    step=0.1,
                    tooltip="Increase of the cutoff in Hz for each body height per second that a "
                    "joint moves. Higher values follow motion faster.",
                ),
                direction_input(),
                state_input(
                    "The state of this node after the previous chunk; only with direction causal."
                ),
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="The frames, used to detect cuts: nothing is smoothed across a cut.",
                ),
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
        if cuts.text:
            text += f"\n{cuts.text}: nothing is smoothed across a cut"
        return io.NodeOutput(smoothed, (smoother.state, cuts), ui=Shown(text))
