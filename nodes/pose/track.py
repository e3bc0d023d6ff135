"""Track Poses: gives every person a constant id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...engines.words import counted
from ..api import io
from ..cuts import cuts_in, cuts_said
from ..inputs import own_state
from ..search import found_by
from ..show import Shown
from ..streaming import Carrying, Rule
from ..types import KinoPoses
from ..widgets import cuts_input, max_gap_input, poses_input, state_input, state_output
from . import CATEGORY

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.pose.poses import Poses


class TrackPoses(io.ComfyNode):
    STREAMING = Rule("state", ("poses", "image"), step=Carrying)
    ORDER = 60

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographTrackPoses",
            display_name="Track Poses",
            category=CATEGORY,
            **found_by("tracker, person id, identity, follow people, bytetrack, scene cut"),
            description="Gives every person an id that persists through crossings and short "
            "occlusions.",
            inputs=[
                poses_input(),
                max_gap_input("a person who"),
                cuts_input("tracks end at a cut"),
                state_input(
                    "The state of this node after the previous chunk, to continue its tracks."
                ),
            ],
            outputs=[
                KinoPoses.Output(display_name="poses", tooltip="The same people, with track ids."),
                state_output(),
            ],
        )

    @classmethod
    def execute(
        cls, poses: Poses, max_gap: int, image: Tensor | None = None, state: Any = None
    ) -> io.NodeOutput:
        from ...engines.pose.tracking import Tracker, TrackState
        from ...engines.video.cuts import Cuts

        known, cuts = own_state(state, tuple) or (TrackState(), Cuts())
        tracker = Tracker(max_gap=max_gap, state=known)
        new_shot, cuts = cuts_in(image, poses, "poses", cuts)
        tracked = tracker.update(poses, new_shot)
        people = len(tracked.track_ids[tracked.track_ids >= 0].unique())
        text = counted(people, "person", "people") + cuts_said(cuts, "tracks end there")
        return io.NodeOutput(tracked, (tracker.state, cuts), ui=Shown(text))
