"""Flow Statistics: how fast a clip moves, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..api import io
from ..search import found_by
from ..show import Shown
from ..streaming import Outputs, Rule, Step
from ..widgets import flow_input, speed_threshold_input
from . import CATEGORY

if TYPE_CHECKING:
    from ...engines.flow.flow import Flow
    from ...engines.flow.statistics import FlowStatistics as Statistics


class _Step(Step):
    """Keeps the numbers of every pair, and not the flow."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._numbers: Any = None  # of all pairs so far
        self._fps = 0.0

    def run(self, inputs: Mapping[str, Any]) -> None:
        from ...engines.flow.statistics import FlowStatistics as Statistics
        from ...engines.flow.statistics import flow_statistics

        flow: Flow = inputs["flow"]
        here = flow_statistics(flow, threshold=inputs["threshold"])
        self._fps = flow.fps
        self._numbers = here if self._numbers is None else Statistics.cat([self._numbers, here])

    def finish(self, inputs: Mapping[str, Any]) -> None:
        from ...engines.flow.statistics import as_table

        outputs = _outputs(self._numbers, self._fps, inputs["threshold"])
        self.ends = dict(enumerate(outputs))
        self.text = as_table(self._numbers)

    @property
    def state(self) -> Any:
        return [self._numbers, self._fps]

    @state.setter
    def state(self, value: Any) -> None:
        self._numbers, self._fps = value


def _outputs(numbers: Statistics, fps: float, threshold: float) -> Outputs:
    from ...engines.flow.statistics import as_json

    text = as_json(numbers, fps=fps, threshold=threshold)
    return text, numbers.clip_mean, numbers.clip_max


class FlowStatistics(io.ComfyNode):
    STREAMING = Rule("sums", ("flow",), step=_Step, least=2, ends=(0, 1, 2))
    ORDER = 190

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographFlowStatistics",
            display_name="Flow Statistics",
            category=CATEGORY,
            **found_by("motion amount, motion score, speed, camera motion"),
            description="Reports how fast a clip moves, in which direction and how much of it, and "
            "how the camera moves, frame by frame.",
            is_output_node=True,
            inputs=[
                flow_input(),
                speed_threshold_input(
                    "Speed in pixels per frame from which a pixel counts as moving."
                ),
            ],
            outputs=[
                io.String.Output(display_name="json", tooltip="All figures as JSON."),
                io.Float.Output(
                    display_name="mean", tooltip="The mean speed of the clip in pixels per frame."
                ),
                io.Float.Output(
                    display_name="max", tooltip="The highest speed of the clip in pixels per frame."
                ),
            ],
        )

    @classmethod
    def execute(cls, flow: Flow, threshold: float) -> io.NodeOutput:
        from ...engines.flow.statistics import as_table, flow_statistics

        found = flow_statistics(flow, threshold=threshold)
        return io.NodeOutput(*_outputs(found, flow.fps, threshold), ui=Shown(as_table(found)))
