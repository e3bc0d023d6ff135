"""Where the frames of a chunked run come from, and looking ahead in them."""

from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor

from ...engines.video.clip import Clip
from ...engines.video.read import FrameReader, read_some, video_info
from ...engines.video.sound import find_sound
from ...nodes.streaming import Look
from ..core.video_file import VideoFile
from ..graph.model import Link
from .layout import Layout
from .single_run import SingleRunNodes
from .stage import Stage

_PLAIN = ("frames", "source")  # kinds of nodes whose frames each depend on one frame


class Source:
    """A video that frames are taken from: a file, or a clip in memory."""

    def __init__(self, video: VideoFile | Clip):
        self._video = video
        self._reader: FrameReader | None = None
        self._at = 0
        if isinstance(video, VideoFile):
            info = video_info(video.path)
            self.frame_count, self.rate = info.frame_count, info.rate
            self.audio: Any = find_sound(video.path)
        else:
            self.frame_count, self.rate = len(video.frames), video.rate
            self.audio = video.audio and {
                "waveform": video.audio.waveform,
                "sample_rate": video.audio.rate,
            }

    def begin(self, skip: int = 0) -> None:
        """From the frame `skip` on."""
        self.close()
        self._at = skip
        if isinstance(self._video, VideoFile):
            self._reader = FrameReader(self._video.path, skip=skip)

    def take(self, count: int) -> Tensor | None:
        """[F,H,W,3] the next frames; None behind the last."""
        if self._reader is not None:
            return self._reader.take(count)
        assert isinstance(self._video, Clip)
        chunk = self._video.frames[self._at : self._at + count]
        self._at += len(chunk)
        return chunk if len(chunk) else None

    def some(self, indices: list[int]) -> tuple[Tensor, int]:
        """The frames at `indices`, as far as they are there, and how many there are in all."""
        if isinstance(self._video, VideoFile):
            return read_some(self._video.path, indices)
        there = [index for index in indices if index < self.frame_count]
        return self._video.frames[there], self.frame_count

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def open_sources(once: SingleRunNodes) -> dict[str, Source]:
    """The videos of all sources; their sound and rate are given to the nodes."""
    found: dict[str, Source] = {}
    for id_ in once.layout.sources:
        link = once.layout.plan.values[id_]["video"]
        once.run_up_to(link.node)
        with once.named(id_):
            source = found[id_] = Source(once.given[link.node, link.slot])
        once.given |= {(id_, 1): source.audio, (id_, 2): float(source.rate)}
    return found


def look_ahead(
    once: SingleRunNodes, number: int, stage: Stage, sources: Mapping[str, Source]
) -> None:
    """Show steps the frames of the whole clip that they want to see before the first chunk.

    Only where these follow from the frames of a single video, each from its own.
    """
    layout = once.layout
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
        with once.named(looked[0]):
            frames = _looked_up(sources[looked[0]], look)
        came = Stage(once, number, needed).step({looked[0]: frames}, len(frames))
        with once.named(id_):
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


def _looked_up(source: Source, look: Look) -> Tensor:
    """Return the frames of a clip that a step wants to see."""
    count = source.frame_count or 1
    while True:
        frames, there = source.some(look.indices(count))
        if there == count:
            return frames
        count = there  # the file stated another number
