"""From frames to candidates and `Detections`, with networks that see whole frames."""

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from ..checks import check_frames
from ..errors import InputError
from ..geometry.placement import Placement
from ..runtime.engine import Engine
from .candidates import Boxes, Candidates
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


def candidates_in(
    frames: Tensor, engine: Engine, head: WholeFrame, *, size: int, above: float, exact: bool
) -> Iterator[tuple[Tensor, Candidates]]:
    """Run the network on `frames` [F,H,W,3] 0..1 in batches, on the engine's device.

    size:  longer side of the network's input, see `letterbox_for`
    above: candidates with at most this score may be left out
    exact: whether all pixels lie in 0..1, see `check_frames`

    Yields the frames of every batch, on the device, and the candidates in their pixels.
    """
    letterbox = letterbox_for(engine, (frames.shape[1], frames.shape[2]), size)
    for chunk in frames.split(engine.batch_for(*letterbox.target)):
        here = chunk.to(engine.device, torch.float32)
        images = letterbox.apply(here, fill=head.fill)
        images = images if exact else images.clamp(0, 1)  # averages of 0..1 stay within
        outputs = engine.infer(images)
        yield here, decoded(head, outputs, letterbox, len(chunk), above)


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
    size: int = 0,
    score_threshold: float = 0.2,
    most: int = 6,
    progress: Progress | None = None,
) -> Detections:
    """Find boxes in `frames` [F,H,W,3] 0..1, in batches, on the engine's device.

    size:            longer side of the network's input; 0 = `recommended_size`
    score_threshold: boxes with at most this score are dropped
    most:            boxes per frame at most, the surest first; the network's limit applies, too

    Returns boxes in pixels of the frames, on the engine's device. Raises `InputError` for frames
    that are not RGB in 0..1 and for settings out of range.
    """
    exact = check_frames("image", frames)
    if not 0 <= score_threshold <= 1:
        raise InputError(f"score_threshold: expected 0..1, found {score_threshold}")
    canvas = (frames.shape[1], frames.shape[2])
    places, size = min(most, head.most), size or recommended_size(engine)
    batches = candidates_in(frames, engine, head, size=size, above=score_threshold, exact=exact)
    chunks = []
    for here, found in batches:
        with torch.inference_mode():
            best, count = found.within(canvas).best(places, above=score_threshold)
        assert isinstance(best, Boxes)
        chunks.append(Detections(best.boxes, best.scores, best.classes, count, canvas))
        if progress is not None:
            progress(len(here))
    return Detections.cat(chunks)
