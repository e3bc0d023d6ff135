"""Track Bodies: gives every body a constant id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...engines.words import counted
from ..api import io
from ..cuts import cuts_in, cuts_said
from ..inputs import own_state
from ..search import found_by
from ..show import Shown
from ..streaming import Carrying, Rule
from ..types import KinoBodies
from ..widgets import bodies_input, cuts_input, max_gap_input, state_input, state_output
from . import CATEGORY

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.body.bodies import Bodies


class TrackBodies(io.ComfyNode):
    STREAMING = Rule("state", ("bodies", "image"), step=Carrying)
    ORDER = 720

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographTrackBodies",
            display_name="Track Bodies",
            category=CATEGORY,
            **found_by("body id, identity, follow people, person tracker, scene cut"),
            description="Gives every body an id that persists through short occlusions. For bodies "
            "without tracks, such as those of other programs: Detect Bodies tracks its own.",
            inputs=[
                bodies_input(),
                max_gap_input("a body that"),
                cuts_input("tracks end at a cut"),
                state_input(
                    "The state of this node after the previous chunk, to continue its tracks."
                ),
            ],
            outputs=[
                KinoBodies.Output(
                    display_name="bodies", tooltip="The same bodies, with track ids."
                ),
                state_output(),
            ],
        )

    @classmethod
    def execute(
        cls, bodies: Bodies, max_gap: int, image: Tensor | None = None, state: Any = None
    ) -> io.NodeOutput:
        from ...engines.body.tracking import BodyTracker
        from ...engines.tracking.by_boxes import BoxTrackState
        from ...engines.video.cuts import Cuts

        known, cuts = own_state(state, tuple) or (BoxTrackState(), Cuts())
        tracker = BodyTracker(max_gap=max_gap, state=known)
        new_shot, cuts = cuts_in(image, bodies, "bodies", cuts)
        tracked = tracker.update(bodies, new_shot)
        text = counted(len(tracked.track_ids[tracked.track_ids >= 0].unique()), "body", "bodies")
        if tracker.state.given:
            text += "; they have tracks, which are kept"
        else:
            text += cuts_said(cuts, "tracks end there")
        return io.NodeOutput(tracked, (tracker.state, cuts), ui=Shown(text))
