"""A graph on a stream, cut down to what the shown picture needs."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from ...engines.errors import GraphError
from ...engines.video.segments import to_bytes
from ...nodes.standin import host, io
from ...nodes.streaming import ONCE, Refusal, Rule, Values
from ..chunked.chunked_graph import ChunkedGraph
from ..graph.catalogue import Catalogue
from ..graph.model import Graph, Link, Node
from ..graph.plan import Plan, check, failure, unknown_classes
from .picture import ShownOutput, choose_shown, fed_nodes
from .slot import Drawn, Frame, Pixels

_SINK = "shown live"
_AHEAD = 256  # frames, at most, whose capture times are kept for nodes that hold frames back


class _Stream(io.ComfyNode):
    """Load Video when the stream takes its place: its file need not exist."""

    STREAMING = ONCE

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            "LoadVideo",
            "Load Video",
            "image/video",
            [io.Combo.Input("file", upload=io.UploadType.video, optional=True)],
            [io.Video.Output()],
        )


class LiveGraph:
    """A graph that is fed with the frames of a stream, one at a time.

    Only the nodes that the shown picture needs run, and nothing is saved.

    shown:    what is shown
    left_out: output nodes that do not run
    warnings: nodes that add to the latency, and how
    size:     height and width that frames are scaled to; None = as they come

    Raises `GraphError` for a graph that is invalid, takes more than one video, or whose shown
    picture depends on nodes that need the whole clip, which it names.
    """

    def __init__(
        self,
        graph: Graph,
        nodes: Catalogue,
        settings: host.Settings,
        *,
        show: str = "",
        size: tuple[int, int] | None = None,
    ):
        if unknown := unknown_classes(graph, nodes):
            raise failure(graph, unknown)
        self.shown = choose_shown(graph, nodes, show)
        self.left_out = tuple(
            node.label
            for node in graph.nodes.values()
            if nodes.require(node.class_type).is_output_node and node.id != self.shown.node.id
        )
        self.size = size
        settings = replace(settings, live=True)
        known = {name: nodes.node(name) for name in nodes.names()} | {"LoadVideo": _Stream}
        catalogue = Catalogue(known)
        with host.using(settings):
            plan = check(_cut_down(graph, self.shown), catalogue)
        problems = [f"  - {problem}" for problem in _problems(plan, catalogue)]
        if problems:
            lines = "\n".join(problems)
            raise GraphError(
                f"{graph.source}: {self.shown.node.label} cannot be shown live; change these "
                f"nodes, or choose an earlier picture with --show\n{lines}"
            )
        self.warnings = tuple(
            f"{node.label}: {rule.latency}, which adds to the latency"
            for node in (plan.graph.nodes[id_] for id_ in plan.order)
            if (rule := catalogue.rule(node.class_type)) is not None and rule.latency
        )
        self._graph = ChunkedGraph(plan, catalogue, settings)
        self._fps = 30.0
        self._clip = 0
        self._waiting: deque[Frame] = deque(maxlen=_AHEAD)
        self._seen: tuple[int, ...] = ()
        self._warned: list[str] = []  # and not told yet
        self._heard = 0

    def prepare(self, fps: float, size: tuple[int, int]) -> Mapping[str, str]:
        """Run the nodes that run once, such as those that build engines, and the others on black
        frames, so that the first frame is not the slowest.

        fps:  frames per second of the source
        size: height and width of the source, (0, 0) = unknown

        Returns what nodes have to say, by id.
        """
        self._fps = fps
        self._graph.prepare(fps)
        self._warned = list(self._graph.warnings)
        height, width = self.size or size
        if height and width:
            for _ in range(2):  # flow nodes give nothing for one
                self._graph.step(torch.zeros(1, height, width, 3), fps)
            self._graph.reset()
        self._heard = len(self._graph.warnings)  # that black frames show nobody is no news
        return self._graph.texts

    def warned(self) -> list[str]:
        """Return the warnings of nodes since the last call."""
        came = [*self._warned, *self._graph.warnings[self._heard :]]
        self._warned, self._heard = [], len(self._graph.warnings)
        return came

    def draw(self, frame: Frame) -> Drawn | None:
        """Return the newest picture that this frame gave, None if nodes wait for more frames.

        Raises `GraphError` that names a node that fails.
        """
        pixels = frame.pixels(self.size)
        if frame.clip != self._clip or pixels.shape != self._seen:
            self._graph.reset()
            self._waiting.clear()
        self._clip, self._seen = frame.clip, pixels.shape
        self._waiting.append(frame)
        image = torch.from_numpy(pixels)[None].float() / 255
        came = self._graph.step(image, self._fps).sinks.get(_SINK)
        if came is None:
            return None
        pictures: Tensor = came["source"]
        of = frame
        for _ in range(len(pictures)):
            of = self._waiting.popleft() if self._waiting else frame
        return Drawn(_as_rgb(pictures[-1]), of.number, of.captured)


def _as_rgb(picture: Tensor) -> Pixels:
    """Return a picture [H,W,3 or 4] or [H,W] 0..1 as bytes [H,W,3]."""
    if picture.ndim == 2:
        picture = picture[..., None].expand(-1, -1, 3)
    return to_bytes(picture[..., :3])


def _cut_down(graph: Graph, shown: ShownOutput) -> Graph:
    """Return the nodes that the shown output needs, and one that shows it."""
    needed: dict[str, Node] = {}
    stack = [shown.node.id]
    while stack:
        id_ = stack.pop()
        if id_ in needed or id_ not in graph.nodes:
            continue
        needed[id_] = graph.nodes[id_]
        stack += [link.node for _, link in graph.nodes[id_].links()]
    nodes = {id_: node for id_, node in graph.nodes.items() if id_ in needed}
    sink = Node(_SINK, "PreviewAny", {"source": Link(shown.node.id, shown.slot)})
    return replace(graph, nodes={**nodes, _SINK: sink})


def _problems(plan: Plan, catalogue: Catalogue) -> Iterator[str]:
    """Yield why a plan cannot run on a stream, node by node."""
    graph = plan.graph
    fed = fed_nodes(graph)
    if _SINK not in fed:
        yield "the picture does not depend on the frames of a video; add Get Video Components"
    yield from _videos(plan, catalogue)
    for id_ in plan.order:
        node, values = graph.nodes[id_], plan.values[id_]
        rule = catalogue.rule(node.class_type)
        if rule is not None and rule.kind == "long":
            yield f"{node.label}: has a row for each frame of a clip of its own, not of the stream"
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
    given = {
        link.node
        for id_, kind in kinds.items()
        if kind == "source" and isinstance(link := plan.values[id_]["video"], Link)
    }
    given = {id_ for id_ in given if kinds.get(id_, "once") == "once"}  # the others are made here
    if len(given) > 1:
        labels = " and ".join(graph.nodes[id_].label for id_ in sorted(given))
        yield f"{labels}: a stream stands for one video; have all frames come from the same"
    for id_ in plan.order:
        for _, link in graph.nodes[id_].links():
            if link.node in given and kinds.get(id_) != "source":
                label = graph.nodes[id_].label
                yield f"{label}: takes the video as a whole, which a stream is not"
