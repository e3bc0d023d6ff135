"""Memory does not grow with the length of a video.

KINOGRAPH_ENDURANCE_FRAMES sets how long the video is; 20000 frames take a few minutes.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from kinograph.engines.pose.files import write_poses
from kinograph.engines.pose.poses import Poses
from kinograph.nodes.standin import host
from kinograph.workflows.execution.memory import keep_freed_memory
from kinograph.workflows.execution.run_graph import run_graph
from kinograph.workflows.graph.load import parse_graph
from live_clips import node

pytestmark = pytest.mark.long

WIDTH, HEIGHT, EARLY = 96, 64, 2_000
FRAMES = int(os.environ.get("KINOGRAPH_ENDURANCE_FRAMES", "5000"))


def write_clip(path: Path, count: int) -> None:
    """Write a pattern that slides."""
    noise = np.random.default_rng(0).integers(0, 255, (16, 20, 3), np.uint8)
    pattern = noise.repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("h264", rate=30, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(count):
            at = number % 32
            frame = np.ascontiguousarray(pattern[at : at + HEIGHT, at : at + WIDTH])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def measure(folder: Path) -> None:
    """Print the resident memory in bytes after each 500 frames, and at the end of the run."""
    keep_freed_memory()  # as the command line does
    path = folder / "clip.mp4"
    write_clip(path, FRAMES)
    graph = {
        "1": {"class_type": "LoadVideo", "inputs": {"file": str(path)}},
        "2": {"class_type": "GetVideoComponents", "inputs": {"video": ["1", 0]}},
        "3": node("KinographEstimateFlow", image=["2", 0], dis_preset="ultrafast"),
        "4": node("KinographDrawFlow", flow=["3", 0]),
        "5": node("KinographVaceNormalise", image=["4", 0]),
        "6": {"class_type": "CreateVideo", "inputs": {"images": ["4", 0], "fps": ["2", 2]}},
        "7": {
            "class_type": "SaveVideo",
            "inputs": {
                **{"video": ["6", 0], "filename_prefix": "flow"},
                **{"format": "auto", "codec": "auto"},
            },
        },
        "8": node("KinographSaveVace", vace=["5", 2], filename_prefix="vace"),
        "9": node("KinographLoadPoses", file=str(folder / "poses.safetensors"), image=["2", 0]),
        "10": node(
            "KinographSavePoses", poses=["9", 0], form="safetensors", filename_prefix="poses"
        ),
    }
    me = psutil.Process()
    seen: dict[int, int] = {}

    def progress(title: str, total: int) -> Callable[[int], None]:
        count = 0

        def step(done: int) -> None:
            nonlocal count
            count += done
            seen[count // 500 * 500] = me.memory_info().rss

        return step

    settings = host.Settings(output=folder / "out", device="cpu")
    report = run_graph(parse_graph(graph, "test.json"), settings, chunk=64, progress=progress)
    assert report.ok, report.errors
    print(json.dumps({"seen": seen, "end": me.memory_info().rss}))


def test_many_frames_take_as_much_memory_as_2000(tmp_path: Path) -> None:
    """In a process of its own, as others have left their traces in this one."""
    people = Poses.empty(FRAMES, (HEIGHT, WIDTH), people=5)
    people.count.fill_(5)
    write_poses(people, tmp_path / "poses.safetensors", "safetensors")
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    seen = {int(count): rss for count, rss in found["seen"].items()}
    assert max(seen) == FRAMES
    early = seen[EARLY]
    assert early > 100 * 2**20  # it measures this process
    assert max(*seen.values(), found["end"]) < 1.02 * early, found


if __name__ == "__main__":
    measure(Path(sys.argv[1]))
