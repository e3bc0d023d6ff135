"""Bodies of the same clip on several backends, frame by frame as in a live run."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...engines.body.bodies import Bodies
from ...engines.body.choices import FOV
from ...engines.body.fit import FitState, fit_bodies
from ...engines.body.landmarks import points_of_bodies
from ...engines.environment import describe_device
from ...engines.errors import InputError
from ...engines.evaluation.body_motion import stillness
from ...engines.evaluation.body_poses import joints_of
from ...engines.geometry.camera import Camera
from ...engines.pose.detect import detect_poses
from ...engines.pose.size import looks_for
from ...engines.pose.tracking import Tracker
from ...engines.runtime.devices import wait
from ...engines.runtime.engine import Engine
from ...engines.runtime.named import engine_named
from ...engines.video.read import read_video
from .bodies import MODEL, PEOPLE, overlay
from .measure import bench_report


def compare_backends(
    video: Path, backends: Sequence[str], *, device: str = "auto", precision: str = "auto"
) -> dict[str, Any]:
    """Find the bodies of a video on each of the backends and draw them, one frame at a time.

    Returns for each backend frames per second, the latency of a frame from its pixels to the
    overlay (median and 95 %), how steady bodies are, and how far their joints, relative to the
    hips, are on average from those of the first backend. The first frame, which prepares the
    networks, is done once before. Raises `InputError` for fewer than two backends or one that is
    named twice, and `EngineError` for one that is not available.
    """
    if len(backends) < 2 or len(set(backends)) < len(backends):
        raise InputError(
            f"backends: expected at least two, each once, found {', '.join(backends) or 'none'}"
        )
    clip = read_video(video)
    rows: dict[str, Any] = {}
    first: Bodies | None = None
    for backend in backends:
        engine, people = (
            engine_named(name, device=device, backend=backend, precision=precision)
            for name in (MODEL, PEOPLE)
        )
        run = _run(clip.frames, engine, people)
        first = first or run.bodies
        rows[backend] = {
            "precision": engine.precision,
            "device": describe_device(engine.device),
            "fps": 1000 * len(run.ms) / sum(run.ms),
            "latency_p50_ms": statistics.median(run.ms),
            "latency_p95_ms": float(torch.tensor(run.ms).quantile(0.95)),
            "bodies": int(run.bodies.count.sum()),
            **stillness(run.bodies, float(clip.rate)),
            "apart_mm": apart(first, run.bodies),
        }
    return bench_report(
        "body backends",
        {
            "video": video.name,
            "size": [clip.frames.shape[2], clip.frames.shape[1]],
            "frames": len(clip.frames),
            "threads": torch.get_num_threads(),
            "backends": rows,
        },
    )


def apart(first: Bodies, second: Bodies) -> float | None:
    """Return the mean distance in mm between joints of bodies in the same places of two runs, from
    the middle of the hips; None if no place holds a body in both."""
    places = min(first.scores.shape[1], second.scores.shape[1])
    both = (first.present[:, :places] & second.present[:, :places]).cpu()
    if not bool(both.any()):
        return None
    one, two = (joints_of(bodies)[:, :places][both] for bodies in (first, second))
    return 1000 * float((one - two).norm(dim=-1).mean())


@dataclass(frozen=True)
class _Run:
    """The milliseconds of every frame, and the bodies of all."""

    ms: list[float]
    bodies: Bodies


def _run(frames: torch.Tensor, engine: Engine, people: Engine) -> _Run:
    """Find and draw the bodies of frames [F,H,W,3], one at a time."""
    looks = looks_for(frames[:1].to(people.device), people)
    camera = Camera.of_field_of_view((frames.shape[1], frames.shape[2]), FOV, device=engine.device)
    tracker = Tracker()
    state: FitState | None = None
    ms: list[float] = []
    bodies: list[Bodies] = []
    for number, frame in enumerate((frames[0], *frames)):
        if number == 1:  # after the frame that only warms up
            tracker, state = Tracker(), None
        wait(engine.device)
        start = time.perf_counter()
        here = frame[None].to(engine.device)
        known = tracker.update(detect_poses(here, people, looks=looks))
        points = points_of_bodies(here, known, engine)
        found, state = fit_bodies(points, camera, state)
        overlay(here, found)
        wait(engine.device)
        ms.append((time.perf_counter() - start) * 1000)
        bodies.append(found)
    return _Run(ms[1:], Bodies.cat(bodies[1:]))
