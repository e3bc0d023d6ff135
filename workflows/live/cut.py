"""Cut a graph down to what is shown live, and say why it cannot run frame by frame."""

from collections.abc import Iterator
from dataclasses import replace

from ...nodes.streaming import Refusal, Rule, Values
from ..graph.catalogue import Catalogue
from ..graph.model import Graph, Link, Node
from ..graph.plan import Plan
from .bodies import BodiesOutput
from .picture import ShownOutput, fed_nodes

PICTURE, BODIES = "shown live", "bodies live"
"""Ids of the nodes that take what is shown, and the bodies."""


def cut_down(graph: Graph, shown: ShownOutput, bodies: BodiesOutput | None) -> Graph:
    """Return the nodes that the shown output and the bodies need, and those that take them."""
    sinks = {PICTURE: Node(PICTURE, "PreviewAny", {"source": Link(shown.node.id, shown.slot)})}
    if bodies is not None:
        link = Link(bodies.node.id, bodies.slot)
        sinks[BODIES] = Node(BODIES, "PreviewAny", {"source": link})
    needed: dict[str, Node] = {}
    stack = [link.node for sink in sinks.values() for _, link in sink.links()]
    while stack:
        id_ = stack.pop()
        if id_ in needed or id_ not in graph.nodes:
            continue
        needed[id_] = graph.nodes[id_]
        stack += [link.node for _, link in graph.nodes[id_].links()]
    nodes = {id_: node for id_, node in graph.nodes.items() if id_ in needed}
    return replace(graph, nodes={**nodes, **sinks})


def problems(plan: Plan, catalogue: Catalogue) -> Iterator[str]:
    """Yield why a plan cannot run on a stream, node by node."""
    graph = plan.graph
    fed = fed_nodes(graph, catalogue)
    if PICTURE not in fed:
        yield "the picture does not depend on the frames of a video; add Get Video Components"
    yield from _videos(plan, catalogue)
    for id_ in plan.order:
        node, values = graph.nodes[id_], plan.values[id_]
        rule = catalogue.rule(node.class_type)
        if rule is not None and rule.kind == "long":
            yield f"{node.label}: has a row for each frame of another clip, not of the stream"
        elif id_ not in fed:
            continue
        elif rule is None:
            yield f"{node.label}: is not known to run frame by frame"
        elif refusal := _refusal(rule, values):
            yield f"{node.label}: {refusal}"


def _refusal(rule: Rule, values: Values) -> Refusal | None:
    """Return why a node with these values cannot run frame by frame as frames come."""
    if rule.survey is not None and rule.survey.needed(values):
        return rule.survey.refusal
    if rule.kind == "sums":
        return Refusal("is done at the end of a clip only")
    return rule.whole(values) or rule.not_live(values)


def _videos(plan: Plan, catalogue: Catalogue) -> Iterator[str]:
    """Yield which videos the source cannot stand for."""
    graph = plan.graph
    kinds = {
        id_: rule.kind
        for id_ in plan.order
        if (rule := catalogue.rule(graph.nodes[id_].class_type)) is not None
    }
    taken = {id_: plan.values[id_].get("video") for id_, kind in kinds.items() if kind == "source"}
    opened = {id_ for id_, video in taken.items() if not isinstance(video, Link)}
    given = {video.node for video in taken.values() if isinstance(video, Link)}
    given = {id_ for id_ in given if kinds.get(id_, "once") == "once"}  # the others are made here
    if len(given | opened) > 1:
        labels = " and ".join(graph.nodes[id_].label for id_ in sorted(given | opened))
        yield f"{labels}: a stream stands for one video; have all frames come from the same"
    for id_ in plan.order:
        for _, link in graph.nodes[id_].links():
            if link.node in given and kinds.get(id_) != "source":
                label = graph.nodes[id_].label
                yield f"{label}: takes the video as a whole, which a stream is not"
