"""The shipped graphs give what they promise."""

import json
import re
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from kinograph.engines.flow.files import read_flow
from kinograph.engines.pose.files import read_poses
from kinograph.engines.render.skeleton import draw_skeletons
from kinograph.workflows.cli import main
from kinograph.workflows.graph.shipped import DEMO_GRAPH, MEDIA

pytestmark = pytest.mark.long

API = DEMO_GRAPH.parent


def run(name: str, folder: Path, capsys: pytest.CaptureFixture[str], *sets: str) -> str:
    words = [str(API / name), "--output-dir", str(folder), "--device", "cpu"]
    assert main(["run", *words, *(word for text in sets for word in ("--set", text))]) == 0
    return capsys.readouterr().out


def frames(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


def test_flow_to_vace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = run("flow_to_vace.json", tmp_path, capsys)
    assert "32 pairs of 832x464, forward, by DIS medium" in said
    assert "no warnings" in said
    flow = read_flow(tmp_path / "flow_00001_.npz")
    assert (len(flow), flow.frame_count, flow.size, flow.fps) == (32, 33, (464, 832), 15.0)
    # the second man walks to the left through the right half, in the last frames
    walks = flow.main[-8:, 0, :, 500:]
    assert float(walks[walks.abs() > 2].median()) < -4
    video = load_file(tmp_path / "vace_00001_.safetensors")["video"]
    assert video.shape == (1, 3, 33, 464, 832)
    drawn = frames(tmp_path / "flow_map_00001_.mp4").astype(np.float32) / 255
    assert float(np.abs(drawn - (video[0].movedim(0, -1).numpy() + 1) / 2).mean()) < 0.01
    assert float((video > 0.99).float().mean()) > 0.8  # what is still is white
    assert torch.equal(video[:, :, 0], video[:, :, 1])  # the first frame is the second's


def test_pose_over_flow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no warnings" in run("pose_over_flow.json", tmp_path, capsys)
    video = load_file(tmp_path / "vace_00001_.safetensors")["video"]
    assert float((video > 0.99).float().mean()) > 0.8
    dark = (video[0].amax(0) < 0.4).flatten(1).sum(1)  # sticks: no colour of flow is so dark
    assert int((dark > 300).sum()) >= 30


def test_character_replacement(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = run("character_replacement.json", tmp_path, capsys)
    assert "33 of 57 poses kept" in said
    assert "no warnings" in said
    made = load_file(tmp_path / "vace_00001_.safetensors")
    video, mask, references = made["video"], made["mask"], made["references"]
    assert references.shape == (1, 3, 1, 464, 832)
    assert float(references[..., :100].min()) == 1.0  # the picture stands on white
    inside = mask[0, 0, 0] > 0.5
    assert torch.equal(mask[0, 0], mask[0, 0, :1].expand(33, -1, -1))  # one still mask
    assert 0.1 < float(inside.float().mean()) < 0.2
    grey = (video[0, :, :, inside].abs() < 0.01).all(0).float().mean()
    assert 0.9 < float(grey) < 0.999  # neutral, but for the skeleton
    kept = frames(tmp_path / "character_replacement_00001_.mp4")[20].astype(np.float32)
    with av.open(str(MEDIA / "kinograph_two_people.mp4")) as container:
        source = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)][20]
    apart = np.abs(kept - source).mean(2)[~inside.numpy()]
    assert float(apart.mean()) < 3  # the footage round it, but for its second encoding


def test_keypoints_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is drawn from the JSON form is what is drawn from the poses themselves."""
    run("keypoints_and_back.json", tmp_path, capsys)
    drawn = frames(tmp_path / "from_keypoints_00001_.mp4").astype(np.float32) / 255
    poses = read_poses(tmp_path / "poses_00001_.json")
    assert int(poses.count.sum()) == 57
    wanted = draw_skeletons(poses, style="openpose")[0].numpy()
    assert drawn.shape == wanted.shape
    assert float(np.abs(drawn - wanted).mean()) < 0.005
    written = json.loads((tmp_path / "keypoints_00001_.json").read_text())
    assert [len(frame["people"]) for frame in written] == poses.count.tolist()


@pytest.mark.parametrize("backend", ["onnxruntime", "torch", "tensorrt"])
def test_build_and_benchmark(
    backend: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One at a time: all of them also means compiling for minutes."""
    said = run("build_and_benchmark.json", tmp_path, capsys, f"4.backend={backend}")
    if backend == "tensorrt":
        assert "tensorrt: backend tensorrt: it runs on cuda only" in said
    else:
        line = rf"{backend} fp32 on cpu: \d+\.\d\d ms per call \(median\), .* images/s, agrees"
        assert re.search(line, said)


@pytest.mark.parametrize("path", sorted(API.glob("*.json")), ids=lambda p: p.stem)
def test_every_graph_is_on_one_form(path: Path) -> None:
    graph = json.loads(path.read_text())
    assert all(node["_meta"]["title"] for node in graph.values())
    assert list(graph) == [str(i + 1) for i in range(len(graph))]
