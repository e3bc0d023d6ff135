"""Objects in a real ComfyUI: a training that is interrupted and goes on, and what it has learnt."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from PIL import Image

from chunked_clips import graph_of
from comfyui_server import ComfyUI, ComfyUIError
from kinograph.engines.datasets.synthesise import write_cuboids
from kinograph.engines.models import checkpoint

pytestmark = pytest.mark.comfyui
STEPS = 120
RUN = "runs/a"


def prompt(nodes: dict[str, tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    graph = graph_of(nodes)
    return {
        id_: {
            "class_type": node.class_type,
            "inputs": {
                name: [value.node, value.slot] if hasattr(value, "slot") else value
                for name, value in node.inputs.items()
            },
        }
        for id_, node in graph.nodes.items()
    }


def test_a_training_is_interrupted_and_goes_on(comfy: ComfyUI) -> None:
    write_cuboids(comfy.base / "input" / "data", {"train": 4, "val": 2}, size=(64, 64))
    train = {"dataset": "data", "steps": STEPS, "batch_size": 2, "run": RUN, "image_size": 32}
    graph = prompt(
        {
            "t": ("KinographTrainRTDETR", {**train, "queries": 4}),
            "b": ("KinographBuildEngine", {"model": ["t", 0], "backend": "torch"}),
            "f": ("KinographLoadVideoFrames", {"file": "data/images/val"}),
            "d": (
                "KinographDetectObjects",
                {"image": ["f", 0], "engine": ["b", 0], "score_threshold": 0.0},
            ),
            "o": (
                "KinographDrawDetections",
                {"detections": ["d", 0], "background": "footage", "footage": ["f", 0]},
            ),
            "s": ("SaveImage", {"images": ["o", 0], "filename_prefix": "drawn"}),
            "p": ("KinographSavePredictions", {"detections": ["d", 0], "filename_prefix": "p"}),
            "e": (
                "KinographEvaluatePredictions",
                {"dataset": "data", "split": "val", "detections": ["d", 0]},
            ),
        }
    )
    folder = comfy.base / "output" / RUN
    journal = folder / "metrics.jsonl"
    with ThreadPoolExecutor() as pool:
        running = pool.submit(comfy.run, graph)
        while not (journal.exists() and journal.stat().st_size):
            assert not running.done(), running.result()
            time.sleep(0.02)
        comfy.post("/interrupt")
        with pytest.raises(ComfyUIError):
            running.result(120)
    assert 1 <= checkpoint.load(folder / "checkpoint.pt")["step"] < STEPS
    assert f"run: {RUN} was stopped; queue it again to go on with it" in comfy.log()
    outputs = comfy.run(graph)
    assert f"{STEPS} of {STEPS} steps" in outputs["t"]["text"][0]
    assert outputs["t"]["images"], "the curves"
    assert "2 frames, 8 objects, at most 4 objects at once" in outputs["d"]["text"][0]
    assert "box_ap" in outputs["e"]["text"][0]
    written = json.loads((comfy.base / "output" / "p_00001_.json").read_text())
    assert written["labels"]["class_names"] == ["cuboid"]
    assert written["labels"]["bounds"][0][1] == pytest.approx([0.05, 0.07, 0.1])
    with Image.open(comfy.base / "output" / "drawn_00002_.png") as picture:
        assert picture.size == (64, 64)
    loaded = prompt(
        {
            "l": ("KinographLoadRTDETRCheckpoint", {"file": RUN}),
            "b": ("KinographBuildEngine", {"model": ["l", 0], "backend": "torch"}),
            "v": ("PreviewAny", {"source": ["b", 1]}),
        }
    )
    assert f"trained for {STEPS} steps" in comfy.run(loaded)["l"]["text"][0]
