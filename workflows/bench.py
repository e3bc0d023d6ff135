"""`kinograph bench pose`: where the time goes between a video file and a VACE tensor."""

import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch

from .. import __version__
from ..engines.errors import InputError
from ..engines.families import network_of
from ..engines.models.registry import registry, resolve
from ..engines.pose import movenet
from ..engines.pose.detect import from_heads
from ..engines.pose.letterbox import Letterbox
from ..engines.pose.poses import Poses
from ..engines.render.skeleton import draw_skeletons
from ..engines.runtime.engine import build_engine
from ..engines.vace.normalise import normalise
from ..engines.video.read import read_video
from .report import print_table

STAGES = ("decode", "preprocess", "network", "heads", "draw", "normalise")
T = TypeVar("T")


def bench_pose(
    video: Path,
    *,
    device: str = "auto",
    precision: str = "auto",
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
    engine = build_engine(model, network, device=device, precision=precision)
    where = engine.runner.device
    size = size or model.entry.recommended_size
    engine.check_size(size)

    def timed(stage: str, seconds: dict[str, float], work: Callable[[], T]) -> T:
        if where.type == "cuda":
            torch.cuda.synchronize(where)
        started = time.perf_counter()
        result = work()
        if where.type == "cuda":
            torch.cuda.synchronize(where)
        seconds[stage] += time.perf_counter() - started
        return result

    samples: list[dict[str, float]] = []
    frames = people = 0
    for _ in range(runs + 1):
        seconds = dict.fromkeys(STAGES, 0.0)
        clip = timed("decode", seconds, lambda: read_video(video))
        frames, *canvas = clip.frames.shape[:3]
        letterbox = Letterbox.fit((canvas[0], canvas[1]), size, stride=network.stride)
        chunks = []
        with torch.inference_mode():
            for chunk in clip.frames.split(engine.batch_for(*letterbox.target)):
                images = timed(
                    "preprocess", seconds, lambda c=chunk: letterbox.apply(c.to(where)).clamp(0, 1)
                )
                heads = timed("network", seconds, lambda x=images: engine.infer(x))
                chunks.append(
                    timed(
                        "heads",
                        seconds,
                        lambda h=heads: from_heads(
                            h, letterbox, movenet.MAX_PEOPLE, 0.2, 0.3
                        ),
                    )
                )
            poses = Poses.cat(chunks)
            image, _mask = timed("draw", seconds, lambda p=poses: draw_skeletons(p, style=style))
            timed("normalise", seconds, lambda i=image: normalise(i).control())
        people = int(poses.count.sum())
        samples.append(seconds)
    samples = samples[1:]
    per_frame = {
        stage: statistics.median(s[stage] for s in samples) / frames * 1000 for stage in STAGES
    }
    total = statistics.median(sum(s.values()) for s in samples) / frames * 1000
    on = torch.cuda.get_device_name(where) if where.type == "cuda" else platform.processor()
    return {
        "subject": "pose",
        "video": video.name,
        "frames": frames,
        "size": [canvas[1], canvas[0]],
        "people": people,
        "detection_size": size,
        "network_input": [letterbox.target[1], letterbox.target[0]],
        "backend": engine.runner.backend,
        "precision": engine.runner.precision,
        "device": f"{where} ({on or platform.machine()})",
        "threads": torch.get_num_threads(),
        "runs": runs,
        "ms_per_frame": {**per_frame, "total": total},
        "fps": 1000 / total,
        "versions": {
            "kinograph": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
    }


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
        f"{report['network_input'][0]}x{report['network_input'][1]}, median of {report['runs']} runs"
    )
    print_table(
        ["stage", "ms/frame", "share"],
        [[s, f"{t:.2f}", f"{t / times['total']:.0%}"] for s, t in times.items()],
        "ms/frame,share",
    )
    print(f"{report['fps']:.1f} frames a second")
