"""Where the frames of a chunked run come from, and what steps see of them in advance."""

from collections.abc import Collection, Mapping

from torch import Tensor

from ...engines.video.source import VideoSource
from ...nodes.streaming import Look
from ..graph.model import Link
from .layout import Layout
from .single_run import SingleRunNodes
from .stage import Stage

_PLAIN = ("frames", "source")  # kinds of nodes whose frames each depend on one frame


def open_sources(single: SingleRunNodes) -> dict[str, VideoSource]:
    """Return the videos of all sources, after giving their sound and rate to the nodes."""
    sources: dict[str, VideoSource] = {}
    for id_ in single.layout.sources:
        opens = single.layout.rules[id_].opens
        assert opens is not None  # a source's rule says it
        values = dict(single.layout.plan.values[id_])
        for name, value in values.items():
            if isinstance(value, Link):
                single.run_up_to(value.node)
                values[name] = single.given[value.node, value.slot]
        with single.named(id_):
            source = sources[id_] = opens.video(values)
        single.say(id_, opens.says(source))
        known = opens.known(source.audio, float(source.rate), source.frame_count)
        single.given |= {(id_, slot): value for slot, value in known.items()}
    return sources


def look_ahead(
    single: SingleRunNodes, number: int, stage: Stage, sources: Mapping[str, VideoSource]
) -> None:
    """Show steps the frames of the whole clip that they want to see before the first chunk.

    This is done only where these follow from the frames of a single video, each from one frame.
    """
    layout = single.layout
    nodes = layout.passes[number].nodes
    for id_ in nodes:
        step = stage.node_step(id_)
        if step is None:
            continue
        inputs = stage.known_inputs(id_)
        look = step.looks_at(inputs)
        if look is None:
            continue
        link = layout.plan.values[id_][look.input]
        needed = _ancestors(layout, nodes, link.node)
        looked = [source for source in needed if source in sources]
        if len(looked) != 1 or any(layout.rules[i].kind not in _PLAIN for i in needed):
            continue  # it sees the first chunk instead
        with single.named(looked[0]):
            frames = _looked_up(sources[looked[0]], look)
        came = Stage(single, number, needed).step({looked[0]: frames}, len(frames))
        with single.named(id_):
            step.look({**inputs, look.input: came[link.node][link.slot]})


def _ancestors(layout: Layout, nodes: Collection[str], id_: str) -> set[str]:
    found: set[str] = set()
    stack = [id_]
    while stack:
        here = stack.pop()
        if here in found or here not in nodes:
            continue
        found.add(here)
        stack += [v.node for v in layout.plan.values[here].values() if isinstance(v, Link)]
    return found


def _looked_up(source: VideoSource, look: Look) -> Tensor:
    """Return the frames of a clip that a step wants to see."""
    count = source.frame_count or 1
    while True:
        frames, there = source.some(look.indices(count))
        if there == count:
            return frames
        count = there  # the file stated another number
