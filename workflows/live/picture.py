"""Choose which output of a graph a live run shows."""

from dataclasses import dataclass

from ...engines.errors import GraphError
from ..graph.catalogue import Catalogue
from ..graph.model import Graph, Link, Node

_PICTURES = ("IMAGE", "MASK")


@dataclass(frozen=True)
class ShownOutput:
    """The output of a node that a live run shows."""

    node: Node
    slot: int
    io_type: str

    @property
    def label(self) -> str:
        """The output as messages name it."""
        return f"{self.node.label}, output {self.slot} ({self.io_type})"


def choose_shown(graph: Graph, nodes: Catalogue, asked: str = "") -> ShownOutput:
    """Return the output to show.

    asked: NODE or NODE.OUTPUT, where NODE is an id, or a class that only one node has, and OUTPUT
           is a number or a name; default: the output of the last node that draws, or else what the
           last Create Video, Preview Image or Save Image receives

    Raises `GraphError` where there is no such output, and lists those that can be shown.
    """
    fed = fed_nodes(graph, nodes)
    if asked:
        return _asked(graph, nodes, asked)
    for node in reversed(list(graph.nodes.values())):
        rule = nodes.rule(node.class_type)
        if rule is not None and rule.draws and node.id in fed:
            return ShownOutput(node, 0, "IMAGE")
    for node in reversed(list(graph.nodes.values())):
        rule = nodes.rule(node.class_type)
        link = node.inputs.get(rule.shows) if rule is not None else None
        if isinstance(link, Link) and link.node in fed:
            source = graph.nodes[link.node]
            return ShownOutput(source, link.slot, _kind(nodes, source, link.slot))
    raise GraphError(
        f"{graph.source}: nothing to show: expected a node that draws the frames of a video, or "
        f"a Preview Image; choose one with --show: {_offer(graph, nodes)}"
    )


def _asked(graph: Graph, nodes: Catalogue, asked: str) -> ShownOutput:
    name, output = asked, ""
    if not graph.find(asked) and "." in asked:
        name, _, output = asked.rpartition(".")
    matches = graph.find(name)
    if len(matches) != 1:
        what = "more than one node has this class" if matches else "there is no such node"
        raise GraphError(
            f"--show {asked}: {what} in {graph.source}; choose one of {_offer(graph, nodes)}"
        )
    outputs = nodes.require(matches[0].class_type).outputs
    for slot, one in enumerate(outputs):
        wanted = output in (str(slot), one.display_name) if output else one.io_type in _PICTURES
        if wanted and one.io_type in _PICTURES:
            return ShownOutput(matches[0], slot, one.io_type)
    raise GraphError(
        f"--show {asked}: {matches[0].label} has no such IMAGE or MASK output; choose one of "
        f"{_offer(graph, nodes)}"
    )


def _offer(graph: Graph, nodes: Catalogue) -> str:
    fed = fed_nodes(graph, nodes)
    outputs = [
        f"{node.id}.{slot} ({node.class_type})"
        for node in graph.nodes.values()
        if node.id in fed
        for slot, output in enumerate(nodes.require(node.class_type).outputs)
        if output.io_type in _PICTURES
    ]
    return ", ".join(outputs) or "none: add Load Video and Get Video Components"


def _kind(nodes: Catalogue, node: Node, slot: int) -> str:
    outputs = nodes.require(node.class_type).outputs
    return outputs[slot].io_type if 0 <= slot < len(outputs) else "IMAGE"


def fed_nodes(graph: Graph, nodes: Catalogue) -> set[str]:
    """Return the ids of nodes that frames of a video reach, from those that give the frames on."""
    sources = {
        node.id: node
        for node in graph.nodes.values()
        if (rule := nodes.rule(node.class_type)) is not None and rule.kind == "source"
    }
    fed = set(sources)
    while True:
        more = {
            node.id
            for node in graph.nodes.values()
            for _, link in node.links()
            # the sound and the frame rate of a source are not frames
            if link.node in fed
            and (
                link.node not in sources or _kind(nodes, sources[link.node], link.slot) in _PICTURES
            )
        }
        if more <= fed:
            return fed
        fed |= more
