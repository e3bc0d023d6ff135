"""Fill Pose Gaps: restores what a track loses for a few frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...engines.words import counted
from ..api import io
from ..search import found_by
from ..show import Shown
from ..streaming import Outputs, Rule, Step
from ..types import KinoPoses
from ..widgets import poses_input
from . import CATEGORY

if TYPE_CHECKING:
    from ...engines.pose.gaps import GapFiller
    from ...engines.pose.poses import Poses


class _Step(Step):
    """Holds back frames whose gaps may still be filled."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._kept: tuple[Any, int] = (None, 0)

    def run(self, inputs: Mapping[str, Any]) -> Outputs | None:
        from ...engines.pose.tracks import need_tracks

        need_tracks(inputs["poses"])
        filler = self._filler(inputs)
        out = filler.update(inputs["poses"])
        self._kept = filler.state
        return None if out is None else (out,)

    def finish(self, inputs: Mapping[str, Any]) -> Outputs | None:
        out = self._filler(inputs).finish()
        self._kept = (None, 0)
        return None if out is None else (out,)

    def _filler(self, inputs: Mapping[str, Any]) -> GapFiller:
        from ...engines.pose.gaps import GapFiller

        return GapFiller(inputs["limit"], *self._kept)

    @property
    def state(self) -> Any:
        return self._kept

    @state.setter
    def state(self, value: Any) -> None:
        self._kept = value


class FillPoseGaps(io.ComfyNode):
    STREAMING = Rule(
        "stream",
        ("poses",),
        step=_Step,
        latency="holds pictures back while somebody is missing, up to limit of them",
    )
    ORDER = 70

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographFillPoseGaps",
            display_name="Fill Pose Gaps",
            category=CATEGORY,
            **found_by("interpolate, missing joints, missing frames, occlusion"),
            description="Fills in joints and people that a track loses for a few frames, by linear "
            "interpolation between where they were last and next seen.",
            inputs=[
                poses_input("From Track Poses."),
                io.Int.Input(
                    "limit",
                    default=8,
                    min=0,
                    max=1000,
                    step=1,
                    tooltip="Longest gap that is filled, in frames.",
                ),
            ],
            outputs=[
                KinoPoses.Output(display_name="poses", tooltip="The poses with the gaps filled.")
            ],
        )

    @classmethod
    def execute(cls, poses: Poses, limit: int) -> io.NodeOutput:
        from ...engines.pose.gaps import fill_gaps
        from ...engines.pose.tracks import need_tracks

        need_tracks(poses)
        filled = fill_gaps(poses, limit)
        joints = int((filled.confidence > 0).sum() - (poses.confidence > 0).sum())
        people = int(filled.count.sum() - poses.count.sum())
        text = f"{counted(joints, 'joint')} and {counted(people, 'pose')} filled in"
        return io.NodeOutput(filled, ui=Shown(text))
