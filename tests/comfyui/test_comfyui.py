"""The pack in a real ComfyUI: the nodes are the same, and the shipped graph gives equal pixels."""

import copy
import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from comfyui_server import ComfyUI, ComfyUIError
from kinograph.nodes.extension import NODES
from kinograph.nodes.standin import host
from kinograph.nodes.standin.io import DYNAMIC_COMBO
from kinograph.workflows.core import core_nodes
from kinograph.workflows.execution.run_graph import run_graph
from kinograph.workflows.graph.load import parse_graph
from kinograph.workflows.graph.shipped import DEMO_GRAPH, MEDIA

pytestmark = pytest.mark.comfyui
SHIPPED = json.loads(DEMO_GRAPH.read_text())


def headless(graph: dict[str, Any], output: Path, *inputs: Path) -> None:
    settings = host.Settings(output=output, inputs=(MEDIA, *inputs), device="cpu")
    report = run_graph(parse_graph(graph, "graph"), settings)
    assert report.ok, report.errors


def frames(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


def test_the_pack_loads_without_complaint(comfy: ComfyUI) -> None:
    log = comfy.startup_log()
    assert "IMPORT FAILED" not in log.replace("IMPORT FAILED: nodes_", "")
    assert "custom_nodes/kinograph" in log
    assert "(IMPORT FAILED): " not in log
    for node in NODES:
        name = node.define_schema().node_id
        assert comfy.get_text(f"/extensions/kinograph/docs/{name}.md").startswith("# ")


def test_the_nodes_are_those_of_the_stand_in(comfy: ComfyUI) -> None:
    info = comfy.object_info()
    assert {n for n in info if n.startswith("Kinograph")} == {
        node.define_schema().node_id for node in NODES
    }
    for node in NODES:
        schema = node.define_schema()
        real = info[schema.node_id]
        assert real["display_name"] == schema.display_name
        assert real["category"] == schema.category
        assert real["output_node"] == schema.is_output_node
        assert real["output"] == [o.io_type for o in schema.outputs]
        assert real["output_name"] == [o.display_name for o in schema.outputs]
        given = {**real["input"]["required"], **real["input"].get("optional", {})}
        assert list(given) == [spec.id for spec in schema.inputs]
        for spec in schema.inputs:
            kind, options = given[spec.id]
            assert kind == spec.io_type
            assert options["tooltip"] == spec.tooltip
            assert (spec.id in real["input"].get("optional", {})) == spec.optional
            if spec.is_widget:
                assert options["default"] == spec.default
            if spec.options:
                assert options["options"] == list(spec.options)
            for bound in ("min", "max", "step"):
                assert options.get(bound) == spec.widget.get(bound)


def test_the_headless_core_nodes_are_those_of_comfyui(comfy: ComfyUI) -> None:
    """This version's inputs and outputs are there, and have the same defaults and choices;
    test_core_schemas.py compares with a newer one."""
    info = comfy.object_info()
    compared = 0
    for node in core_nodes():
        schema = node.define_schema()
        if schema.node_id not in info:  # newer
            continue
        compared += 1
        real = info[schema.node_id]
        given = {**real["input"]["required"], **real["input"].get("optional", {})}
        specs = {spec.id: spec for spec in schema.inputs}
        assert specs.keys() >= given.keys(), schema.node_id
        newer = [specs[name] for name in specs.keys() - given.keys()]
        assert all(spec.optional for spec in newer), schema.node_id
        kinds = [output.io_type for output in schema.outputs]
        assert kinds[: len(real["output"])] == list(real["output"]), schema.node_id
        assert schema.is_output_node == real["output_node"]
        for name in given:
            spec, (_, options) = specs[name], (*given[name], {})[:2]
            kind = given[name][0]
            choices = kind if isinstance(kind, list) else options.get("options")
            is_combo = spec.io_type in ("COMBO", DYNAMIC_COMBO)
            assert is_combo == (choices is not None), f"{schema.node_id}.{name}"
            if spec.options:
                assert set(choices) <= set(spec.options)
            if spec.default is not None and "default" in options:
                assert options["default"] == spec.default
    assert compared > 30


def test_the_shipped_graph_gives_the_same_result(comfy: ComfyUI, tmp_path: Path) -> None:
    outputs = comfy.run(SHIPPED)
    headless(SHIPPED, tmp_path)
    there, here = comfy.base / "output", tmp_path
    names = sorted(p.name for p in here.iterdir())
    assert names == sorted(p.name for p in there.iterdir())
    ours, theirs = (load_file(f / "vace_00001_.safetensors") for f in (here, there))
    assert torch.equal(ours["video"], theirs["video"])
    assert torch.equal(ours["mask"], theirs["mask"])
    ours, theirs = (json.loads((f / "keypoints_00001_.json").read_text()) for f in (here, there))
    assert ours == theirs
    # The pixels are equal (the VACE tensor is the pose map). The videos may differ: x264 with
    # threads is not deterministic, but every result is equally close to the frames.
    for name in ("pose_map_00001_.mp4", "overlay_00001_.mp4"):
        ours, theirs = (frames(f / name).astype(int) for f in (here, there))
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).mean() < 3  # both are lossy
    assert "33 frames, 57 poses" in outputs["5"]["text"][0]
    assert "runs on onnxruntime in fp32 on cpu" in outputs["4"]["text"][0]


def test_tracks_are_the_same(comfy: ComfyUI, tmp_path: Path) -> None:
    graph = json.loads((DEMO_GRAPH.parent / "tracked_poses_to_vace.json").read_text())
    outputs = comfy.run(graph)
    headless(graph, tmp_path)
    for name in ("poses_00001_.safetensors", "vace_tracked_00001_.safetensors"):
        ours, theirs = (load_file(f / name) for f in (tmp_path, comfy.base / "output"))
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert outputs["6"]["text"] == ["2 people"]
    # Round trip: loading returns what was saved.
    comfy.place_input(tmp_path / "poses_00001_.safetensors")
    again = {
        "1": {"class_type": "KinographLoadPoses", "inputs": {"file": "poses_00001_.safetensors"}},
        "2": {
            "class_type": "KinographSavePoses",
            "inputs": {"poses": ["1", 0], "form": "safetensors", "filename_prefix": "again"},
        },
    }
    comfy.run(again)
    saved = load_file(comfy.base / "output" / "again_00001_.safetensors")
    before = load_file(tmp_path / "poses_00001_.safetensors")
    assert all(torch.equal(saved[key], before[key]) for key in before)
    again["1"]["inputs"]["file"] = "../output/again_00001_.safetensors"
    with pytest.raises(ComfyUIError, match="no such file or folder in"):
        comfy.run(again)


def test_unloading_models_takes_the_engine_and_the_next_run_loads_it(comfy: ComfyUI) -> None:
    before = comfy.run(SHIPPED)
    assert "memory given back" not in comfy.log()
    deadline = time.monotonic() + 30
    while "movenet_multipose: memory given back to ComfyUI" not in comfy.log():
        assert time.monotonic() < deadline
        # Repeated, as ComfyUI misses a request that arrives while it collects garbage.
        comfy.post("/free", unload_models=True)
        time.sleep(0.5)
    changed = copy.deepcopy(SHIPPED)
    changed["5"]["inputs"]["score_threshold"] = 0.19  # Detect Poses runs, Build Engine is cached
    outputs = comfy.run(changed)
    assert "4" not in outputs or outputs["4"] == before["4"]
    assert "33 frames, 57 poses" in outputs["5"]["text"][0]


def test_core_nodes_give_the_same_pixels(comfy: ComfyUI, tmp_path: Path) -> None:
    picture = Image.effect_noise((70, 50), 90).convert("RGBA")
    picture.putpixel((3, 3), (9, 200, 3, 0))
    picture.save(tmp_path / "noise.png")
    comfy.place_input(tmp_path / "noise.png")
    graph: dict[str, Any] = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "noise.png"}},
        "w": {"class_type": "PrimitiveInt", "inputs": {"value": 40}},
    }
    for i, method in enumerate(["nearest-exact", "bilinear", "area", "bicubic", "lanczos"]):
        for crop in ("disabled", "center"):
            key = f"{i}{crop}"
            graph[key] = {
                "class_type": "ImageScale",
                "inputs": {
                    "image": ["1", 0],
                    "upscale_method": method,
                    "width": ["w", 0],
                    "height": 60,
                    "crop": crop,
                },
            }
            graph[f"save{key}"] = {
                "class_type": "SaveImage",
                "inputs": {
                    "images": [key, 0],
                    "filename_prefix": f"scaled/{key}_%width%x%height%",
                },
            }
    comfy.run(graph)
    headless(graph, tmp_path / "out", tmp_path)
    pictures = sorted((tmp_path / "out" / "scaled").iterdir())
    assert len(pictures) == 10
    assert pictures[0].name == "0center_40x60_00001_.png"
    for path in pictures:
        theirs = np.asarray(Image.open(comfy.base / "output" / "scaled" / path.name)).astype(int)
        assert np.array_equal(np.asarray(Image.open(path)), theirs), path.name


def test_the_time_in_a_name(comfy: ComfyUI, tmp_path: Path) -> None:
    prefix = "at/%year%-%month%-%day% %hour%.%minute%.%second%"
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "grey.png"}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": prefix}},
    }
    Image.new("L", (9, 7)).save(tmp_path / "grey.png")
    comfy.place_input(tmp_path / "grey.png")
    for run, folder in (
        (lambda: comfy.run(graph), comfy.base / "output"),
        (lambda: headless(graph, tmp_path, tmp_path), tmp_path),
    ):
        started = datetime.now().replace(microsecond=0)
        run()
        (path,) = (folder / "at").iterdir()
        named = datetime.strptime(path.name, "%Y-%m-%d %H.%M.%S_00001_.png")
        assert started <= named <= datetime.now()


@pytest.mark.parametrize(
    ("node", "name", "value", "message"),
    [
        ("5", "detection_size", 2048, "built for a detection size of 128 to 1024, found 2048"),
        ("8", "width", 850, "width: expected a multiple of 16"),
        ("7", "footage", ["8", 0], "footage: expected 33 frames"),
    ],
)
def test_errors_reach_the_user_in_words(
    comfy: ComfyUI, node: str, name: str, value: Any, message: str
) -> None:
    graph = copy.deepcopy(SHIPPED)
    graph[node]["inputs"][name] = value
    graph["8"]["inputs"]["length"] = 5
    with pytest.raises(ComfyUIError, match=message):
        comfy.run(graph)
