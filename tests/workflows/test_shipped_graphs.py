"""The shipped graphs give what they promise."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from kinograph.engines.flow.files import read_flow
from kinograph.workflows import cli
from kinograph.workflows.cli import main

API = Path(cli.__file__).parent / "api"


def run(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["run", str(API / name), "--output-dir", str(folder), "--device", "cpu"]) == 0
    return capsys.readouterr().out


def frames(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


def test_flow_to_vace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = run("flow_to_vace.json", tmp_path, capsys)
    assert "32 pairs of 832x464, forward, by DIS medium" in said
    assert "no warnings" in said
    flow = read_flow(tmp_path / "flow_00001_.npz")
    assert (len(flow), flow.frames, flow.size, flow.fps) == (32, 33, (464, 832), 15.0)
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


@pytest.mark.parametrize("path", sorted(API.glob("*.json")), ids=lambda p: p.stem)
def test_every_graph_is_on_one_form(path: Path) -> None:
    graph = json.loads(path.read_text())
    assert all(node["_meta"]["title"] for node in graph.values())
    assert list(graph) == [str(i + 1) for i in range(len(graph))]
