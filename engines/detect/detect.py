"""From frames to `Objects`, with networks that see whole frames stretched to their input."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ..checks import check_frames
from ..errors import InputError
from ..geometry.camera import Camera
from ..geometry.placement import Placement, Size
from ..runtime.engine import Engine
from .family import object_family
from .objects import Objects

Progress = Callable[[int], None]  # called with the number of frames done since the last call


def frames_at_once(engine: Engine) -> int:
    """Return how many frames make a batch. Raises `InputError` for an engine that finds none."""
    return engine.batch_for(*_input_size(engine))


def detect_objects(
    frames: Tensor,
    engine: Engine,
    *,
    camera: Camera | None = None,
    score_threshold: float = 0.3,
    keypoint_threshold: float = 0.0,
    most: int = 50,
    classes: str = "",
    progress: Progress | None = None,
) -> Objects:
    """Find objects in `frames` [F,H,W,3] 0..1, in batches, on the engine's device.

    camera:             that took them, of one frame or of each; None: there are no poses
    score_threshold:    objects with at most this score are left out
    keypoint_threshold: keypoints below it get the confidence 0
    most:               objects per frame, the surest first
    classes:            names of those that are looked for, with commas between; "" for all

    Returns objects in px of the frames, on the engine's device. Raises `InputError` for frames that
    are not RGB in 0..1, settings out of range, an unknown class, outputs that are not finite, and a
    camera of pictures of another size or number.
    """
    exact = check_frames("image", frames)
    family, size = object_family(engine.model), _input_size(engine)
    about = family.about(engine.model)
    canvas = (frames.shape[1], frames.shape[2])
    wanted = about.labels.numbers(classes)
    if camera is not None:
        camera = _checked(camera, canvas, len(frames)).to(engine.device)
    table = None if camera is None else camera.fitted(size).table(torch.float32).T  # [F or 1,4]
    place, step = Placement.fitted(canvas, size, "stretch"), engine.batch_for(*size)
    chunks = []
    for start in range(0, len(frames), step):
        here = frames[start : start + step].to(engine.device, torch.float32)
        batch = place.apply(here if exact else here.clamp(0, 1))
        outputs = engine.infer(batch)
        rows = None
        if table is not None:
            rows = table if len(table) == 1 else table[start : start + step]
            rows = rows.expand(len(here), 4)
        with torch.inference_mode():
            found = family.decode(
                outputs,
                size,
                intrinsics=rows,
                threshold=score_threshold,
                most=most,
                classes=wanted,
            ).fitted(canvas)
            sure = torch.where(
                found.confidence < keypoint_threshold, 0, found.confidence
            ) * found.present.unsqueeze(-1)
        chunks.append(replace(found, confidence=sure, labels=about.labels))
        if progress is not None:
            progress(len(here))
    found = Objects.cat(chunks)
    return replace(found, camera=camera)  # scaling it there and back would have rounded it


def _input_size(engine: Engine) -> Size:
    object_family(engine.model)
    size = engine.network.fixed
    assert size is not None  # of every family so far
    return size


def _checked(camera: Camera, canvas: Size, frames: int) -> Camera:
    if camera.size != canvas or camera.frame_count not in (1, frames) or camera.axes != "y_down":
        high, wide = camera.size
        raise InputError(
            f"camera: expected one of {canvas[1]}x{canvas[0]} px with y down for {frames} frames, "
            f"found {wide}x{high} px with {camera.axes} for {camera.frame_count}"
        )
    return camera
