"""Where the frames of a chunked run come from, and looking ahead in them."""

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from ...engines.video.clip import Clip
from ...engines.video.read import FrameReader, read_some, video_info
from ...engines.video.sound import find_sound
from ..core.files import VideoFile
from ..graph.model import Link
from .layout import Layout
from .once import Once
from .stage import Stage
from .steps import Detect

_LOOKS = 4  # frames that `detection_size` looks at


class Source:
    """A video that frames are taken from: a file, or a clip in memory."""

    def __init__(self, video: VideoFile | Clip):
        self._video = video
        self._reader: FrameReader | None = None
        self._at = 0
        if isinstance(video, VideoFile):
            info = video_info(video.path)
            self.frames, self.rate = info.frame_count, info.rate
            self.audio: Any = find_sound(video.path)
        else:
            self.frames, self.rate = len(video.frames), video.rate
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
        there = [index for index in indices if index < self.frames]
        return self._video.frames[there], self.frames

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def open_sources(once: Once) -> dict[str, Source]:
    """The videos of all sources; their sound and rate are given to the nodes."""
    found: dict[str, Source] = {}
    for id_ in once.layout.sources:
        link = once.layout.plan.values[id_]["video"]
        once.run_up_to(link.node)
        with once.named(id_):
            source = found[id_] = Source(once.given[link.node, link.slot])
        once.given |= {(id_, 1): source.audio, (id_, 2): float(source.rate)}
    return found


def look_ahead(once: Once, number: int, stage: Stage, sources: Mapping[str, Source]) -> None:
    """Have Detect Poses choose its size by the frames that it would look at in the whole clip."""
    layout = once.layout
    for id_ in layout.passes[number].nodes:
        values = layout.plan.values[id_]
        if layout.rules[id_].step is not Detect or _size(once, values):
            continue
        step = stage.node_step(id_)
        assert isinstance(step, Detect)
        link = values["image"]
        needed = _ancestors(layout, layout.passes[number].nodes, link.node)
        plain = all(layout.rules[i].kind in ("frames", "source") for i in needed)
        looked = [sources[i] for i in needed if i in sources]
        if not plain or len(looked) != 1 or not _chooses(once, values):
            continue  # it chooses by the first chunk, or needs no frames for it
        source = next(i for i in needed if i in sources)
        with once.named(source):
            frames = _looks(sources[source])
        came = Stage(once, number, needed).step({source: frames}, len(frames))
        with once.named(id_):
            engine = once.given[values["engine"].node, values["engine"].slot]
            step.choose({"image": came[link.node][link.slot], "engine": engine})


def _size(once: Once, values: Mapping[str, Any]) -> int:
    size = values["detection_size"]
    return int(once.given[size.node, size.slot] if isinstance(size, Link) else size)


def _chooses(once: Once, values: Mapping[str, Any]) -> bool:
    """Whether the size depends on frames: `detection_size` looks at them for MoveNet alone."""
    engine = once.given[values["engine"].node, values["engine"].slot]
    return engine.network.fixed is None and engine.model.entry.family == "movenet"


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


def _looks(source: Source) -> Tensor:
    """The frames of a clip that `detection_size` looks at."""
    count = source.frames or 1
    while True:
        indices = torch.linspace(0, count - 1, _LOOKS).round().long().unique().tolist()
        frames, there = source.some(indices)
        if there == count:
            return frames
        count = there  # the file promised another number
