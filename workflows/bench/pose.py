"""`kinograph bench pose`: where the time goes between a video file and a VACE tensor."""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ...engines.checks import check_frames
from ...engines.environment import describe_device, versions
from ...engines.errors import InputError
from ...engines.families import network_of, one_stage
from ...engines.models.registry import registry, resolve
from ...engines.pose.detect import from_outputs, letterbox_for
from ...engines.pose.poses import Poses
from ...engines.pose.smoothing import DIRECTIONS, Smoother
from ...engines.pose.tracking import Tracker
from ...engines.pose.tracks import jitter
from ...engines.render.skeleton import draw_skeletons
from ...engines.runtime.engine import Engine, build_engine
from ...engines.vace.normalise import normalise
from ...engines.video.read import read_video
from ..execution.report import print_table
from .measure import wait

STAGES = ("decode", "preprocess", "network", "heads", "draw", "normalise")


def bench_pose(
    video: Path,
    *,
    device: str = "auto",
    precision: str = "auto",
    backend: str = "auto",
    runs: int = 5,
    size: int = 0,
    style: str = "vace",
) -> dict[str, Any]:
    """Run the whole job `runs` times after one warm-up; milliseconds a frame by stage.

    The stages are those of the nodes, with the same batches; every stage is timed to its end on
    the device. Times are medians over the runs; `total` is the median of the runs' sums.
    """
    if runs < 1:
        raise InputError(f"runs: expected at least 1, found {runs}")
    model = resolve(next(iter(registry())))
    network = network_of(model)
    engine = build_engine(model, network, device=device, precision=precision, backend=backend)
    where = engine.device
    size = size or model.entry.recommended_size
    engine.check_size(size)

    samples = [_run_once(video, engine, size, style) for _ in range(runs + 1)][1:]
    frames, canvas, people = samples[0].frames, samples[0].canvas, samples[0].people
    letterbox = letterbox_for(engine, canvas, size)
    per_frame = {
        stage: statistics.median(s.seconds[stage] for s in samples) / frames * 1000
        for stage in STAGES
    }
    total = statistics.median(sum(s.seconds.values()) for s in samples) / frames * 1000
    return {
        "subject": "pose",
        "video": video.name,
        "frames": frames,
        "size": [canvas[1], canvas[0]],
        "people": people,
        "detection_size": size,
        "network_input": [letterbox.target[1], letterbox.target[0]],
        "backend": engine.backend,
        "precision": engine.precision,
        "device": describe_device(where),
        "threads": torch.get_num_threads(),
        "runs": runs,
        "ms_per_frame": {**per_frame, "total": total},
        "fps": 1000 / total,
        "jitter_px_per_frame2": samples[0].jitter,
        "versions": versions(),
    }


@dataclass
class _Sample:
    """One run: seconds by stage, and what was run on."""

    device: torch.device
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    frames: int = 0
    canvas: tuple[int, int] = (0, 0)
    people: int = 0
    jitter: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def clock(self, stage: str) -> Iterator[None]:
        """Count the body towards `stage`, up to its end on the device."""
        wait(self.device)
        started = time.perf_counter()
        yield
        wait(self.device)
        self.seconds[stage] += time.perf_counter() - started


def _run_once(video: Path, engine: Engine, size: int, style: str) -> _Sample:
    sample = _Sample(engine.device)
    with sample.clock("decode"):
        clip = read_video(video)
        frames = clip.frames
    sample.frames, sample.canvas = frames.shape[0], (frames.shape[1], frames.shape[2])
    letterbox, family = letterbox_for(engine, sample.canvas, size), one_stage(engine.model)
    found = []
    with torch.inference_mode():
        with sample.clock("preprocess"):
            check_frames("image", frames)
        for chunk in frames.split(engine.batch_for(*letterbox.target)):
            with sample.clock("preprocess"):
                images = letterbox.apply(chunk.to(sample.device)).clamp(0, 1)
            with sample.clock("network"):
                heads = engine.infer(images)
            with sample.clock("heads"):
                found.append(from_outputs(family, heads, letterbox, len(chunk), 6, 0.2, 0.3))
        poses = Poses.cat(found)
        with sample.clock("draw"):
            image, _ = draw_skeletons(poses, style=style)
        with sample.clock("normalise"):
            normalise(image).control()
    sample.people = int(poses.count.sum())
    tracked = Tracker().update(poses)
    sample.jitter = {"raw": jitter(tracked)}
    for direction in DIRECTIONS:
        smooth = Smoother(fps=float(clip.rate), direction=direction).update(tracked)
        sample.jitter[f"smoothed, {direction}"] = jitter(smooth)
    return sample


def print_bench(report: dict[str, Any]) -> None:
    """The report as a table."""
    times = report["ms_per_frame"]
    print(
        f"{report['video']}: {report['frames']} frames of {report['size'][0]}x{report['size'][1]}, "
        f"{report['people']} people"
    )
    print(
        f"{report['backend']} {report['precision']} on {report['device']}, "
        f"{report['threads']} threads, network input "
        f"{report['network_input'][0]}x{report['network_input'][1]}, "
        f"median of {report['runs']} runs"
    )
    print_table(
        ["stage", "ms/frame", "share"],
        [[s, f"{t:.2f}", f"{t / times['total']:.0%}"] for s, t in times.items()],
        "ms/frame,share",
    )
    print(f"{report['fps']:.1f} frames a second")
    shaking = ", ".join(f"{n} {v:.2f}" for n, v in report["jitter_px_per_frame2"].items())
    print(f"mean acceleration of the joints, px/frame²: {shaking}")
