"""The shared graphs with heads: a clip whose person wears a mask, and the same enlarged."""

import csv
import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kinograph.engines.video.clip import Audio, Clip
from kinograph.engines.video.read import read_video
from kinograph.engines.video.write import write_video
from kinograph.nodes.standin import host
from kinograph.workflows.chunked.chunked_graph import ChunkedGraph
from kinograph.workflows.cli import main
from kinograph.workflows.graph.assign import with_values
from kinograph.workflows.graph.catalogue import catalogue
from kinograph.workflows.graph.load import load_graph
from kinograph.workflows.graph.plan import check
from kinograph.workflows.graph.shipped import DEMO_GRAPH, MEDIA

API = DEMO_GRAPH.parent
FRAMES = 5
FOOTAGE = "kinograph_astronaut_moving.mp4"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five frames of 96x80 with a face of 40 px, without it in the last, and their sound."""
    frames = read_video(MEDIA / FOOTAGE).frames[: FRAMES * 4 : 4].movedim(-1, 1)
    small = F.interpolate(frames[:, :, 20:420, :480], (80, 96), mode="bilinear", antialias=True)
    small[-1] = 0.5
    sound = Audio(torch.sin(torch.arange(16000) / 20).view(1, 1, -1) * 0.3, 44100)
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write_video(path, Clip(small.movedim(1, -1).contiguous(), Fraction(16), sound))
    return path


def run(name: str, clip: Path, folder: Path, *words: str) -> dict[str, Path]:
    path = API / f"{name}.json"
    nodes = json.loads(path.read_text())
    engines = [i for i, node in nodes.items() if node["class_type"] == "KinographBuildEngine"]
    sets = [f"1.file={clip}", *(f"{id_}.backend=torch" for id_ in engines)]  # no file to export
    given = ["--output-dir", str(folder), "--device", "cpu", *words]
    given += [word for text in sets for word in ("--set", text)]
    assert main(["run", str(path), *given]) == 0
    return {path.name: path for path in folder.iterdir() if path.is_file()}


def decoded(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)]).astype(
            np.float32
        )


def test_masks_a_table_and_the_sound(clip: Path, tmp_path: Path) -> None:
    made = run("mask_on_heads", clip, tmp_path / "whole")
    suffix = "00001_"
    assert set(made) == {
        f"masked_{suffix}.mp4",
        f"masked_angles_{suffix}.csv",
        f"masked_heads_{suffix}.json",
    }
    video, source = decoded(made[f"masked_{suffix}.mp4"]), decoded(clip)
    changed = np.abs(video - source).max(3) > 40
    assert changed[:-1].sum((1, 2)).min() > 150  # the mask
    assert np.abs(video[-1] - source[-1]).mean() < 1.5  # nobody: but for the second encoding
    blue = video[:-1][changed[:-1]].mean(0)
    assert blue[2] > blue[0] + 30
    with av.open(str(made[f"masked_{suffix}.mp4"])) as container:
        assert container.streams.audio[0].rate == 44100
    with open(made[f"masked_angles_{suffix}.csv"], encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["frame"]) for row in rows] == list(range(FRAMES - 1))
    assert all(abs(float(row["yaw"])) < 12 for row in rows)
    assert len(json.loads(made[f"masked_heads_{suffix}.json"].read_text())["frames"]) == FRAMES
    parts = run("mask_on_heads", clip, tmp_path / "parts", "--chunk", "2")
    for name, path in made.items():
        assert parts[name].read_bytes() == path.read_bytes()


def test_masks_live(clip: Path) -> None:
    """Frame by frame, as a camera gives them, with the settings of a run."""
    nodes = json.loads((API / "mask_on_heads.json").read_text())
    (drawn,) = (i for i, n in nodes.items() if n["class_type"] == "KinographDrawMeshOnHeads")
    graph = load_graph(API / "mask_on_heads.json")
    values = ["KinographSmoothHeads.direction=causal", "KinographBuildEngine.backend=torch"]
    graph = with_values(graph, [f"LoadVideo.file={clip}", *values], catalogue())
    settings = host.Settings(device="cpu", live=True)
    with host.using(settings):
        live = ChunkedGraph(check(graph, catalogue()), catalogue(), settings)
        frames = read_video(clip).frames
        images = [live.step(frame[None], 16).outputs[drawn][0] for frame in frames]
    changed = (torch.cat(images) - frames).abs().amax(3) > 0.15
    assert int(changed[:-1].sum((1, 2)).min()) > 150
    assert torch.equal(images[-1][0], frames[-1])


def test_masks_enlarged_in_one_pass(clip: Path, tmp_path: Path) -> None:
    """In chunks in any case, as its result may exceed the memory."""
    (path,) = run("infer_render_enhance", clip, tmp_path).values()
    video = decoded(path)
    assert video.shape == (FRAMES, 160, 192, 3)
    small = video.reshape(FRAMES, 80, 2, 96, 2, 3).mean((2, 4))
    changed = np.abs(small - decoded(clip)).max(3) > 40
    assert changed[:-1].sum((1, 2)).min() > 150
    assert changed[-1].sum() == 0
    with av.open(str(path)) as container:
        assert container.streams.audio[0].rate == 44100
