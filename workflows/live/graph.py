"""A graph on a stream, cut down to what the shown picture needs."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...engines.errors import GraphError
from ...engines.video.segments import to_bytes
from ...nodes.standin import host, io
from ...nodes.streaming import ONCE, Rule
from ..chunked.chunked_graph import ChunkedGraph, Stepped
from ..graph.catalogue import Catalogue, NodeClass
from ..graph.decoding import cut, listed, short
from ..graph.model import Graph
from ..graph.plan import Plan, check, coerced, failure, unknown_classes
from .bodies import choose_bodies
from .cut import BODIES, PICTURE, cut_down, problems
from .picture import choose_shown
from .settings import NodeSettings, changed_value, settings_of, titles_of
from .slot import Drawn, Frame, Pixels
from .waiting import Waiting

if TYPE_CHECKING:
    from ...engines.body.bodies import Bodies


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
class Posed:
    """The bodies of successive frames, which may lie before the one that the graph ran on."""

    frames: tuple[Frame, ...]
    bodies: "Bodies"

    @property
    def captured(self) -> list[float]:
        """When each frame was captured, in s."""
        return [frame.captured for frame in self.frames]


@dataclass(frozen=True)
class _Trial:
    """New values that have not given a picture yet.

    before, graph, waiting: what to return to if they fail: the previous values, the graph as it
            was, and the frames whose pictures it held back
    begun:  nodes that rejected what they carried from before, and have restarted
    """

    before: Graph
    graph: ChunkedGraph
    waiting: Waiting
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
    bodies:   the output whose bodies are sent and measured; None if the picture needs none
    left_out: output nodes that do not run
    warnings: nodes that add to the latency, and how
    size:     height and width that frames are scaled to; None = as they come
    changes:  how often its values have changed
    posed:    the bodies that came with the last frame, None without any
    stages:   s that the stages of the last frame took, by name: the wait until it was its turn, its
              pixels, and the nodes

    Raises `GraphError` for a graph that is invalid, takes more than one video, or whose shown
    picture depends on nodes that need the whole clip, which it names, and if bodies are wanted and
    no node gives them.
    """

    def __init__(
        self,
        graph: Graph,
        nodes: Catalogue,
        settings: host.Settings,
        *,
        show: str = "",
        size: tuple[int, int] | None = None,
        wants_bodies: bool = False,
    ):
        """Take a graph.

        show:         what to show, see `choose_shown`
        wants_bodies: whether bodies are wanted though the picture may not need them
        """
        if unknown := unknown_classes(graph, nodes):
            raise failure(graph, unknown)
        self.shown = choose_shown(graph, nodes, show)
        self.bodies = choose_bodies(graph, nodes, self.shown, wanted=wants_bodies)
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
        self._titles = titles_of(graph, self._catalogue)
        plan = self._checked(graph)
        lines = "\n".join(f"  - {problem}" for problem in problems(plan, self._catalogue))
        if lines:
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
        self.posed: Posed | None = None
        self.stages: Mapping[str, float] = {}
        self._waiting = Waiting((PICTURE,) if self.bodies is None else (PICTURE, BODIES))
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
        return settings_of(self._cut_down(self.graph), self._catalogue, self._running())

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
            if why := next(problems(plan, self._catalogue), None):
                raise GraphError(why)
            self._graph.check_values(plan)
            self._asked = wanted
        return f"{one.label}: {name} is now {short(value)}"

    def _checked(self, graph: Graph) -> Plan:
        with host.using(self._settings):
            return check(self._cut_down(graph), self._catalogue)

    def _cut_down(self, graph: Graph) -> Graph:
        return cut_down(graph, self.shown, self.bodies)

    def _running(self) -> tuple[str, ...]:
        return tuple(id_ for id_ in self._graph.streaming if id_ not in (PICTURE, BODIES))

    def _take_over(self) -> None:
        """Continue with the values that were asked for."""
        with self._asking:
            wanted, self._asked = self._asked, None
            if wanted is None:
                return
            before, self._now = self._now, wanted
            self.changes += 1
        self._trial = self._trial or _Trial(before, self._graph, self._waiting.copy())
        self._graph = self._graph.with_values(self._checked(wanted))
        if self._graph.dropped:
            self._waiting.clear()

    def _give_back(self, trial: "_Trial", error: GraphError) -> None:
        """Return to the previous values, as no picture came with the new ones."""
        with self._asking:
            self._now, self._asked = trial.before, None
            self.changes += 1
        self._graph, self._trial = trial.graph, None
        self._waiting = trial.waiting
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
                self._waiting.clear(but_last=True)

    def draw(self, frame: Frame) -> Drawn | None:
        """Return the newest picture that this frame gave, None if nodes wait for more frames.

        Raises `GraphError` that names a node that fails.
        """
        self._take_over()
        self.posed, self.stages = None, {}
        begun = time.monotonic()
        pixels = frame.pixels(self.size)
        if frame.clip != self._clip or pixels.shape != self._seen:
            self._graph.reset()
            self._waiting.clear()
        self._clip, self._seen = frame.clip, pixels.shape
        self._waiting.add(frame)
        image = torch.from_numpy(pixels)[None].float() / 255
        ready, before = time.monotonic(), self._graph.seconds
        try:
            came = self._step(image).sinks
        except GraphError as error:
            if self._trial is None:
                raise
            self._give_back(self._trial, error)
            return None
        self.stages = {
            "waiting": max(0.0, begun - frame.captured),
            "pixels": ready - begun,
            **self._taken_since(before),
        }
        if BODIES in came:
            bodies: Bodies = came[BODIES]["source"]
            of = self._waiting.take(BODIES, len(bodies), frame)
            self.posed = Posed(tuple(of), bodies)
        if PICTURE not in came:
            return None
        self._trial = None
        pictures: Tensor = came[PICTURE]["source"]
        shown = self._waiting.take(PICTURE, len(pictures), frame)[-1]
        source = partial(shown.pixels, self.size)
        return Drawn(_as_rgb(pictures[-1]), shown.number, shown.captured, source)

    def _taken_since(self, before: Mapping[str, float]) -> dict[str, float]:
        """Return how many s each node took since `seconds` were `before`, by its title."""
        now = self._graph.seconds
        return {
            self._titles[id_]: now[id_] - before.get(id_, 0.0)
            for id_ in self._running()
            if id_ in now and now[id_] > before.get(id_, 0.0)
        }


def _as_rgb(picture: Tensor) -> Pixels:
    """Return a picture [H,W,3 or 4] or [H,W] 0..1 as bytes [H,W,3]."""
    if picture.ndim == 2:
        picture = picture[..., None].expand(-1, -1, 3)
    return to_bytes(picture[..., :3])
