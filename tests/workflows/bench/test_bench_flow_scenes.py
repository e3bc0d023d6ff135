"""What `kinograph bench flow_scenes` measures and shows."""

import json
from pathlib import Path

import pytest
from PIL import Image

from kinograph.engines.datasets import flow_scenes
from kinograph.workflows.cli import main


@pytest.fixture(autouse=True)
def _few_textures(monkeypatch: pytest.MonkeyPatch) -> None:
    made = flow_scenes.Bank.made

    def small(**settings: object) -> flow_scenes.Bank:
        few = {"textures": 12, "shapes": 12, "people": 2, "side": 96}
        return made(**settings | few)  # type: ignore[arg-type]

    monkeypatch.setattr(flow_scenes.Bank, "made", small)


def test_speed_motion_and_a_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, sheet = tmp_path / "report.json", tmp_path / "sheet.png"
    arguments = ["--size", "96x64", "--pairs", "10", "--batch", "4", "--device", "cpu"]
    files = ["--json", str(path), "--sheet", str(sheet)]
    assert main(["bench", "flow_scenes", *arguments, *files]) == 0
    report = json.loads(path.read_text())
    assert report["size"] == [96, 64]
    assert report["pairs_per_second"] > 0
    shares = list(report["pixels_below_px"].values())
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] <= 1
    percentiles = list(report["percentiles_px"].values())
    assert percentiles == sorted(percentiles)
    assert report["longest_px"] >= percentiles[-1]
    assert report["error"] < 0.02
    with Image.open(sheet) as picture:
        assert picture.size == (5 * 96, 4 * 64)
    said = capsys.readouterr().out
    assert "pairs/s" in said
    assert "photographs of scikit-image" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--pairs", "0"], "expected an integer of at least 1, found 0"),
        (["--size", "huge"], "expected WIDTHxHEIGHT"),
        (["--size", "16x64"], "at least 32x32"),
        (["--device", "abacus"], "device: expected cpu, cuda or auto, found 'abacus'"),
    ],
)
def test_what_cannot_be_measured(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["bench", "flow_scenes", "--device", "cpu", *arguments])
    except SystemExit as error:  # of argparse
        code = int(error.code or 0)
    assert code == 2
    assert said in capsys.readouterr().err
