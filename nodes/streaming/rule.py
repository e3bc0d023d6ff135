"""`Rule`: the streaming contract of a node, which its class holds as `STREAMING`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .sinks import Sink
from .steps import Step

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.video.source import VideoSource

Values = Mapping[str, Any]
"""A node's inputs by name: values that were typed in, and links."""

Kind = Literal["once", "long", "source", "frames", "state", "stream", "sums", "sink", "whole"]


@dataclass(frozen=True)
class Refusal:
    """Why a node cannot run as asked, and what to do instead.

    reason: a clause that follows the node's name and a colon
    advice: an imperative clause; "" where no setting of the graph helps
    """

    reason: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.reason}; {self.advice}" if self.advice else self.reason

    def or_else(self, advice: str) -> Refusal:
        """Return the same with `advice` if it has none."""
        return self if self.advice else Refusal(self.reason, advice)


def _never(values: Values) -> None:
    return None


@dataclass(frozen=True)
class Survey:
    """A pass over all frames that a node's own run depends on.

    step:    makes the step that looks at the frames, from the node's class; its first end goes to
             the node's own step as the input `survey`
    needed:  whether these values need it
    refusal: what to say where frames come only once
    """

    step: Callable[[Any], Step]
    needed: Callable[[Values], bool]
    refusal: Refusal


@dataclass(frozen=True)
class Saves:
    """How a node saves frames that come in chunks.

    sink:         makes the sink from the path of what it saves, the format, and the metadata that
                  pictures and videos carry
    suffix:       the ending of that path, or a function of the format that gives it; "" for folders
    format_input: the node's input that chooses the format; "" if it has none
    """

    sink: Callable[[Path, str, Mapping[str, str]], Sink]
    suffix: str | Callable[[str], str] = ""
    format_input: str = ""

    def suffix_of(self, format: str) -> str:
        """Return the ending of the path of what is saved in `format`."""
        return self.suffix if isinstance(self.suffix, str) else self.suffix(format)


@dataclass(frozen=True)
class Opens:
    """How a node that gives the frames of a video opens it.

    video:   makes what frames are taken from, from the node's inputs
    outputs: the outputs, from the first on, that come with frames [F,H,W,3], or [F,H,W,4] with
             alpha
    known:   by number, the outputs that are the same for all frames, from the sound or None, the
             frames per second, and the number of frames or 0
    says:    what the node shows as text
    """

    video: Callable[[Values], VideoSource]
    known: Callable[[Any, float, int], Mapping[int, Any]]
    outputs: Callable[[Tensor], tuple[Any, ...]] = lambda frames: (frames,)
    says: Callable[[VideoSource], str] = lambda source: ""


@dataclass(frozen=True)
class Rule:
    """How a node runs when frames come to it in chunks.

    kind:     once:   takes no frames of a video; runs before all chunks
              long:   the same, but its outputs may be as long as a video and are cut into chunks
              source: where frames come from
              frames: each frame by itself
              state:  carries a state from chunk to chunk through an input and output of its own
              stream: its step gives in chunks what the node gives for the whole clip
              sums:   the same, but its outputs are known at the end only
              sink:   saves or shows what comes
              whole:  needs the whole clip at once
    rows:     inputs that come frame by frame
    one:      those of them that may be a single frame, which serves for all
    step:     makes what runs the node, from its class
    least:    frames that the first chunk must have if the clip has them
    fixed:    outputs that are the same in every chunk
    ends:     outputs that are known at the end only
    never:    outputs that are not made in chunks
    opens:    of a source, how it opens its video
    saves:    of a sink, how it saves; None if it writes no files
    sends:    of a sink that writes none, makes what takes its frames; None if it only shows
    survey:   the pass over the frames that the node may need before its own
    whole:    why these values need the whole clip; None if they do not
    not_live: why these values give no picture for each frame of a live stream; None if they do
    latency:  a clause on how the node holds frames back live; "" if it does not
    unasked:  inputs that do not count with these values, so that what leads to them does not run
    constant: its output is what is typed in, and known before anything runs
    passes:   of a sink, the input that its first output passes on; "" if it has no output
    draws:    its first output is the picture to show of a graph that runs live
    shows:    the input whose picture to show of a graph in which nothing draws
    anywhere: inputs whose pictures may be on any device
    hands_on: whether its outputs hold such pictures as they came
    on_cpu:   whether it copies its pictures to the memory of the CPU while it computes
    chunk:    frames at a time in which a whole graph with it runs where nothing else is asked and
              it can run in chunks, because its result may exceed the memory; 0: the whole clip
    """

    kind: Kind
    rows: tuple[str, ...] = ()
    one: tuple[str, ...] = ()
    step: Callable[[Any], Step] = Step
    least: int = 1
    fixed: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()
    never: tuple[int, ...] = ()
    opens: Opens | None = None
    saves: Saves | None = None
    sends: Callable[[], Sink] | None = None
    survey: Survey | None = None
    whole: Callable[[Values], Refusal | None] = _never
    not_live: Callable[[Values], Refusal | None] = _never
    latency: str = ""
    unasked: Callable[[Values], tuple[str, ...]] = lambda values: ()
    constant: bool = False
    passes: str = ""
    draws: bool = False
    shows: str = ""
    anywhere: tuple[str, ...] = ()
    hands_on: bool = False
    on_cpu: bool = False
    chunk: int = 0

    def surveys(self, values: Values) -> bool:
        """Return whether these values need a pass over the frames before the node's own."""
        return self.survey is not None and self.survey.needed(values)


ONCE = Rule("once")


def always(reason: str, advice: str = "") -> Callable[[Values], Refusal]:
    """Return a check that refuses all values."""
    refusal = Refusal(reason, advice)
    return lambda values: refusal
