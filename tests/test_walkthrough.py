"""Adding a thing is adding one file: each file of data/toys goes into a copy of the package, and is
used there by its name. No other file is changed."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from kinograph.engines.models.registry import resolve

TOYS = Path(__file__).parent / "data" / "toys"
PLACES = {
    "pose family": "engines/pose/families/toy.py",
    "backend": "engines/runtime/backends/toy.py",
    "core node": "workflows/core/toy.py",
    "node": "nodes/render/toy.py",
    "command": "workflows/cli/commands/toy.py",
}
CLIP = "kinograph_two_people.mp4"
Grown = Callable[..., str]


@pytest.fixture
def grown(root: Path, tmp_path: Path) -> Grown:
    """Copy the package, add the file of one thing, and run the command line of the copy.

    The function takes the thing and the words of the command line, and returns what is printed.
    """

    def run(thing: str, *words: str) -> str:
        package = tmp_path / "packages" / "kinograph"
        if not package.exists():
            package.mkdir(parents=True)
            shutil.copy(root / "__init__.py", package)
            for room in ("engines", "nodes", "workflows", "locales"):
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(root / room, package / room, ignore=ignored)
            assert not (package / PLACES[thing]).exists()
            shutil.copy(TOYS / PLACES[thing], package / PLACES[thing])
        done = subprocess.run(
            [sys.executable, "-m", "kinograph.workflows.cli", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(package.parent)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_every_toy_is_one_file() -> None:
    files = {path.relative_to(TOYS).as_posix() for path in TOYS.rglob("*.py")}
    assert files == set(PLACES.values())


def test_a_pose_family(grown: Grown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINOGRAPH_MODELS_DIR", str(tmp_path / "models"))
    (tmp_path / "models").mkdir()
    shutil.copy(resolve("movenet_multipose").path, tmp_path / "models" / "mine.safetensors")
    model = {"family": "toy", "file": "mine.safetensors"}
    graph = people_in_the_clip("KinographLoadPoseFile", model)
    report = run(grown, "pose family", tmp_path, graph)
    assert "33 frames, 33 poses" in texts(report)["5"]  # of the two people one in each frame


def test_a_backend(grown: Grown, tmp_path: Path) -> None:
    assert "toy (cpu)" in grown("backend", "doctor")
    graph = people_in_the_clip("KinographLoadPoseModel", {"model": "movenet_multipose"})
    graph["4"]["inputs"]["backend"] = "toy"
    said = texts(run(grown, "backend", tmp_path, graph))
    assert "runs on toy in fp32 on cpu" in said["4"]
    assert said["5"].startswith("33 frames, ")


def test_a_core_node(grown: Grown, tmp_path: Path) -> None:
    graph = {
        "1": {"class_type": "ToyTwice", "inputs": {"value": 21}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }
    assert texts(run(grown, "core node", tmp_path, graph))["2"] == "42"


def test_a_node_and_its_run_in_chunks(grown: Grown, tmp_path: Path, clip_path: Path) -> None:
    graph = {
        "1": {"class_type": "LoadVideo", "inputs": {"file": CLIP}},
        "2": {"class_type": "GetVideoComponents", "inputs": {"video": ["1", 0]}},
        "3": {"class_type": "ToyNegative", "inputs": {"image": ["2", 0]}},
        "4": {"class_type": "CreateVideo", "inputs": {"images": ["3", 0], "fps": 15.0}},
        "5": {
            "class_type": "SaveVideo",
            "inputs": {
                **{"video": ["4", 0], "filename_prefix": "n"},
                **{"format": "auto", "codec": "auto"},
            },
        },
    }
    run(grown, "node", tmp_path, graph)
    run(grown, "node", tmp_path, graph, "--chunk", "16", output="chunks")
    given = frames(clip_path)
    for folder in ("out", "chunks"):
        (made,) = (tmp_path / folder).glob("*.mp4")
        assert np.abs(frames(made) + given - 255).mean() < 4  # encoded twice


def test_a_command(grown: Grown) -> None:
    assert grown("command", "toy", "world") == "hello world\n"
    assert "say hello" in grown("command", "--help")


def people_in_the_clip(loader: str, model: dict[str, str]) -> dict[str, Any]:
    build = {"precision": "fp32", "max_batch": 16, "min_size": 128, "max_size": 1024}
    find = {"score_threshold": 0.2, "keypoint_threshold": 0.3, "max_people": 6}
    return {
        "1": {"class_type": "LoadVideo", "inputs": {"file": CLIP}},
        "2": {"class_type": "GetVideoComponents", "inputs": {"video": ["1", 0]}},
        "3": {"class_type": loader, "inputs": model},
        "4": {
            "class_type": "KinographBuildEngine",
            "inputs": {"model": ["3", 0], "backend": "torch", **build},
        },
        "5": {
            "class_type": "KinographDetectPoses",
            "inputs": {"image": ["2", 0], "engine": ["4", 0], "detection_size": 256, **find},
        },
        "6": {
            "class_type": "KinographSavePoses",
            "inputs": {"poses": ["5", 0], "form": "safetensors", "filename_prefix": "poses"},
        },
    }


def run(
    grown: Grown,
    thing: str,
    folder: Path,
    graph: dict[str, Any],
    *options: str,
    output: str = "out",
) -> dict[str, Any]:
    """Run a graph and return the report."""
    path = folder / "graph.json"
    path.write_text(json.dumps(graph))
    words = ["run", str(path), "--device", "cpu", "--output-dir", output, "--json", *options]
    report: dict[str, Any] = json.loads(grown(thing, *words))
    return report


def texts(report: dict[str, Any]) -> dict[str, str]:
    """Return what the nodes say, by node."""
    return {node["node"]: node["text"] for node in report["nodes"]}


def frames(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        made = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.stack(made).astype(int)
