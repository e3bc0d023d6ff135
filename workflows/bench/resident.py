"""Benchmark of poses from frames on the device to drawn maps on the device.

The baseline does the same frame by frame, as node packs without batches do.
"""

import math
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...engines.detections.detect import letterbox_for
from ...engines.environment import describe_device
from ...engines.errors import InputError
from ...engines.models.registry import resolve
from ...engines.pose.detect import detect_poses
from ...engines.pose.family import one_stage
from ...engines.pose.one_stage import from_outputs
from ...engines.render.skeleton import draw_skeletons
from ...engines.render.styles import STYLES
from ...engines.runtime.devices import wait
from ...engines.runtime.engine import Engine, build_engine
from ...engines.runtime.network import network_of
from .measure import at_least_one, bench_report, footage_of

STAGES = ("preprocess", "network", "heads", "draw")
_PEOPLE, _SCORE, _KEYPOINT = 6, 0.2, 0.3
_BASELINE_FRAMES = 32


def bench_resident(
    video: Path,
    size: tuple[int, int],
    *,
    frames: int = 64,
    batch: int = 16,
    model: str = "movenet_multipose",
    device: str = "auto",
    backend: str = "auto",
    precision: str = "auto",
    runs: int = 5,
    detection_size: int = 0,
) -> dict[str, Any]:
    """Measure frames per second from frames [F,H,W,3] on the device to OpenPose maps there.

    size:           height and width that the video's frames are scaled to beforehand
    frames:         number of frames; the video is repeated
    batch:          frames per batch
    detection_size: px; 0: the recommended one

    The report's `baseline` processes one frame at a time: from the host to the device, through the
    network, back to the host, drawn there by OpenCV, and to the device again. Its backend is
    "torch", as no other pack captures or compiles its network.

    Figures are medians over `runs`, after a run that is not counted. `stages_ms_per_frame` are
    timed until the device has finished each stage; `fps` is measured without these waits. Raises
    `InputError` for numbers below 1, and without OpenCV.
    """
    if find_spec("cv2") is None:
        raise InputError(
            "bench pose --resident: its baseline draws with OpenCV, which is not installed; "
            "run: pip install opencv-python-headless"
        )
    at_least_one(frames=frames, batch=batch, runs=runs)
    chosen = resolve(model)
    network = network_of(chosen)

    def built(how: str) -> Engine:
        return build_engine(
            chosen, network, backend=how, device=device, precision=precision, max_batch=batch
        )

    engine = built(backend)
    longer = detection_size or chosen.entry.recommended_size
    footage = footage_of(video, size, frames).to(engine.device)
    seconds = [_run(footage, engine, batch, longer) for _ in range(runs + 1)][1:]
    stages = [_staged(footage, engine, batch, longer) for _ in range(runs + 1)][1:]
    plain = built("torch")
    few = footage[:_BASELINE_FRAMES].mul(255).round().to(torch.uint8).cpu().numpy()
    slow = [_one_by_one(few, plain, longer) for _ in range(min(runs, 3) + 1)][1:]
    ours = frames / statistics.median(seconds)
    theirs = len(few) / statistics.median(slow)
    where = engine.device
    results = {
        "model": chosen.name,
        "frames": frames,
        "size": [size[1], size[0]],
        "batch": batch,
        "detection_size": longer,
        "backend": engine.backend,
        "precision": engine.precision,
        "device": describe_device(where),
        "threads": torch.get_num_threads(),
        "runs": runs,
        "stages_ms_per_frame": {
            name: statistics.median(s[name] for s in stages) / frames * 1000 for name in STAGES
        },
        "fps": ours,
        "baseline": {"backend": plain.backend, "precision": plain.precision, "fps": theirs},
        "ratio": ours / theirs,
    }
    return bench_report("pose, resident", results)


def _run(footage: Tensor, engine: Engine, batch: int, size: int) -> float:
    """Return the seconds for all frames, in batches from frames to maps."""
    wait(engine.device)
    started = time.perf_counter()
    for chunk in footage.split(batch):
        draw_skeletons(detect_poses(chunk, engine, size=size), style="openpose")
    wait(engine.device)
    return time.perf_counter() - started


def _staged(footage: Tensor, engine: Engine, batch: int, size: int) -> dict[str, float]:
    """Return the seconds by stage."""
    spent = dict.fromkeys(STAGES, 0.0)
    letterbox = letterbox_for(engine, (footage.shape[1], footage.shape[2]), size)
    head = one_stage(engine.model)

    @contextmanager
    def clock(stage: str) -> Iterator[None]:
        wait(engine.device)
        started = time.perf_counter()
        yield
        wait(engine.device)
        spent[stage] += time.perf_counter() - started

    with torch.inference_mode():
        for chunk in footage.split(batch):
            with clock("preprocess"):
                images = letterbox.apply(chunk, fill=head.fill).clamp(0, 1)
            with clock("network"):
                heads = engine.infer(images)
            with clock("heads"):
                poses = from_outputs(
                    head,
                    heads,
                    letterbox,
                    len(chunk),
                    most=_PEOPLE,
                    score_threshold=_SCORE,
                    keypoint_threshold=_KEYPOINT,
                )
            with clock("draw"):
                draw_skeletons(poses, style="openpose")
    return spent


def _one_by_one(footage: NDArray[np.uint8], engine: Engine, size: int) -> float:
    """Return the seconds for all frames [F,H,W,3] on the host, one by one, drawn by OpenCV."""
    wait(engine.device)
    started = time.perf_counter()
    for frame in footage:
        image = torch.from_numpy(frame[None]).to(engine.device).float() / 255
        poses = detect_poses(image, engine, size=size).to("cpu").as_openpose()
        canvas = np.zeros(frame.shape, np.uint8)
        for person in range(int(poses.count[0])):
            _draw(canvas, poses.keypoints[0, person].numpy(), poses.confidence[0, person].numpy())
        (torch.from_numpy(canvas).float() / 255).to(engine.device)
    wait(engine.device)
    return time.perf_counter() - started


def _draw(canvas: NDArray[np.uint8], points: NDArray[Any], confidence: NDArray[Any]) -> None:
    """Draw a person as controlnet_aux does."""
    import cv2

    library: Any = cv2
    body = STYLES["openpose"].groups[0]
    for (a, b), colour in body.limbs:
        if confidence[a] <= 0 or confidence[b] <= 0:
            continue
        middle = (points[a] + points[b]) / 2
        along = points[a] - points[b]
        angle = math.degrees(math.atan2(along[1], along[0]))
        axes = (int(math.hypot(*along) / 2), 4)
        center = (int(middle[0]), int(middle[1]))
        cv2.fillConvexPoly(
            canvas, library.ellipse2Poly(center, axes, int(angle), 0, 360, 1), colour
        )
    for joint, colour in body.dots:
        if confidence[joint] > 0:
            library.circle(canvas, (int(points[joint][0]), int(points[joint][1])), 4, colour, -1)
