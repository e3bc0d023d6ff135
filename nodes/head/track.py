"""Track Heads: gives every head a constant id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...engines.words import counted
from ..api import io
from ..cuts import cuts_in, cuts_said
from ..inputs import own_state
from ..search import found_by
from ..show import Shown
from ..streaming import Carrying, Rule
from ..types import KinoHeads
from ..widgets import cuts_input, heads_input, max_gap_input, state_input, state_output
from . import CATEGORY

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.head.heads import Heads


class TrackHeads(io.ComfyNode):
    STREAMING = Rule("state", ("heads", "image"), step=Carrying)
    ORDER = 530

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographTrackHeads",
            display_name="Track Heads",
            category=CATEGORY,
            **found_by("face tracker, face id, identity, follow faces, scene cut"),
            description="Gives every head an id that persists through turns and short occlusions.",
            inputs=[
                heads_input(),
                max_gap_input("a head that"),
                cuts_input("tracks end at a cut"),
                state_input(
                    "The state of this node after the previous chunk, to continue its tracks."
                ),
            ],
            outputs=[
                KinoHeads.Output(display_name="heads", tooltip="The same heads, with track ids."),
                state_output(),
            ],
        )

    @classmethod
    def execute(
        cls, heads: Heads, max_gap: int, image: Tensor | None = None, state: Any = None
    ) -> io.NodeOutput:
        from ...engines.head.tracking import HeadTracker
        from ...engines.tracking.by_boxes import BoxTrackState
        from ...engines.video.cuts import Cuts

        known, cuts = own_state(state, tuple) or (BoxTrackState(), Cuts())
        tracker = HeadTracker(max_gap=max_gap, state=known)
        new_shot, cuts = cuts_in(image, heads, "heads", cuts)
        tracked = tracker.update(heads, new_shot)
        text = counted(len(tracked.track_ids[tracked.track_ids >= 0].unique()), "head")
        if tracker.state.given:
            text += "; the tracks of the people are kept"
        else:
            text += cuts_said(cuts, "tracks end there")
        return io.NodeOutput(tracked, (tracker.state, cuts), ui=Shown(text))
