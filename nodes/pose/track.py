"""Track Poses: gives every person an id that stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...engines.errors import InputError
from ...engines.words import counted
from ..api import io
from ..inputs import own_state
from ..search import found_by
from ..show import Shown
from ..streaming import Carrying, Rule
from ..types import KinoPoses
from ..widgets import poses_input, state_input, state_output
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
                io.Int.Input(
                    "max_gap",
                    default=30,
                    min=0,
                    max=1000,
                    step=1,
                    tooltip="How many frames a person who is out of sight is remembered.",
                ),
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="The frames, used to detect cuts: tracks end at a cut.",
                ),
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
        from ...engines.checks import check_frames
        from ...engines.pose.tracking import Tracker, TrackState
        from ...engines.video.cuts import scene_cuts, thumbnails

        known, last = own_state(state, tuple) or (TrackState(), None)
        tracker = Tracker(max_gap=max_gap, state=known)
        cuts = None
        if image is not None:
            check_frames("image", image)
            if image.shape[0] != len(poses):
                raise InputError(
                    f"image: expected the {len(poses)} frames of the poses, found {image.shape[0]}"
                )
            cuts = scene_cuts(image, last)
            last = thumbnails(image[-1:])
        tracked = tracker.update(poses, cuts)
        people = len(tracked.track_ids[tracked.track_ids >= 0].unique())
        shots = 0 if cuts is None else int(cuts.sum())
        text = counted(people, "person", "people") + (f", {counted(shots, 'cut')}" if shots else "")
        return io.NodeOutput(tracked, (tracker.state, last), ui=Shown(text))
