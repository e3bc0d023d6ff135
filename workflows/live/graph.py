"""A graph on a stream, cut down to what the shown picture needs."""

import json
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ...engines.errors import GraphError
from ...engines.video.segments import to_bytes
from ...nodes.standin import host, io
from ...nodes.streaming import ONCE, Refusal, Rule, Values
from ..chunked.chunked_graph import ChunkedGraph, Stepped
from ..graph.catalogue import Catalogue, NodeClass
from ..graph.decoding import cut, listed, short
from ..graph.model import Graph, Link, Node
from ..graph.plan import Plan, check, coerced, failure, unknown_classes
from .picture import ShownOutput, choose_shown, fed_nodes
from .settings import NodeSettings, changed_value, settings_of
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


@dataclass(frozen=True)
class _Trial:
    """New values that have not given a picture yet.

    before, graph, waiting: what to return to if they fail: the previous values, the graph as it
            was, and the frames whose pictures it held back
    begun:  nodes that rejected what they carried from before, and have restarted
    """

    before: Graph
    graph: ChunkedGraph
    waiting: tuple[Frame, ...]
    begun: set[str] = field(default_factory=set)


def _fed(class_: NodeClass) -> NodeClass:
    """Return a class whose files need not exist if it is one that the stream takes the place of."""
    rule: Rule | None = getattr(class_, "STREAMING", None)
    if rule is None or rule.kind != "source":
        return class_
    accept = classmethod(lambda cls, **values: True)
    return type(class_.__name__, (class_,), {"validate_inputs": accept})


class LiveGraph:
    """A graph that is fed with the frames of a stream, one at a time.

    Only the nodes that the shown picture needs run, and nothing is saved. Values of inputs may be
    changed between two frames.

    shown:    what is shown
    left_out: output nodes that do not run
    warnings: nodes that add to the latency, and how
    size:     height and width that frames are scaled to; None = as they come
    changes:  how often its values have changed

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
        self.changes = 0
        self._settings = replace(settings, live=True)
        known = {name: _fed(nodes.node(name)) for name in nodes.names()} | {"LoadVideo": _Stream}
        self._catalogue = Catalogue(known)
        self._original = self._now = graph
        plan = self._checked(graph)
        problems = [f"  - {problem}" for problem in _problems(plan, self._catalogue)]
        if problems:
            lines = "\n".join(problems)
            raise GraphError(
                f"{graph.source}: {self.shown.node.label} cannot be shown live; change these "
                f"nodes, or choose an earlier picture with --show\n{lines}"
            )
        self.warnings = tuple(
            f"{node.label}: {rule.latency}, which adds to the latency"
            for node in (plan.graph.nodes[id_] for id_ in plan.order)
            if (rule := self._catalogue.rule(node.class_type)) is not None and rule.latency
        )
        self._graph = ChunkedGraph(plan, self._catalogue, self._settings)
        self._asking = threading.Lock()
        self._asked: Graph | None = None  # with values to be taken over before the next frame
        self._trial: _Trial | None = None  # until a picture shows that new values work
        self._fps = 30.0
        self._clip = 0
        self._waiting: deque[Frame] = deque(maxlen=_AHEAD)
        self._seen: tuple[int, ...] = ()
        self._warned: list[str] = []  # not reported yet
        self._heard = 0

    def prepare(self, fps: float, size: tuple[int, int]) -> Mapping[str, str]:
        """Run the nodes that run once, such as those that build engines, and the others on black
        frames, so that the first frame is not the slowest.

        fps:  frames per second of the source
        size: height and width of the source, (0, 0) = unknown

        Returns the texts of nodes, by id.
        """
        self._fps = fps
        self._graph.prepare(fps)
        self._warned = list(self._graph.warnings)
        height, width = self.size or size
        if height and width:
            for _ in range(2):  # flow nodes give nothing for a single frame
                self._graph.step(torch.zeros(1, height, width, 3), fps)
            self._graph.reset()
        self._heard = len(self._graph.warnings)  # warnings about black frames are not reported
        return self._graph.texts

    def warned(self) -> list[str]:
        """Return the warnings of nodes since the last call."""
        came = [*self._warned, *self._graph.warnings[self._heard :]]
        self._warned, self._heard = [], len(self._graph.warnings)
        return came

    # --- settings

    @property
    def graph(self) -> Graph:
        """The graph with the values that it runs with, or is about to."""
        return self._asked or self._now

    def settings(self) -> tuple[NodeSettings, ...]:
        """Return what can be changed while it runs."""
        return settings_of(_cut_down(self.graph, self.shown), self._catalogue, self._running())

    def assignments(self) -> list[str]:
        """Return what was changed, as values of `--set`."""
        return [
            f"{node.id}.{name}={value if isinstance(value, str) else json.dumps(value)}"
            for node, name, value in changed_value(self._original, self._now)
        ]

    def change(self, node: str, name: str, value: Any) -> str:
        """Have the next frame drawn with another value of an input, and return a message of it.

        May be called from any thread. Raises `GraphError` for an input that is none of `settings`,
        and for a value that the node does not take or that cannot be used live.
        """
        with self._asking:
            graph = self.graph
            known = {(n.node, s.input): s for n in self.settings() for s in n.settings}
            setting = known.get((node, name))
            if setting is None:
                names = listed((f"{id_}.{input_}" for id_, input_ in known), 40)
                raise GraphError(
                    f"{cut(node)}.{cut(name)}: is not a setting that can be changed while the "
                    f"graph runs; expected one of {names}"
                )
            one = graph.nodes[node]
            spec = {s.id: s for s in self._catalogue.require(one.class_type).inputs}[name]
            value, problem = coerced(value, spec)
            if problem:
                raise GraphError(f"{one.label}, input {name!r}: {problem}")
            other = replace(one, inputs={**one.inputs, name: value})
            wanted = replace(graph, nodes={**graph.nodes, node: other})
            plan = self._checked(wanted)
            if problems := list(_problems(plan, self._catalogue)):
                raise GraphError(problems[0])
            self._graph.check_values(plan)
            self._asked = wanted
        return f"{one.label}: {name} is now {short(value)}"

    def _checked(self, graph: Graph) -> Plan:
        with host.using(self._settings):
            return check(_cut_down(graph, self.shown), self._catalogue)

    def _running(self) -> tuple[str, ...]:
        return tuple(id_ for id_ in self._graph.streaming if id_ != _SINK)

    def _take_over(self) -> None:
        """Continue with the values that were asked for."""
        with self._asking:
            wanted, self._asked = self._asked, None
            if wanted is None:
                return
            before, self._now = self._now, wanted
            self.changes += 1
        self._trial = self._trial or _Trial(before, self._graph, tuple(self._waiting))
        self._graph = self._graph.with_values(self._checked(wanted))
        if self._graph.dropped:
            self._waiting.clear()

    def _give_back(self, trial: "_Trial", error: GraphError) -> None:
        """Return to the previous values, as no picture came with the new ones."""
        with self._asking:
            self._now, self._asked = trial.before, None
            self.changes += 1
        self._graph, self._trial = trial.graph, None
        self._waiting = deque(trial.waiting, maxlen=_AHEAD)
        self._heard = min(self._heard, len(self._graph.warnings))
        self._warned.append(f"the values of before are back: {error}")

    def _step(self, image: Tensor) -> Stepped:
        """Run the graph on a frame.

        New values may not fit what nodes carry from before. Where a node rejects that, it restarts,
        while the others continue.
        """
        if self._trial is None:
            return self._graph.step(image, self._fps)
        begun = self._trial.begun
        state = self._graph.states
        while True:
            try:
                return self._graph.step(image, self._fps)
            except GraphError:
                failed = self._graph.running
                if state is None or failed in begun or failed not in state["steps"]:
                    raise
                begun.add(failed)
                state = self._graph.without(state, begun)
                self._graph.states = state
                self._waiting = deque(list(self._waiting)[-1:], maxlen=_AHEAD)

    def draw(self, frame: Frame) -> Drawn | None:
        """Return the newest picture that this frame gave, None if nodes wait for more frames.

        Raises `GraphError` that names a node that fails.
        """
        self._take_over()
        pixels = frame.pixels(self.size)
        if frame.clip != self._clip or pixels.shape != self._seen:
            self._graph.reset()
            self._waiting.clear()
        self._clip, self._seen = frame.clip, pixels.shape
        self._waiting.append(frame)
        image = torch.from_numpy(pixels)[None].float() / 255
        try:
            came = self._step(image).sinks.get(_SINK)
        except GraphError as error:
            if self._trial is None:
                raise
            self._give_back(self._trial, error)
            return None
        if came is None:
            return None
        self._trial = None
        pictures: Tensor = came["source"]
        of = frame
        for _ in range(len(pictures)):
            of = self._waiting.popleft() if self._waiting else frame
        source = partial(of.pixels, self.size)
        return Drawn(_as_rgb(pictures[-1]), of.number, of.captured, source)


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
    fed = fed_nodes(graph, catalogue)
    if _SINK not in fed:
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
