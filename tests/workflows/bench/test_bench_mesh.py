"""What `kinograph bench mesh` measures."""

import json
from pathlib import Path

import pytest
import torch

from kinograph.engines.geometry.camera import Camera
from kinograph.engines.render.mesh.draw import draw_meshes
from kinograph.workflows.bench import mesh
from kinograph.workflows.cli import main
from kinograph.workflows.cli.commands.bench import mesh as command


def test_meshes_against_bounding_boxes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"
    arguments = ["--size", "160x90", "--face", "40", "--batch", "3", "--runs", "1"]
    assert main(["bench", "mesh", *arguments, "--device", "cpu", "--json", str(path)]) == 0
    report = json.loads(path.read_text())
    assert report["size"] == [160, 90]
    assert report["triangles"] == 7172
    assert set(report["ms_per_frame"]) == {"3", "1"}
    times = [*report["ms_per_frame"].values(), report["baseline"]]
    assert all(taken["process_ms"] > 0 and taken["median"] >= taken["best"] for taken in times)
    figures = command.TABLES[0].figures(report)
    assert [figure.name for figure in figures] == ["3 per call, per frame", "1 per call, per frame"]
    assert figures[0].baseline_ms == report["baseline"]["median"]
    assert "bounding boxes, 1 per call" in capsys.readouterr().out


def test_the_baseline_draws_the_same() -> None:
    camera = Camera.of_field_of_view((180, 320))
    turns, moves = mesh._places(camera, 80, 2, 1)
    parts = mesh._placed(mesh._meshes(), turns, moves)
    footage = torch.rand(1, 180, 320, 3)
    image, mask = draw_meshes(parts, camera, 1, footage=footage)
    theirs = footage[0].clone()
    mesh._naive(parts, camera, theirs)
    assert float(mask.sum()) > 2000
    assert float((image[0] - theirs).abs().mean()) < 2e-3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--batch", "0"], "batch: expected at least 1, found 0"),
        (["--size", "huge"], "--size: expected WIDTHxHEIGHT"),
        (["--device", "abacus"], "device: expected cpu, cuda or auto, found 'abacus'"),
        (["--samples", "2"], "samples: expected 1, 4, 8, 16 per pixel, found 2"),
    ],
)
def test_what_cannot_be_measured(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "mesh", "--runs", "1", *arguments]) == 2
    assert said in capsys.readouterr().err
