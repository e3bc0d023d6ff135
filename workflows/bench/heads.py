"""Benchmark of heads: milliseconds per frame, from frames on the device to head poses.

The baseline is what a program does that looks at one frame and one face at a time.
"""

import math
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

from ...engines.environment import describe_device
from ...engines.errors import InputError
from ...engines.head.find import DETECTOR, find_heads
from ...engines.runtime.engine import Engine
from ...engines.runtime.named import engine_named
from ..graph.shipped import MEDIA
from .measure import at_least_one, bench_report, peak, reset_peak, taken

_PICTURE = MEDIA / "kinograph_astronaut.jpg"
_AROUND = (24, 128, 224, 328)  # top, left, bottom, right px in the picture: a face and some room
_FACE = 110  # px, how high the face is there


def bench_heads(
    *,
    size: tuple[int, int] = (1080, 1920),
    faces: int = 8,
    face: int = 150,
    smallest_face: int = 0,
    batch: int = 16,
    max_batch: int = 64,
    device: str = "auto",
    backend: str = "auto",
    precision: str = "auto",
    runs: int = 10,
    baseline: bool = True,
) -> dict[str, Any]:
    """Measure milliseconds per frame in which faces are found and the poses of their heads.

    size:          height and width of the frames, which are on the device already
    faces:         in each frame
    face:          height of each in px
    smallest_face: see `find_heads`; 0: three quarters of `face`
    batch:         frames per call
    max_batch:     tiles or faces per call of a network
    baseline:      also measure one frame and one face at a time

    Figures are medians over `runs`, after calls that are not counted. Raises `InputError` for
    numbers below 1, and for faces that do not fit into the frame.
    """
    at_least_one(batch=batch, runs=runs, faces=faces, face=face, max_batch=max_batch)
    smallest_face = smallest_face or max(1, face * 3 // 4)
    frames = frames_with_faces(size, faces, face, batch)

    def engine_of(name: str, most: int) -> Engine:
        engine = engine_named(
            name, device=device, backend=backend, precision=precision, max_batch=most
        )
        engine.full_batches = most > 1
        return engine

    names = ("mediapipe_face", DETECTOR)
    engine, detector = (engine_of(name, max_batch) for name in names)
    frames = frames.to(engine.device)
    search = partial(find_heads, max_heads=faces, smallest_face=smallest_face)
    reset_peak(engine.device)
    found = search(frames, engine, detector)
    ms = {"batches": taken(partial(search, frames, engine, detector), engine.device, runs) / batch}
    used = peak(engine.device)
    if baseline:
        one = [engine_of(name, 1) for name in names]
        ms["baseline"] = taken(partial(search, frames[:1], *one), engine.device, min(runs, 5))
    return bench_report(
        "heads",
        {
            "size": [size[1], size[0]],
            "faces": faces,
            "face": face,
            "smallest_face": smallest_face,
            "found": float(found.count.float().mean()),
            "batch": batch,
            "max_batch": max_batch,
            "runs": runs,
            "threads": torch.get_num_threads(),
            "backend": engine.backend,
            "precision": engine.precision,
            "device": describe_device(engine.device),
            "ms_per_frame": ms,
            "gpu_bytes": used,
        },
    )


def frames_with_faces(size: tuple[int, int], faces: int, face: int, frames: int) -> Tensor:
    """Return frames [F,H,W,3] with so many faces of `face` px, side by side, each a little brighter
    than the one before.

    Raises `InputError` for faces that do not fit.
    """
    top, left, bottom, right = _AROUND
    with Image.open(_PICTURE) as picture:
        part = pil_to_tensor(picture.convert("RGB"))[:, top:bottom, left:right].float() / 255
    height, width = size
    side = round((bottom - top) * face / _FACE)
    columns = min(faces, max(1, width // side))
    rows = math.ceil(faces / columns)
    if side > width or rows * side > height:
        raise InputError(
            f"faces: {faces} of {face} px do not fit into frames of {width}x{height}; take fewer "
            "or smaller ones"
        )
    scaled = F.interpolate(part[None], (side, side), mode="bilinear", antialias=True)[0]
    frame = torch.full((*size, 3), 0.5)
    for number in range(faces):
        y = (number // columns * 2 + 1) * height // (2 * rows) - side // 2
        x = (number % columns * 2 + 1) * width // (2 * columns) - side // 2
        frame[y : y + side, x : x + side] = scaled.movedim(0, -1)
    return frame.clamp(0, 1) * torch.linspace(0.8, 1, frames).view(-1, 1, 1, 1)
