"""Head Statistics: who is there for how long, which way heads look and how fast they turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..api import io
from ..search import found_by
from ..show import Shown
from ..streaming import Outputs, Rule, Step
from ..widgets import heads_input
from . import CATEGORY

if TYPE_CHECKING:
    from ...engines.head.heads import Heads


class _Step(Step):
    """Keeps the heads, without their landmarks."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._heads: Heads | None = None  # of all frames so far

    def run(self, inputs: Mapping[str, Any]) -> None:
        from ...engines.head.heads import Heads
        from ...engines.head.statistics import without_landmarks

        here = without_landmarks(inputs["heads"])
        self._heads = here if self._heads is None else Heads.cat([self._heads, here])

    def finish(self, inputs: Mapping[str, Any]) -> None:
        if self._heads is not None:
            outputs, shown = _measured(self._heads)
            self.ends = dict(enumerate(outputs))
            self.text = shown.value

    @property
    def state(self) -> Any:
        return self._heads

    @state.setter
    def state(self, value: Any) -> None:
        self._heads = value


def _measured(heads: Heads) -> tuple[Outputs, Shown]:
    from ...engines.head.statistics import as_json, as_table, head_statistics

    found = head_statistics(heads)
    warnings = []
    if found.crowded:
        warnings.append(
            "several heads in a frame have no track: they are measured together and without speed "
            "and jitter; put Track Heads before this node"
        )
    return (as_json(found), found.share), Shown(as_table(found), warnings=warnings)


class HeadStatistics(io.ComfyNode):
    STREAMING = Rule("sums", ("heads",), step=_Step, ends=(0, 1))
    ORDER = 565

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographHeadStatistics",
            display_name="Head Statistics",
            category=CATEGORY,
            **found_by("head pose, yaw pitch roll, head angles, gaze direction, jitter"),
            description="Reports in how many frames heads are, and of every track how long it is "
            "seen, which way the head looks, how fast it turns and how much it jitters.",
            is_output_node=True,
            inputs=[heads_input("From Track Heads or any other node that outputs heads.")],
            outputs=[
                io.String.Output(display_name="json", tooltip="All figures as JSON."),
                io.Float.Output(
                    display_name="share",
                    tooltip="The share of the frames with at least one head, 0 to 1.",
                ),
            ],
        )

    @classmethod
    def execute(cls, heads: Heads) -> io.NodeOutput:
        outputs, shown = _measured(heads)
        return io.NodeOutput(*outputs, ui=shown)
