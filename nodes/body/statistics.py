"""Body Statistics: how complete and how steady bodies are, by track."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...engines.body.choices import CONDITIONS
from .. import advanced
from ..api import io
from ..search import found_by
from ..show import Shown
from ..streaming import Outputs, Rule, Step
from ..widgets import bodies_input, rate_input
from . import CATEGORY
from .rigs import rig_of

if TYPE_CHECKING:
    from ...engines.body.bodies import Bodies
    from ...engines.body.metrics.meter import Meter

_CLIP = 1e9  # s: longer than any clip
_LAYOUTS = ("by track", "REMI")


@dataclass
class _Measured:
    """The frames of a clip so far; `crowded`: in how many several bodies have no track."""

    meter: Meter
    fps: float
    frames: int = 0
    crowded: int = 0

    @classmethod
    def begin(cls, fps: float) -> _Measured:
        from ...engines.body.metrics.meter import Meter

        return cls(Meter(seconds=_CLIP, period=1 / fps), fps)

    def add(self, bodies: Bodies) -> None:
        """Measure the frames that follow."""
        import torch

        from ...engines.body.metrics.observe import observe

        number = torch.arange(self.frames, self.frames + len(bodies), dtype=torch.float64)
        here = bodies.to("cpu")
        self.meter.add(observe(here, rig_of(here), number / self.fps))
        loose = (here.present & (here.track_ids < 0)).sum(1)
        self.frames += len(bodies)
        self.crowded += int((loose > 1).sum())

    def results(self, condition: str, columns: str) -> tuple[Outputs, Shown]:
        """Return the outputs of the node and what it shows."""
        from ...engines.body.metrics.plot import plot_changes
        from ...engines.body.metrics.table import Record, as_csv
        from ...engines.body.metrics.words import as_text
        from ...engines.errors import InputError

        summary, changes = self.meter.summary(), self.meter.changes
        if summary is None or changes is None:
            raise InputError("bodies: expected at least 1 frame, found none; nothing to measure")
        summary = replace(summary, seconds=self.frames / self.fps)
        record = Record(_clock(self.frames / self.fps), condition, summary)
        warnings = []
        if self.crowded:
            warnings.append(
                "several bodies in a frame have no track and are left out; put Track Bodies "
                "before this node"
            )
        picture = plot_changes(changes, 1 / self.fps, relative=summary.relative)
        outputs = (
            summary.as_json(),
            as_csv((record,), compatible=columns != _LAYOUTS[0]),
            picture,
            summary.everybody.detection / 100,
        )
        return outputs, Shown(as_text(summary), warnings=warnings, picture=lambda: picture)


def _clock(seconds: float) -> str:
    """Return how far a clip goes, as records have their times: 00:01:02.480."""
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{thousandths:03}"


class _Step(Step):
    """Keeps the numbers of every body in every frame, and not the bodies."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._measured: _Measured | None = None

    def run(self, inputs: Mapping[str, Any]) -> None:
        if self._measured is None:
            _condition(inputs)  # says now what it does not take
            self._measured = _Measured.begin(inputs["fps"])
        self._measured.add(inputs["bodies"])

    def finish(self, inputs: Mapping[str, Any]) -> None:
        if self._measured is not None:
            outputs, shown = self._measured.results(_condition(inputs), inputs["columns"])
            self.ends = dict(enumerate(outputs))
            self.text = shown.value

    @property
    def state(self) -> Any:
        kept = self._measured
        return kept and [kept.meter.state, kept.fps, kept.frames, kept.crowded]

    @state.setter
    def state(self, value: Any) -> None:
        self._measured = None
        if value is not None:
            state, fps, frames, crowded = value
            self._measured = _Measured.begin(fps)
            self._measured.meter.state = state
            self._measured.frames, self._measured.crowded = frames, crowded


def _condition(inputs: Mapping[str, Any]) -> str:
    from ...engines.body.metrics.condition import condition_of

    return condition_of(inputs["condition"], inputs.get("custom") or "")


class BodyStatistics(io.ComfyNode):
    STREAMING = Rule("sums", ("bodies",), step=_Step, ends=(0, 1, 2, 3))
    ORDER = 765

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographBodyStatistics",
            display_name="Body Statistics",
            category=CATEGORY,
            **found_by(
                "stability, jitter, jerk, motion metrics, remi, csv, plot, pose change, id switches"
            ),
            description="Reports how complete and how steady bodies are, of all and of every "
            "track, as a table, as JSON and as a plot.",
            is_output_node=True,
            inputs=[
                bodies_input(),
                rate_input(),
                io.Combo.Input(
                    "condition",
                    options=list(CONDITIONS),
                    default=CONDITIONS[0],
                    tooltip="What the scene is like, for the table. Custom: as you write it below.",
                ),
                advanced.Combo.Input(
                    "columns",
                    options=list(_LAYOUTS),
                    default=_LAYOUTS[0],
                    tooltip="by track: a row for all bodies and one for each track. REMI: its nine "
                    "columns first, ours behind them, and one row for all bodies together.",
                ),
                advanced.String.Input(
                    "custom",
                    default="",
                    optional=True,
                    tooltip="The condition in your own words if it is Custom, on one line.",
                ),
            ],
            outputs=[
                io.String.Output(display_name="json", tooltip="All figures as JSON."),
                io.String.Output(
                    display_name="csv", tooltip="The table as CSV, e.g. for Save Text."
                ),
                io.Image.Output(
                    display_name="plot", tooltip="The changes over time, a line for each track."
                ),
                io.Float.Output(
                    display_name="share",
                    tooltip="The share of the frames with at least one body, 0 to 1.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls, bodies: Bodies, fps: float, condition: str, columns: str, custom: str = ""
    ) -> io.NodeOutput:
        chosen = _condition({"condition": condition, "custom": custom})
        measured = _Measured.begin(fps)
        measured.add(bodies)
        outputs, shown = measured.results(chosen, columns)
        return io.NodeOutput(*outputs, ui=shown)
