"""Choose which bodies of a graph a live run sends and measures."""

from collections import deque
from dataclasses import dataclass

from ...engines.errors import GraphError
from ..graph.catalogue import Catalogue
from ..graph.model import Graph, Node
from .picture import ShownOutput, fed_nodes

_SOCKET = "KINO_BODIES"


@dataclass(frozen=True)
class BodiesOutput:
    """The output of a node that gives bodies."""

    node: Node
    slot: int

    @property
    def label(self) -> str:
        """The output as messages name it."""
        return f"{self.node.label}, output {self.slot}"


def choose_bodies(
    graph: Graph, nodes: Catalogue, shown: ShownOutput, *, wanted: bool
) -> BodiesOutput | None:
    """Return the bodies that are nearest to the shown picture among those that it is made from.

    wanted: if it is made from none, take the last bodies of the graph that depend on the frames of
            a video, and raise `GraphError` if there are none
    """
    if found := _nearest(graph, nodes, shown.node.id):
        return found
    if not wanted:
        return None
    fed = fed_nodes(graph, nodes)
    for node in reversed(list(graph.nodes.values())):
        for slot, output in enumerate(nodes.require(node.class_type).outputs):
            if node.id in fed and output.io_type == _SOCKET:
                return BodiesOutput(node, slot)
    raise GraphError(
        f"--send: {graph.source}: no node gives bodies of the frames of a video; add Detect Bodies"
    )


def _nearest(graph: Graph, nodes: Catalogue, start: str) -> BodiesOutput | None:
    waiting, seen = deque([start]), {start}
    while waiting:
        for _, link in graph.nodes[waiting.popleft()].links():
            if link.node not in graph.nodes:
                continue
            node = graph.nodes[link.node]
            outputs = nodes.require(node.class_type).outputs
            if link.slot < len(outputs) and outputs[link.slot].io_type == _SOCKET:
                return BodiesOutput(node, link.slot)
            if link.node not in seen:
                seen.add(link.node)
                waiting.append(link.node)
    return None
