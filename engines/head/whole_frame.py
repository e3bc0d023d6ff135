"""Heads by a network that finds them with their poses in whole frames."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ..detections.detect import letterbox_for, recommended_size
from ..geometry.camera import Camera
from ..geometry.placement import Placement
from ..runtime.engine import Engine
from .family import HeadFinder
from .heads import Heads
from .settings import check_search


def heads_in_frames(
    frames: Tensor,
    engine: Engine,
    head: HeadFinder,
    *,
    score_threshold: float = 0.5,
    max_heads: int = 8,
    progress: Callable[[int], None] | None = None,
) -> Heads:
    """Find the heads in `frames` [F,H,W,3] 0..1 with their poses, in batches.

    Frames are letterboxed into the network's input; the camera is the one that the network assumes
    of it. For the settings see `find.find_heads`.

    Returns heads without landmarks in px of the frames, on the engine's device. Raises `InputError`
    for frames that are not RGB in 0..1, for settings out of range, and for boxes that are not in px
    of the input.
    """
    exact = check_search(frames, None, score_threshold=score_threshold, max_heads=max_heads)
    canvas = (frames.shape[1], frames.shape[2])
    letterbox = letterbox_for(engine, canvas, recommended_size(engine))
    camera = _camera(letterbox, head).to(engine.device)
    chunks = []
    for some in frames.split(engine.batch_for(*letterbox.target)):
        with torch.inference_mode():
            images = letterbox.apply(some.to(engine.device, torch.float32))
            outputs = engine.infer(images if exact else images.clamp(0, 1))
            size, options = letterbox.target, engine.model.options
            found = head.decode(outputs, size, options, score_threshold)
            found = found.suppressed(above=score_threshold, overlap=head.overlap)
            found, count = found.from_letterbox(letterbox).best(max_heads, above=score_threshold)
            empty = Heads.empty(
                len(some), canvas, camera, heads=max_heads, points=0, device=engine.device
            )
            chunks.append(
                replace(
                    empty,
                    rotation=found.rotation,
                    translation=found.translation,
                    boxes=found.boxes,
                    scores=found.scores,
                    count=count,
                )
            )
        if progress is not None:
            progress(len(some))
    return Heads.cat(chunks)


def _camera(letterbox: Placement, head: HeadFinder) -> Camera:
    """Return the camera of the frames that is the network's in its input."""
    (high, wide), (top, left) = letterbox.target, letterbox.offset
    by_y, by_x = (s / i for s, i in zip(letterbox.source, letterbox.inner, strict=True))
    length = head.focal(letterbox.target)
    values = (length * by_x, length * by_y, (wide / 2 - left) * by_x, (high / 2 - top) * by_y)
    fx, fy, cx, cy = (torch.tensor([value]) for value in values)
    return Camera(fx, fy, cx, cy, letterbox.source)
