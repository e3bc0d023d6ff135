"""Pose Map and Flow Map: the pictures of the nodes that they stand for, whole and in chunks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from kinograph.engines.video.clip import Clip
from kinograph.engines.video.write import write_video
from kinograph.nodes.standin import host
from kinograph.workflows.execution.run_graph import run_graph
from kinograph.workflows.graph.load import parse_graph
from kinograph.workflows.graph.shipped import MEDIA, shared_graph

FLOW = {"colours": "middlebury", "strength": 1.0, "model": "dis"}
POSE = {"style": "vace", "max_people": 6, "model": "movenet_multipose"}


def nodes(**classes: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return {id_: {"class_type": name, "inputs": inputs} for id_, (name, inputs) in classes.items()}


@pytest.fixture(scope="module")
def small(clip: Clip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("maps") / "small.mp4"
    write_video(path, Clip(clip.frames[:9, ::2, ::2].contiguous(), clip.rate))
    return path


def pictures(graph: dict[str, Any], folder: Path, chunk: int = 0) -> torch.Tensor:
    """Run a graph that saves pictures, and return them."""
    settings = host.Settings(output=folder, inputs=(MEDIA,), device="cpu")
    report = run_graph(parse_graph(json.loads(json.dumps(graph)), "g.json"), settings, chunk=chunk)
    assert report.ok, report.errors
    found = [np.asarray(Image.open(path)) for path in sorted(folder.rglob("*.png"))]
    return torch.from_numpy(np.stack(found))


def of_node(class_type: str, settings: dict[str, Any], small: Path) -> dict[str, Any]:
    return nodes(
        v=("LoadVideo", {"file": str(small)}),
        f=("GetVideoComponents", {"video": ["v", 0]}),
        m=(class_type, {"image": ["f", 0], **settings}),
        s=("SaveImage", {"images": ["m", 0], "filename_prefix": "x"}),
    )


def of_shared(name: str, drawn: str, small: Path) -> dict[str, Any]:
    """The shared graph up to the node that draws."""
    graph = json.loads(shared_graph(name).read_text())
    graph["1"]["inputs"]["file"] = str(small)
    (map_,) = (id_ for id_, node in graph.items() if node["_meta"]["title"] == drawn)
    needed = {id_: node for id_, node in graph.items() if int(id_) <= int(map_)}
    return {**needed, **nodes(s=("SaveImage", {"images": [map_, 0], "filename_prefix": "x"}))}


@pytest.mark.parametrize("chunk", [0, 2, 4])
@pytest.mark.parametrize(
    ("class_type", "settings", "shared"),
    [
        ("KinographPoseMap", POSE, ("pose_to_vace", "Pose map")),
        ("KinographFlowMap", FLOW, ("flow_to_vace", "Flow map")),
    ],
)
def test_one_node_draws_what_several_draw(
    class_type: str,
    settings: dict[str, Any],
    shared: tuple[str, str],
    chunk: int,
    small: Path,
    tmp_path: Path,
) -> None:
    found = pictures(of_node(class_type, settings, small), tmp_path / "one", chunk)
    wanted = pictures(of_shared(*shared, small), tmp_path / "several")
    assert found.shape == (9, 232, 416, 3)
    assert torch.equal(found, wanted)
    assert found.float().std() > 2


WHOLE = {**POSE, "hands": True, "face": True}


def test_hands_and_face_at_one_click(small: Path, tmp_path: Path) -> None:
    """In the clip's own size, with the engines that the node builds; whole and in chunks."""
    graph = of_node("KinographPoseMap", WHOLE, small)
    found = pictures(graph, tmp_path / "whole")
    body = pictures(of_node("KinographPoseMap", POSE, small), tmp_path / "body")
    added = ((found - body.int()).abs().amax(-1) > 60).sum((1, 2))
    assert (added > 0).any()
    assert torch.equal(pictures(graph, tmp_path / "chunks", chunk=4), found)


@pytest.mark.parametrize(
    ("class_type", "settings", "message"),
    [
        ("KinographPoseMap", {**POSE, "style": "dwpose"}, "expected one of openpose"),
        ("KinographPoseMap", {**POSE, "max_people": 0}, "expected at least 1"),
        ("KinographFlowMap", {**FLOW, "model": "raft"}, "expected one of dis"),
        ("KinographFlowMap", {**FLOW, "strength": 11}, "expected at most 10"),
    ],
)
def test_wrong_values_are_refused_before_the_run(
    class_type: str, settings: dict[str, Any], message: str, small: Path, tmp_path: Path
) -> None:
    from kinograph.engines.errors import GraphError

    with pytest.raises(GraphError, match=message):
        pictures(of_node(class_type, settings, small), tmp_path)
    assert not list(tmp_path.iterdir())
