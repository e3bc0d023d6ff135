"""Flow Map: from frames to coloured maps of their motion in one node."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ...engines.models.registry import registry
from ...engines.render.choices import NOISE_FLOOR
from ...engines.render.wheels import WHEELS
from ..api import io
from ..engine.automatic import automatic_engine
from ..flow.estimate import EstimateFlow
from ..flow.load_model import LoadFlowModel
from ..previews import of_images
from ..search import found_by
from ..show import Shown
from ..streaming import Outputs, Rule, Step
from ..widgets import colour_strength_input
from . import CATEGORY
from .flow import DrawFlow

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.runtime.engine import Engine

_DIS = "dis"
# Inputs of the nodes that this one replaces, with values that a beginner need not choose.
_LOAD: dict[str, Any] = {"updates": 0, "both_ways": False, "warm_start": False}
_ESTIMATE: dict[str, Any] = {
    "direction": "forward",
    "first_frame": "duplicate",
    "size": 0,
    "fps": 16.0,
    "dis_preset": "medium",
}
_DRAW: dict[str, Any] = {
    "normalise": "vace",
    "scale": 0.0,
    "noise_floor": NOISE_FLOOR,
    "direction": "estimated",
    "legend": False,
}


class _Step(Step):
    """Carries the last frame over as Estimate Flow does; the engine stays for all chunks."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._estimate = EstimateFlow.STREAMING.step(EstimateFlow)
        self._draw = DrawFlow.STREAMING.step(DrawFlow)
        self._engine: Engine | None = None

    def takes(self, seen: int, count: int, inputs: Mapping[str, Any]) -> int:
        return self._estimate.takes(seen, count, self._given(inputs))

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        found = self._estimate.run(self._given(inputs))
        assert found is not None  # it holds no frame back
        drawn = self._draw.run({**_DRAW, **_chosen(inputs), "flow": found[0]})
        assert drawn is not None
        self.text = self._draw.text
        return drawn[:1]

    @property
    def state(self) -> Any:
        return [self._estimate.state, self._draw.state]

    @state.setter
    def state(self, value: Any) -> None:
        self._estimate.state, self._draw.state = value

    def _given(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the inputs of Estimate Flow."""
        if self._engine is None:
            self._engine = _engine(inputs["model"])
        return {**_ESTIMATE, "image": inputs["image"], "engine": self._engine}


class FlowMap(io.ComfyNode):
    STREAMING = Rule("stream", ("image",), step=_Step, least=2, draws=True)
    ORDER = 6

    @classmethod
    def define_schema(cls) -> io.Schema:
        names = [entry.name for entry in registry().values() if entry.task == "flow"]
        return io.Schema(
            node_id="KinographFlowMap",
            display_name="Flow Map",
            category=CATEGORY,
            **found_by(
                "optical flow preprocessor, raft preprocessor, unimatch, controlnet aux, motion map"
            ),
            description="Computes the motion in a clip and draws it as colours, in one node: the "
            "short form of Estimate Flow and Draw Flow.",
            inputs=[
                io.Image.Input("image", tooltip="The frames of a clip, of any size."),
                io.Combo.Input(
                    "colours",
                    options=list(WHEELS),
                    default="middlebury",
                    tooltip="middlebury: as VACE models expect it. Draw Flow describes the others.",
                ),
                colour_strength_input(),
                io.Combo.Input(
                    "model",
                    options=[_DIS, *names],
                    default=_DIS,
                    tooltip="dis: OpenCV's DIS, which needs no download and no GPU. The others "
                    "are networks, downloaded once and best on a GPU.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The motion, one image per frame.")
            ],
        )

    @classmethod
    def execute(cls, image: Tensor, colours: str, strength: float, model: str) -> io.NodeOutput:
        flow = EstimateFlow.execute(image=image, engine=_engine(model), **_ESTIMATE).args[0]
        drawn = DrawFlow.execute(flow=flow, colours=colours, strength=strength, **_DRAW)
        shown = Shown(drawn.ui.value, picture=partial(of_images, drawn.args[0]))
        return io.NodeOutput(drawn.args[0], ui=shown)


def _engine(model: str) -> Engine | None:
    """Return the engine of a network; None for DIS, which has none."""
    if model == _DIS:
        return None
    return automatic_engine(LoadFlowModel.execute(model, **_LOAD).args[0])


def _chosen(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: inputs[name] for name in ("colours", "strength")}
