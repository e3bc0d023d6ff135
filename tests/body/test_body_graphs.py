"""The shared graph body_mesh: whole and in chunks, and what it shows live."""

import json
from pathlib import Path

import av
import numpy as np
import pytest

from kinograph.nodes.standin import host
from kinograph.workflows.cli import main
from kinograph.workflows.graph.catalogue import catalogue
from kinograph.workflows.graph.load import load_graph
from kinograph.workflows.graph.shipped import DEMO_GRAPH, MEDIA
from kinograph.workflows.live.graph import LiveGraph

GRAPH = DEMO_GRAPH.parent / "body_mesh.json"
FRAMES = 2


def run(folder: Path, *words: str) -> dict[str, Path]:
    nodes = json.loads(GRAPH.read_text())
    engines = [i for i, node in nodes.items() if node["class_type"] == "KinographBuildEngine"]
    sets = [f"{id_}.backend=torch" for id_ in engines]  # no file to export
    sets += [f"1.file={MEDIA / 'kinograph_two_people.mp4'}", "Detect Poses.detection_size=256"]
    sets += ["Draw Bodies.antialias=false"]
    given = ["--output-dir", str(folder), "--device", "cpu", "--start", "1.1", "--duration", "0.13"]
    given += [*words, *(word for text in sets for word in ("--set", text))]
    assert main(["run", str(GRAPH), *given]) == 0
    return {path.name: path for path in folder.iterdir() if path.is_file()}


def decoded(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return run(tmp_path_factory.mktemp("whole"))


def test_meshes_maps_motion_and_a_plot(whole: dict[str, Path]) -> None:
    names = ("bodies_00001_.mp4", "bodies_depth_00001_.mp4", "bodies_normals_00001_.mp4")
    image, depth, normals = (decoded(whole[name]) for name in names)
    # VACE takes 4n+1 frames.
    assert [len(image), len(depth), len(normals)] == [FRAMES, 5, 5]
    man = np.s_[0, 40:200, 260:340]
    assert depth[man].mean() > 10
    assert depth[0, 300:400, 100:300].max() < 20  # the wall
    assert abs(normals[man].astype(int) - depth[man]).mean() > 10
    assert {name.rpartition(".")[2] for name in whole} == {"mp4", "bvh", "glb", "png"}
    assert whole["bodies_skeleton_00001_track0.bvh"].read_text().startswith("HIERARCHY")


def test_chunks_are_the_whole(whole: dict[str, Path], tmp_path: Path) -> None:
    parts = run(tmp_path, "--chunk", "1")
    assert sorted(parts) == sorted(whole)
    for name, path in whole.items():
        assert parts[name].read_bytes() == path.read_bytes(), name


def test_it_shows_the_meshes_live() -> None:
    graph = load_graph(GRAPH)
    with host.using(host.Settings(device="cpu", inputs=(MEDIA,))):
        live = LiveGraph(graph, catalogue(), host.Settings(device="cpu", inputs=(MEDIA,)))
    assert live.shown.node.title == "Draw Bodies"
    assert not live.warnings
