"""Where the frames of a chunked run come from, and what steps see of them in advance."""

from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor

from ...engines.video.clip import Clip
from ...engines.video.read import FrameReader, read_some, video_info
from ...engines.video.sound import find_sound
from ...nodes.streaming import Look
from ..core.get_video_components import AUDIO, RATE
from ..core.video_file import VideoFile
from ..graph.model import Link
from .layout import Layout
from .single_run import SingleRunNodes
from .stage import Stage

_PLAIN = ("frames", "source")  # kinds of nodes whose frames each depend on one frame


class VideoSource:
    """A video that frames are taken from: a file, or a clip in memory.

    frame_count: frames that the file states, 0 = unknown
    rate:        frames per second
    audio:       the sound, or None
    """

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
        """Start at the frame `skip`."""
        self.close()
        self._at = skip
        if isinstance(self._video, VideoFile):
            self._reader = FrameReader(self._video.path, skip=skip)

    def take(self, count: int) -> Tensor | None:
        """Return at most `count` of the next frames [F,H,W,3], None after the last."""
        if self._reader is not None:
            return self._reader.take(count)
        assert isinstance(self._video, Clip)
        chunk = self._video.frames[self._at : self._at + count]
        self._at += len(chunk)
        return chunk if len(chunk) else None

    def some(self, indices: list[int]) -> tuple[Tensor, int]:
        """Return the frames at those `indices` that exist, and the number of frames."""
        if isinstance(self._video, VideoFile):
            return read_some(self._video.path, indices)
        there = [index for index in indices if index < self.frame_count]
        return self._video.frames[there], self.frame_count

    def close(self) -> None:
        """Close the file."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def open_sources(single: SingleRunNodes) -> dict[str, VideoSource]:
    """Return the videos of all sources, after giving their sound and rate to the nodes."""
    sources: dict[str, VideoSource] = {}
    for id_ in single.layout.sources:
        link = single.layout.plan.values[id_]["video"]
        single.run_up_to(link.node)
        with single.named(id_):
            source = sources[id_] = VideoSource(single.given[link.node, link.slot])
        single.given |= {(id_, AUDIO): source.audio, (id_, RATE): float(source.rate)}
    return sources


def look_ahead(
    single: SingleRunNodes, number: int, stage: Stage, sources: Mapping[str, VideoSource]
) -> None:
    """Show steps the frames of the whole clip that they want to see before the first chunk.

    Only where these follow from the frames of a single video, each from its own.
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
