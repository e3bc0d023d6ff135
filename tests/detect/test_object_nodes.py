"""The nodes for objects: what they give and show, and what they refuse."""

import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from chunked_clips import graph_of
from kinograph.engines.datasets.synthesise import write_cuboids
from kinograph.engines.detect.labels import Labels
from kinograph.engines.errors import InputError, ModelError
from kinograph.engines.video.timing import ReadOptions
from kinograph.nodes.detect.detect import DetectObjects
from kinograph.nodes.detect.draw import DrawDetections
from kinograph.nodes.detect.evaluate import EvaluatePredictions
from kinograph.nodes.detect.load import LoadPredictions
from kinograph.nodes.detect.load_checkpoint import LoadRTDETRCheckpoint
from kinograph.nodes.detect.run_apart import run_apart
from kinograph.nodes.detect.save import SavePredictions
from kinograph.nodes.detect.train import TrainRTDETR
from kinograph.nodes.engine.build import BuildEngine
from kinograph.nodes.standin import host
from kinograph.workflows.execution.run_graph import run_graph
from kinograph.workflows.graph.load import parse_graph
from kinograph.workflows.graph.model import Graph
from made_objects import made_objects, write_detector

BUILT: dict[str, Any] = {
    "backend": "torch",
    "precision": "fp32",
    "max_batch": 4,
    "min_size": 128,
    "max_size": 1024,
}
FOUND: dict[str, Any] = {
    "score_threshold": 0.0,
    "classes": "",
    "max_objects": 3,
    "keypoint_threshold": 0.0,
    "fov": 50.0,
}
DRAWN: dict[str, Any] = {
    **dict.fromkeys(("boxes", "cuboids", "keypoints", "labels"), True),
    "object_size": "",
    "width": 0,
    "height": 0,
    "fit": "stretch",
    "line_width": 0.0,
    "text_size": 0,
    "background": "black",
}
TRAINED: dict[str, Any] = {
    "dataset": "data",
    "split": "train",
    "size": "nano",
    "steps": 12,
    "batch_size": 2,
    "learning_rate": 0.001,
    "mixed_precision": "none",
    "run": "runs/a",
    "image_size": 32,
    "queries": 4,
    "keypoint_scores": False,
    "colour_jitter": 0.0,
    "denoising_groups": 0,
    "random_start": 0,
    "deterministic": False,
    "save_every": 500,
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a detector and a data set of cuboids."""
    folder = tmp_path_factory.mktemp("inputs")
    cuboid = Labels(("cuboid",), tuple(f"corner {n:03b}" for n in range(8)))
    write_detector(folder / "runs" / "cuboids" / "checkpoint.pt", labels=cuboid)
    write_detector(folder / "a.pt")
    write_cuboids(folder / "data", {"train": 6, "val": 5}, size=(48, 64))
    return folder


def settings(inputs: Path, output: Path, **more: Any) -> host.Settings:
    return host.Settings(output=output, inputs=(inputs,), device="cpu", **more)


def test_from_a_checkpoint_to_a_picture(inputs: Path, tmp_path: Path) -> None:
    frames = torch.rand(5, 48, 64, 3, generator=torch.Generator().manual_seed(0))
    with host.using(settings(inputs, tmp_path)):
        loaded = LoadRTDETRCheckpoint.execute(" a.pt ")
        assert loaded.ui.value == (
            "2 classes: cup and book; 3 keypoints; sees 64x64, at most 12 objects per frame; "
            "trained for 7 steps"
        )
        engine = BuildEngine.execute(loaded.args[0], **BUILT).args[0]
        output = DetectObjects.execute(frames, engine, **FOUND)
        objects, poses, boxes = output.args
        assert output.ui.value.splitlines()[0] == "5 frames, 15 objects, at most 3 objects at once"
        assert "max_objects: a frame has 3 objects or more" in output.ui.warnings[0]
        assert poses.count.tolist() == [0] * 5
        assert [len(row) for row in boxes] == [3] * 5
        image, mask = DrawDetections.execute(objects, **{**DRAWN, "width": 128}).args
        assert (image.shape, mask.shape) == ((5, 96, 128, 3), (5, 96, 128))
        crowded = DetectObjects.execute(frames, engine, **{**FOUND, "max_objects": 50}).ui
        assert "finds at most 12 objects per frame" in crowded.warnings[0]
        nothing = DetectObjects.execute(frames, engine, **{**FOUND, "score_threshold": 0.9})
        assert nothing.ui.warnings == ("no objects were detected; lower score_threshold",)
        shown = DrawDetections.execute(nothing.args[0], **DRAWN).ui
        assert shown.warnings == ("no frame contains objects; nothing is drawn",)
        flat = DetectObjects.execute(frames, engine, **{**FOUND, "fov": 0.0}).args[0]
        assert "no poses in space" in DrawDetections.execute(flat, **DRAWN).ui.warnings[0]


def test_what_a_drawing_warns_of() -> None:
    objects = made_objects()
    (warning,) = DrawDetections.execute(objects, **DRAWN).ui.warnings
    assert warning.startswith("object_size: the size of book is not known; cubes")
    sized = {**DRAWN, "object_size": "book 0.1 0.2 0.3"}
    assert DrawDetections.execute(objects, **sized).ui.warnings == ()
    assert DrawDetections.execute(objects, **{**DRAWN, "cuboids": False}).ui.warnings == ()
    with pytest.raises(InputError, match="object_size: expected three lengths"):
        DrawDetections.execute(objects, **{**DRAWN, "object_size": "big"})
    with pytest.raises(InputError, match="background is footage, but no frames are connected"):
        DrawDetections.execute(objects, **{**DRAWN, "background": "footage"})


def test_checkpoints_are_found_in_the_folders_of_the_host_alone(
    inputs: Path, tmp_path: Path
) -> None:
    write_detector(tmp_path / "outside.pt")
    (tmp_path / "out").mkdir()
    (inputs / "broken.pt").write_bytes((inputs / "a.pt").read_bytes()[:5000])
    with host.using(settings(inputs, tmp_path / "out")):
        assert "1 class: cuboid" in LoadRTDETRCheckpoint.execute("runs/cuboids/").ui.value
        for file, message in (
            ("../outside.pt", "expected the name of a file in the models folder"),
            (str(tmp_path / "outside.pt"), "expected the name of a file in the models folder"),
            ("", "expected the name of a file in the models folder"),
            ("missing.pt", r"there is no .*missing\.pt; put the file there"),
            ("runs", r"rtdetr_pose comes as \.pt, found 'runs'"),
            ("broken.pt", r"broken\.pt: expected a checkpoint, found a file that is none or is"),
        ):
            with pytest.raises(ModelError, match=message):
                LoadRTDETRCheckpoint.execute(file)
        before = LoadRTDETRCheckpoint.fingerprint_inputs("a.pt")
        assert before > 0
        assert LoadRTDETRCheckpoint.fingerprint_inputs("missing.pt") == 0


def test_what_is_saved_is_loaded(inputs: Path, tmp_path: Path) -> None:
    objects = made_objects()
    frames = torch.zeros(3, 192, 128, 3)
    with host.using(settings(tmp_path, tmp_path)):
        saved = Path(SavePredictions.execute(objects, "a/found").ui.value).relative_to(tmp_path)
        output = LoadPredictions.execute(f" {saved} ", frames)
        assert output.ui.value == "3 frames of 128x192, 5 objects"
        found, poses, boxes = output.args
        torch.testing.assert_close(found.boxes, objects.fitted((192, 128)).boxes)
        assert poses.count.tolist() == [0, 0, 0]
        assert boxes[0][1]["label"] == "book"
        with pytest.raises(InputError, match="expected 2 images, as many as frames, found 3"):
            LoadPredictions.execute(str(saved), frames[:2])
        flat = replace(objects, rotation=None, translation=None, camera=None)
        saved = Path(SavePredictions.execute(flat, "a/flat").ui.value).relative_to(tmp_path)
        loaded = LoadPredictions.execute(str(saved))
        assert loaded.ui.value.endswith("128x96, 5 objects, without poses in space")


def evaluation() -> Graph:
    """A graph that detects in the pictures of a data set, and judges what it found."""
    return graph_of(
        {
            "l": ("KinographLoadRTDETRCheckpoint", {"file": "runs/cuboids"}),
            "b": ("KinographBuildEngine", {"model": ["l", 0], **BUILT}),
            "f": ("KinographLoadVideoFrames", {"file": "data/images/val"}),
            "d": ("KinographDetectObjects", {"image": ["f", 0], "engine": ["b", 0], **FOUND}),
            "e": (
                "KinographEvaluatePredictions",
                {"dataset": "data", "split": "val", "detections": ["d", 0]},
            ),
            "s": ("KinographSavePredictions", {"detections": ["d", 0], "filename_prefix": "p"}),
        }
    )


def test_the_documented_graph(root: Path, inputs: Path, tmp_path: Path, clip_path: Path) -> None:
    (block,) = re.findall(
        r"^```json\n(.*?)^```", (root / "docs" / "objects.md").read_text(), re.M | re.S
    )
    graph = json.loads(block)
    assert clip_path.name == graph["1"]["inputs"]["file"]
    graph["3"]["inputs"]["file"] = "a.pt"
    graph["4"]["inputs"]["backend"] = "torch"
    graph["5"]["inputs"]["score_threshold"] = 0.0
    shipped = replace(settings(inputs, tmp_path), inputs=(inputs, clip_path.parent))
    part = replace(shipped, reading=ReadOptions(duration=0.2))
    done = run_graph(parse_graph(graph, "objects.md"), part)
    assert done.ok, done.errors
    names = sorted(path.name for path in (tmp_path / "kinograph").iterdir())
    assert names == ["objects_00001_.mp4", "predictions_00001_.json"]
    written = json.loads((tmp_path / "kinograph" / names[1]).read_text())
    assert [len(entry["detections"]) for entry in written["predictions"]] == [12] * 3


def test_detections_are_judged_as_a_file_of_them_is(inputs: Path, tmp_path: Path) -> None:
    reports = []
    for chunk in (0, 2):
        done = run_graph(evaluation(), settings(inputs, tmp_path / str(chunk)), chunk=chunk)
        assert done.ok, done.errors
        reports.append((tmp_path / str(chunk) / "p_00001_.json").read_bytes())
    assert reports[0] == reports[1]
    content = json.loads(reports[0])
    for entry, name in zip(content["predictions"], range(6, 11), strict=True):
        entry["image"] = f"images/val/{name:06}.png"
    (inputs / "p.json").write_text(json.dumps(content))
    objects = made_objects()
    with host.using(settings(inputs, tmp_path)):
        report, table = EvaluatePredictions.execute("data", "val", "p.json").args
        assert table.splitlines()[0].startswith("box_ap ")
        assert json.loads(report)["metrics"]["matched"] >= 0
        detections = LoadPredictions.execute("p.json").args[0]
        other = EvaluatePredictions.execute("data", "val", "ignored.json", detections).args
        assert json.loads(other[0])["metrics"] == json.loads(report)["metrics"]
        assert json.loads(other[0])["meta"]["predictions"] == {"detections": 15}
        for given, message in (
            (("data", "val", ""), "connect detections, or name a file"),
            (("data", "val", "missing.json"), "no such file or folder"),
            (("nowhere", "val", "p.json"), "no such file or folder"),
            (("data", "test", "p.json"), "expected a folder images/test"),
            (("data", "val", "", objects), "the 5 images of .*, split val, found 3 frames"),
            (
                ("data", "val", "", made_objects(5)),
                "classes: expected cuboid, as in .*, found cup, book",
            ),
        ):
            with pytest.raises(InputError, match=message):
                EvaluatePredictions.execute(*given)


def test_a_training(inputs: Path, tmp_path: Path) -> None:
    """In inference mode, as ComfyUI runs nodes, and in a process of its own;
    tests/comfyui/test_objects_run.py cancels one."""
    counted: list[int] = []
    following = settings(inputs, tmp_path, progress=lambda total: counted.append)
    with torch.inference_mode(), host.using(following):
        output = TrainRTDETR.execute(**TRAINED)
        model, run, report = output.args
        assert run == "runs/a"
        assert sum(counted) <= 12
        assert output.ui.value.startswith("12 of 12 steps; at the end loss ")
        assert output.ui.warnings == ()
        assert "trained for 12 steps" in LoadRTDETRCheckpoint.execute(run).ui.value
        assert BuildEngine.execute(model, **BUILT).args[0].network.fixed == (32, 32)
        assert json.loads(report)["steps"] == {"from": 0, "to": 12, "of": 12}
        for run in ("../b", "", "/tmp/b"):
            with pytest.raises(InputError, match="run: expected the name of a file in"):
                TrainRTDETR.execute(**{**TRAINED, "run": run})
        with pytest.raises(InputError, match="no such file or folder"):
            TrainRTDETR.execute(**{**TRAINED, "dataset": "a.pt"})


def test_a_command_that_fails_says_why() -> None:
    assert "nowhere.json" in run_apart(["validate", "nowhere.json"], lambda: None)
    said = run_apart(["rtdetr", "nonsense"], lambda: None)
    assert said.startswith("the process ended with status 2\n  ")
    assert "nonsense" in said


def test_a_command_ends_with_who_started_it() -> None:
    began = time.monotonic()

    def tick() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_apart(["reference", "--check"], tick)
    assert time.monotonic() - began < 60
