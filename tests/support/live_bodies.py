"""A graph whose bodies are known, for live runs: two people in motion, whatever the frames show."""

from collections.abc import Mapping
from typing import Any

from kinograph.engines.body.bodies import Bodies
from kinograph.nodes.standin import host, io
from kinograph.nodes.streaming import Outputs, Rule, Step
from kinograph.workflows.graph.catalogue import Catalogue, catalogue
from kinograph.workflows.graph.load import parse_graph
from kinograph.workflows.live.graph import LiveGraph
from live_clips import PLAIN
from made_bodies import moving

CYCLE = 50  # frames after which the motion begins again


class _Step(Step):
    def __init__(self, node: Any):
        super().__init__(node)
        self._number = 0
        self._all = moving(CYCLE)

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        at = self._number % CYCLE
        self._number += 1
        found: Bodies = self._all.slice(at, at + 1)
        return (found, inputs["image"])

    @property
    def state(self) -> Any:
        return self._number

    @state.setter
    def state(self, value: Any) -> None:
        self._number = value


class People(io.ComfyNode):
    """Gives the same two people for any frame, and the frame."""

    STREAMING = Rule("stream", ("image",), step=_Step)

    @classmethod
    def define_schema(cls) -> io.Schema:
        outputs = [io.Custom("KINO_BODIES").Output(), io.Image.Output()]
        return io.Schema("People", "People", "test", [io.Image.Input("image")], outputs)


class Look(io.ComfyNode):
    """Shows the frames in which bodies are."""

    STREAMING = Rule("frames", ("bodies", "image"), draws=True)

    @classmethod
    def define_schema(cls) -> io.Schema:
        inputs = [io.Custom("KINO_BODIES").Input("bodies"), io.Image.Input("image")]
        return io.Schema("Look", "Look", "test", inputs, [io.Image.Output()])

    @classmethod
    def execute(cls, bodies: Bodies, image: Any) -> io.NodeOutput:
        return io.NodeOutput(image)


BODIES = {
    **{id_: PLAIN[id_] for id_ in ("1", "2")},
    "b": {"class_type": "People", "inputs": {"image": ["2", 0]}},
    "d": {"class_type": "Look", "inputs": {"bodies": ["b", 0], "image": ["b", 1]}},
}


def nodes() -> Catalogue:
    """Return the pack's nodes and those of this file."""
    known = catalogue()
    ours = {"People": People, "Look": Look}
    return Catalogue({name: known.node(name) for name in known.names()} | ours)


def bodies_graph(graph: Mapping[str, Any] = BODIES, **more: Any) -> LiveGraph:
    made = parse_graph(dict(graph), "bodies.json")
    return LiveGraph(made, nodes(), host.Settings(device="cpu"), **more)
