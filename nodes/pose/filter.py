"""Filter Poses: keeps people by track, size and place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engines.pose.choices import PARTS
from ...engines.words import counted, enumerated
from ..api import io
from ..search import found_by
from ..show import Shown
from ..streaming import Rule
from ..types import KinoPoses
from ..widgets import poses_input
from . import CATEGORY

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.pose.poses import Poses


class FilterPoses(io.ComfyNode):
    STREAMING = Rule("frames", ("poses", "region"), one=("region",))
    ORDER = 90

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographFilterPoses",
            display_name="Filter Poses",
            category=CATEGORY,
            **found_by("select person, pick person, remove people, largest person"),
            description="Keeps people by track, size and position. A person must meet all "
            "conditions.",
            inputs=[
                poses_input(),
                io.String.Input(
                    "tracks",
                    default="",
                    tooltip="Ids from Track Poses, such as 0,2-4. Empty: everybody.",
                ),
                io.Float.Input(
                    "min_height",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Minimum height of a person's box, as a fraction of the frame's "
                    "height.",
                ),
                io.Float.Input(
                    "max_height",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Maximum height of a person's box, as a fraction of the frame's "
                    "height.",
                ),
                io.Int.Input(
                    "most",
                    default=0,
                    min=0,
                    max=64,
                    step=1,
                    tooltip="Keeps this many of the largest people in each frame. 0: all.",
                ),
                io.Mask.Input(
                    "region",
                    optional=True,
                    tooltip="Keeps people whose box has its centre inside the mask: one mask, or "
                    "one per frame.",
                ),
                *(
                    io.Boolean.Input(
                        part,
                        default=True,
                        optional=True,
                        tooltip=f"Off: {part} {'is' if part == 'face' else 'are'} removed from the "
                        "poses themselves, not only from drawings.",
                    )
                    for part in PARTS
                ),
            ],
            outputs=[KinoPoses.Output(display_name="poses", tooltip="The people who are kept.")],
        )

    @classmethod
    def execute(
        cls,
        poses: Poses,
        tracks: str,
        min_height: float,
        max_height: float,
        most: int,
        region: Tensor | None = None,
        hands: bool = True,
        face: bool = True,
        feet: bool = True,
    ) -> io.NodeOutput:
        from ...engines.pose.filters import filter_people, parse_tracks, without_parts
        from ...engines.pose.tracks import need_tracks

        wanted = parse_tracks(tracks)
        if wanted is not None:
            need_tracks(poses)
        kept = filter_people(
            poses,
            tracks=wanted,
            min_height=min_height,
            max_height=max_height,
            region=region,
            most=most,
        )
        text = f"{int(kept.count.sum())} of {counted(int(poses.count.sum()), 'pose')} kept"
        if left_out := [
            part for part, keep in zip(PARTS, (hands, face, feet), strict=True) if not keep
        ]:
            kept = without_parts(kept, left_out)
            text += f", without {enumerated(left_out)}"
        return io.NodeOutput(kept, ui=Shown(text))
