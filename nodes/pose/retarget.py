"""Retarget Poses: fits poses to another canvas or body."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engines.pose.choices import MATCHINGS
from ...engines.words import counted
from ..api import io
from ..search import found_by
from ..show import Shown
from ..streaming import Refusal, Rule, Values
from ..types import KinoPoses
from ..widgets import fit_input, poses_input, side_input
from . import CATEGORY

if TYPE_CHECKING:
    from ...engines.pose.poses import Poses


def _needs_whole_clip(values: Values) -> Refusal | None:
    if values.get("reference") is None:
        return None
    return Refusal("a limb's true length is the longest of the whole clip", "disconnect reference")


class RetargetPoses(io.ComfyNode):
    STREAMING = Rule("frames", ("poses",), whole=_needs_whole_clip)
    ORDER = 100

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographRetargetPoses",
            display_name="Retarget Poses",
            category=CATEGORY,
            **found_by("align pose, pose transfer, body proportions, resize keypoints, scale pose"),
            description="Moves poses to another canvas, and can give people the proportions of "
            "somebody else while they keep their motion, with their feet on the ground.",
            inputs=[
                poses_input("From Track Poses, if there is a reference."),
                side_input(
                    "width",
                    "Width of the new canvas in pixels. 0: unchanged, or computed from the height.",
                ),
                side_input(
                    "height",
                    "Height of the new canvas in pixels. 0: unchanged, or computed from the width.",
                ),
                fit_input(
                    "letterbox",
                    "How the old canvas is fitted to the new one: each side scaled separately, "
                    "whole with borders, or filled and cropped at the edges.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="0: the people's own proportions; 1: those of the reference.",
                ),
                KinoPoses.Input(
                    "reference",
                    optional=True,
                    tooltip="Poses of an image of the character, or of one for each person; see "
                    "matching.",
                ),
                io.Combo.Input(
                    "matching",
                    options=list(MATCHINGS),
                    default="first",
                    optional=True,
                    tooltip="Whose limbs each person takes. first: those of the reference's first "
                    "person. order: the n-th person those of the n-th, counted from left to right, "
                    "image by image. track: those of the same track id.",
                ),
            ],
            outputs=[
                KinoPoses.Output(display_name="poses", tooltip="The poses on the new canvas.")
            ],
        )

    @classmethod
    def execute(
        cls,
        poses: Poses,
        width: int,
        height: int,
        fit: str,
        strength: float,
        reference: Poses | None = None,
        matching: str = "first",
    ) -> io.NodeOutput:
        from ...engines.geometry.placement import complete_size
        from ...engines.pose.retarget import onto_canvas, with_proportions
        from ...engines.pose.tracks import need_tracks

        notes: tuple[str, ...] = ()
        warnings: tuple[str, ...] = ()
        if reference is not None:
            need_tracks(poses)
            given = with_proportions(poses, reference, strength=strength, matching=matching)
            poses, notes, warnings = given.poses, given.notes, given.warnings
        size = complete_size(poses.canvas, height or None, width or None)
        if size != poses.canvas:
            poses = onto_canvas(poses, size, fit)
        text = f"{counted(len(poses), 'frame')} of {size[1]}x{size[0]}"
        return io.NodeOutput(poses, ui=Shown("\n".join([text, *notes]), warnings=warnings))
