"""Edit Tracks: fewer and smoother motion tracks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...engines.motion_tracks.choices import CHOSEN_BY, EDGES, TARGETS
from ..api import io
from ..previews import of_tracks
from ..search import found_by
from ..show import Shown
from ..streaming import Rule, always
from . import CATEGORY
from .outputs import (
    said,
    size_outputs,
    target_outputs,
    text_output,
    tracks_input,
    tracks_output,
)

if TYPE_CHECKING:
    from torch import Tensor


class EditTracks(io.ComfyNode):
    STREAMING = Rule("whole", ("region",), whole=always("has tracks of a whole clip"))
    ORDER = 810

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographEditTracks",
            display_name="Edit Tracks",
            category=CATEGORY,
            **found_by("filter trajectories, smooth spline, select points, prune tracks"),
            description="Keeps some of the motion tracks, by region, length or number, and smooths "
            "them.",
            inputs=[
                tracks_input(),
                io.Combo.Input(
                    "target",
                    options=list(TARGETS),
                    default=TARGETS[0],
                    tooltip="What takes the tracks, as in Motion Tracks; it decides the text.",
                ),
                io.Int.Input(
                    "keep",
                    default=0,
                    min=0,
                    max=10000,
                    step=1,
                    tooltip="How many tracks are kept at most. 0: all.",
                ),
                io.Combo.Input(
                    "by",
                    options=list(CHOSEN_BY),
                    default=CHOSEN_BY[0],
                    tooltip="Which ones: those that travel furthest, those that travel least, or "
                    "some spread evenly over all.",
                ),
                io.Float.Input(
                    "least_motion",
                    default=0.0,
                    min=0.0,
                    max=16384.0,
                    step=1.0,
                    tooltip="Tracks that travel less than so many pixels are dropped.",
                ),
                io.Float.Input(
                    "smooth",
                    default=0.0,
                    min=0.0,
                    max=100.0,
                    step=0.5,
                    tooltip="How strongly places are smoothed over time, in frames. 0: not at all.",
                ),
                io.Combo.Input(
                    "region_side",
                    options=list(EDGES),
                    default=EDGES[0],
                    tooltip="With a region: whether tracks that begin inside or outside it are "
                    "kept.",
                ),
                io.Mask.Input(
                    "region",
                    optional=True,
                    tooltip="Where tracks must begin, or must not. Its first frame counts; it is "
                    "stretched over the picture.",
                ),
            ],
            outputs=[tracks_output(), text_output(), *size_outputs()],
        )

    @classmethod
    def execute(
        cls,
        tracks: Mapping[str, Any],
        target: str,
        keep: int,
        by: str,
        least_motion: float,
        smooth: float,
        region_side: str,
        region: Tensor | None = None,
    ) -> io.NodeOutput:
        from ...engines.motion_tracks.edit import chosen, in_region, moving, smoothed
        from ...engines.motion_tracks.target import check_length
        from ...engines.motion_tracks.tracks import MotionTracks

        found = MotionTracks.from_core(tracks)
        check_length(found.frame_count, target)
        if region is not None:
            found = in_region(found, region, region_side)
        if least_motion:
            found = moving(found, least_motion)
        if keep:
            found = chosen(found, keep, by)
        found = smoothed(found, smooth)
        outputs = target_outputs(found, target)
        return io.NodeOutput(*outputs, ui=Shown(said(found), picture=lambda: of_tracks(found)))
