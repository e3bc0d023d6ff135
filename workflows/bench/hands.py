"""Benchmark of hands and faces: milliseconds per frame in which they are added to a clip's poses.

The baseline is the same in PyTorch, the reference.
"""

import statistics
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...engines.environment import describe_device
from ...engines.head.hands_and_face import WholeBodies, add_hands_and_face
from ...engines.pose.detect import detect_poses
from ...engines.pose.poses import Poses
from ...engines.runtime.engine import Engine
from ...engines.runtime.named import engine_named
from ...engines.video.read import read_video
from .measure import at_least_one, bench_report, times_of

_BODY = "movenet_multipose"
_PARTS = {"hand_engine": "mediapipe_hand", "face_engine": "mediapipe_face"}


def bench_hands(
    video: Path,
    *,
    device: str = "auto",
    precision: str = "auto",
    backend: str = "auto",
    runs: int = 3,
    baseline: bool = True,
) -> dict[str, Any]:
    """Measure how long it takes to add hands and faces to the poses of a video, whole.

    video:    the file; the included network finds its people
    baseline: also measure the same with the backend torch in fp32

    Times are medians of `runs`, after one that is not counted: of the bodies, for comparison, of
    hands alone, of faces alone and of both. On a CPU `process_ms` is the median of what all threads
    together took. Raises `InputError` for `runs` below 1.
    """
    at_least_one(runs=runs)
    frames = read_video(video).frames

    def parts(backend: str, precision: str) -> dict[str, Engine]:
        chosen = partial(engine_named, device=device, backend=backend, precision=precision)
        return {part: chosen(name) for part, name in _PARTS.items()}

    body = engine_named(_BODY, device=device, backend=backend, precision=precision)
    both = parts(backend, precision)
    where = body.device
    frames = frames.to(where)
    poses = detect_poses(frames, body)
    times = {"bodies": _taken(lambda: detect_poses(frames, body), len(frames), where, runs)}
    for name, some in {
        "hands": {"hand_engine": both["hand_engine"]},
        "faces": {"face_engine": both["face_engine"]},
        "hands and faces": both,
    }.items():
        found, times[name] = _added(frames, poses, some, where, runs)
    assert found.hands is not None
    assert found.faces is not None
    if baseline:
        reference = parts("torch", "fp32")
        _, times["baseline"] = _added(frames, poses, reference, where, runs)
    results = {
        "video": video.name,
        "frames": len(frames),
        "size": [frames.shape[2], frames.shape[1]],
        "people": int(poses.count.sum()),
        "wrists": found.hands.looked,
        "hands": found.hands.found,
        "heads": found.faces.looked,
        "faces": found.faces.found,
        "backend": both["hand_engine"].backend,
        "precision": both["hand_engine"].precision,
        "device": describe_device(where),
        "threads": torch.get_num_threads(),
        "runs": runs,
        "per_frame": times,
        "fps": 1000 / times["hands and faces"]["ms"],
    }
    return bench_report("hands", results)


def _added(
    frames: Tensor, poses: Poses, engines: Mapping[str, Any], where: torch.device, runs: int
) -> tuple[WholeBodies, dict[str, float]]:
    """Return what the engines add to poses, and how long it takes per frame."""

    def call() -> WholeBodies:
        return add_hands_and_face(frames, poses, **engines)

    return call(), _taken(call, len(frames), where, runs)


def _taken(call: Any, frames: int, where: torch.device, runs: int) -> dict[str, float]:
    """Return the median `ms` per frame of a call that has been made before and, on a CPU,
    `process_ms`."""
    walls, works = times_of(call, where, runs, first=0)
    found = {"ms": statistics.median(walls) / frames}
    if where.type == "cpu":
        found["process_ms"] = statistics.median(works) / frames
    return found
