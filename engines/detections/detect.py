"""From frames to candidates and `Detections`, with networks that see whole frames."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import check_frames
from ..errors import InputError
from ..geometry.placement import Placement
from ..geometry.views import View, views_of
from ..runtime.engine import Engine
from ..sequence import state_type
from .candidates import Boxes, Candidates, merged
from .detections import Detections
from .family import BoxHead, WholeFrame

Progress = Callable[[int], None]  # called with the number of frames done since the last call


def letterbox_for(engine: Engine, source: tuple[int, int], size: int) -> Placement:
    """Return how frames of `source` (height, width) are fitted into the engine's input.

    size: longer side of the input in pixels; ignored by a network that takes a fixed size
    """
    if engine.network.fixed is not None:
        return Placement.inside(source, engine.network.fixed)
    engine.check_size(size)
    return Placement.longer_side(source, size, stride=engine.network.stride)


def recommended_size(engine: Engine) -> int:
    """Return the longer side of the input that the engine's model recommends.

    It is brought into the range that the engine was built for, as a multiple of the stride.
    """
    recommended = engine.model.entry.recommended_size
    if engine.network.fixed is not None:
        return recommended
    (low, high), stride = engine.sizes, engine.network.stride
    return min(max(-(-low // stride), recommended // stride), high // stride) * stride


@state_type()
@dataclass(frozen=True)
class Looks:
    """How a network looks at frames.

    size:  longer side of its input, see `letterbox_for`
    tiles: how many tiles lie along the longer side of the frames, besides the whole; 1 = none
    turns: quarter turns in which it looks at each
    """

    size: int
    tiles: int = 1
    turns: tuple[int, ...] = (0,)

    def views(self, source: tuple[int, int]) -> list[View]:
        """Return the views of frames of `source` (height, width)."""
        return views_of(source, self.tiles, self.turns)

    def frames_at_once(self, engine: Engine, source: tuple[int, int]) -> int:
        """Return how many frames of `source` (height, width) make a batch."""
        views = Counter(view.size for view in self.views(source))
        return min(
            max(1, engine.batch_for(*letterbox_for(engine, size, self.size).target) // count)
            for size, count in views.items()
        )


def candidates_in(
    frames: Tensor, engine: Engine, head: WholeFrame, *, looks: Looks, above: float, exact: bool
) -> Iterator[tuple[Tensor, Candidates]]:
    """Run the network on `frames` [F,H,W,3] 0..1 in batches, on the engine's device.

    above: candidates with at most this score may be left out
    exact: whether all pixels lie in 0..1, see `check_frames`

    Yields the frames of every batch, on the device, and the candidates in their pixels.
    """
    source = (frames.shape[1], frames.shape[2])
    views = looks.views(source)
    for chunk in frames.split(looks.frames_at_once(engine, source)):
        here = chunk.to(engine.device, torch.float32)
        seen: list[View] = []
        found: list[Candidates] = []
        for size in dict.fromkeys(view.size for view in views):  # views of one size together
            letterbox = letterbox_for(engine, size, looks.size)
            alike = [view for view in views if view.size == size]
            step = max(1, engine.batch_for(*letterbox.target) // len(here))
            for start in range(0, len(alike), step):
                some = alike[start : start + step]
                images = [letterbox.apply(view.cut(here), fill=head.fill) for view in some]
                batch = images[0] if len(some) == 1 else torch.cat(images)
                batch = batch if exact else batch.clamp(0, 1)  # averages of 0..1 stay within
                outputs = engine.infer(batch)
                together = decoded(head, outputs, letterbox, len(batch), above)
                seen += some
                found += _by_view(together, some)
        yield here, merged(found, seen, above=above)


@torch.inference_mode()
def _by_view(together: Candidates, views: Sequence[View]) -> list[Candidates]:
    """Return the candidates of each view, given one view after another, in pixels of the frames."""
    frames = len(together.scores) // len(views)
    return [
        together.rows(i * frames, (i + 1) * frames).from_view(view) for i, view in enumerate(views)
    ]


@torch.inference_mode()
def decoded(
    head: WholeFrame,
    outputs: Mapping[str, Tensor],
    letterbox: Placement,
    frames: int,
    above: float,
) -> Candidates:
    """Return a network's outputs as candidates, suppressed and in pixels of the frames."""
    found = head.decode(outputs, frames, above)
    if head.overlap < 1:
        found = found.suppressed(above=above, overlap=head.overlap)
    return found.from_letterbox(letterbox)


def detect(
    frames: Tensor,
    engine: Engine,
    head: BoxHead,
    *,
    looks: Looks | None = None,
    score_threshold: float = 0.2,
    most: int = 6,
    progress: Progress | None = None,
) -> Detections:
    """Find boxes in `frames` [F,H,W,3] 0..1, in batches, on the engine's device.

    looks:           how the network looks at them; None = once, at `recommended_size`
    score_threshold: boxes with at most this score are dropped
    most:            most boxes per frame, the most confident first; the network's limit applies too

    Returns boxes in pixels of the frames, on the engine's device. Raises `InputError` for frames
    that are not RGB in 0..1 and for settings out of range.
    """
    exact = check_frames("image", frames)
    if not 0 <= score_threshold <= 1:
        raise InputError(f"score_threshold: expected 0..1, found {score_threshold}")
    canvas = (frames.shape[1], frames.shape[2])
    looks = looks or Looks(recommended_size(engine))
    places = min(most, head.most * len(looks.views(canvas)))
    batches = candidates_in(frames, engine, head, looks=looks, above=score_threshold, exact=exact)
    chunks = []
    for here, found in batches:
        with torch.inference_mode():
            best, count = found.within(canvas).best(places, above=score_threshold)
        assert isinstance(best, Boxes)
        chunks.append(Detections(best.boxes, best.scores, best.classes, count, canvas))
        if progress is not None:
            progress(len(here))
    return Detections.cat(chunks)
