"""Benchmark of poses: where the time goes between a video file and a VACE tensor."""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ...engines.checks import check_frames
from ...engines.detections.detect import letterbox_for
from ...engines.environment import describe_device
from ...engines.models.registry import registry, resolve
from ...engines.pose.family import one_stage
from ...engines.pose.one_stage import from_outputs
from ...engines.pose.poses import Poses
from ...engines.pose.smoothing import Smoother
from ...engines.pose.tracking import Tracker
from ...engines.pose.tracks import jitter
from ...engines.render.skeleton import draw_skeletons
from ...engines.runtime.devices import wait
from ...engines.runtime.engine import Engine, build_engine
from ...engines.runtime.network import network_of
from ...engines.tracking.choices import SMOOTHINGS
from ...engines.vace.normalise import normalise
from ...engines.video.read import read_video
from .measure import at_least_one, bench_report

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
    """Run all stages `runs` times after one warm-up, and report milliseconds per frame by stage.

    video: the file
    size:  detection size, px; 0: the recommended one
    style: drawing style

    The stages are those of the nodes, with the same batches; each is timed until the device has
    finished it. Times are medians over the runs; `total` is the median of the runs' sums. Raises
    `InputError` for `runs` below 1.
    """
    at_least_one(runs=runs)
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
    results = {
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
    }
    return bench_report("pose", results)


@dataclass
class _Sample:
    """One run: seconds by stage, and what it ran on."""

    device: torch.device
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    frames: int = 0
    canvas: tuple[int, int] = (0, 0)
    people: int = 0
    jitter: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def clock(self, stage: str) -> Iterator[None]:
        """Add the time of the body, until the device has finished it, to `stage`."""
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
    letterbox, head = letterbox_for(engine, sample.canvas, size), one_stage(engine.model)
    batches = []
    with torch.inference_mode():
        with sample.clock("preprocess"):
            check_frames("image", frames)
        for chunk in frames.split(engine.batch_for(*letterbox.target)):
            with sample.clock("preprocess"):
                images = letterbox.apply(chunk.to(sample.device)).clamp(0, 1)
            with sample.clock("network"):
                heads = engine.infer(images)
            with sample.clock("heads"):
                batches.append(
                    from_outputs(
                        head,
                        heads,
                        letterbox,
                        len(chunk),
                        most=6,
                        score_threshold=0.2,
                        keypoint_threshold=0.3,
                    )
                )
        poses = Poses.cat(batches)
        with sample.clock("draw"):
            image, _ = draw_skeletons(poses, style=style)
        with sample.clock("normalise"):
            normalise(image).control()
    sample.people = int(poses.count.sum())
    tracked = Tracker().update(poses)
    sample.jitter = {"raw": jitter(tracked)}
    for direction in SMOOTHINGS:
        smooth = Smoother(fps=float(clip.rate), direction=direction).update(tracked)
        sample.jitter[f"smoothed, {direction}"] = jitter(smooth)
    return sample
