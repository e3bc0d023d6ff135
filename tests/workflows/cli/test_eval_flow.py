"""`kinograph eval flow` as users run it, and today's figures against those recorded.

`pytest tests/workflows/cli/test_eval_flow.py --update-golden` records them again from the command.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from kinograph.engines.datasets.flow import Dataset, find_datasets
from kinograph.engines.errors import EngineError, InputError
from kinograph.engines.evaluation import flow_model as module
from kinograph.engines.evaluation.flow_model import evaluate_flow_model
from kinograph.engines.video.read import read_video
from kinograph.workflows.cli import main
from kinograph.workflows.graph.shipped import demo_clip
from spynet_weights import SHA256, WEIGHTS, weights

pytestmark = pytest.mark.long

BASELINES = Path(__file__).parents[2] / "data" / "flow" / "baselines.json"
SPYNET = f"spynet:{WEIGHTS}"
SIZES = {"made": (512, 256), "motorcycle": (741, 370)}  # whole and half
FIGURES = ("epe", "median_epe", "over_1px", "over_3px", "over_5px", "fl", "angle")

Command = Callable[..., dict[str, Any]]


@cache
def kept(where: str, **settings: Any) -> list[Dataset]:
    """Data sets that are made or read once for all tests."""
    return [
        replace(found, pairs=tuple(replace(pair, load=cache(pair.load)) for pair in found.pairs))
        for found in find_datasets(where, picture=_picture())
    ]


@cache
def _picture() -> torch.Tensor:
    return read_video(demo_clip()).frames[0]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command; its report."""
    output = tmp_path / "report.json"

    def found(where: str, **_: Any) -> list[Dataset]:
        return kept(where) if where in SIZES else find_datasets(where)

    def run(*arguments: str) -> dict[str, Any]:
        assert main(["eval", "flow", *arguments, "--output", str(output)]) == 0
        report: dict[str, Any] = json.loads(output.read_text())
        return report

    monkeypatch.setattr(module, "find_datasets", found)
    return run


@pytest.fixture
def spynet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments for SPyNet, whose weights lie in the models folder."""
    monkeypatch.setenv("KINOGRAPH_MODELS_DIR", str(tmp_path))
    (tmp_path / WEIGHTS).symlink_to(weights())
    return ["--model", SPYNET, "--backend", "torch", "--device", "cpu"]


def check(report: dict[str, Any], row: dict[str, Any], tolerance: float, update: bool) -> None:
    """Compare with what was recorded for `row`, or record it."""
    document = json.loads(BASELINES.read_text())
    rows = document["rows"]
    place = next((i for i, other in enumerate(rows) if row.items() <= other.items()), len(rows))
    found = {name: report["total"]["all"][name] for name in FIGURES}
    if update:
        rows[place : place + 1] = [row | {name: round(value, 4) for name, value in found.items()}]
        rows.sort(key=lambda row: (row["data"], -row["size"], row["model"], row["preset"]))
        document["versions"] |= report["meta"]["versions"]
        BASELINES.write_text(json.dumps(document, indent=1) + "\n")
        return
    for name in FIGURES:
        # The absolute part is for shares of a few thousandths and the angles of still pixels.
        assert found[name] == pytest.approx(rows[place][name], rel=tolerance, abs=0.01), name


# OpenCV's versions and processors round differently inside DIS, which moves edges of what it gets
# wrong, a few percent of the error; a change of ours to frames or truth moves it by far more.
@pytest.mark.parametrize("preset", ["ultrafast", "fast", "medium"])
@pytest.mark.parametrize("data", list(SIZES))
@pytest.mark.parametrize("part", [0, 1])
def test_dis_is_as_good_as_recorded(
    command: Command, request: pytest.FixtureRequest, data: str, preset: str, part: int
) -> None:
    size = SIZES[data][part]
    report = command("--data", data, "--preset", preset, "--size", str(size))
    row = {"model": "dis", "preset": preset, "data": data, "size": size}
    check(report, row, tolerance=0.05, update=request.config.getoption("--update-golden"))


@pytest.mark.parametrize("data", list(SIZES))
@pytest.mark.parametrize("part", [0, 1])
def test_spynet_is_as_good_as_recorded(
    command: Command, spynet: list[str], request: pytest.FixtureRequest, data: str, part: int
) -> None:
    update = request.config.getoption("--update-golden")
    if (data, part) == ("made", 0) and not update:
        pytest.skip("takes long on a CPU; the half size says the same")
    size = SIZES[data][part]
    report = command(*spynet, "--data", data, "--size", str(size))
    assert report["meta"]["model"]["sha256"] == SHA256
    row = {"model": SPYNET, "preset": "", "data": data, "size": size}
    check(report, row, tolerance=0.02, update=update)


def test_the_tables_and_the_report(
    command: Command, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    report = command(
        "--preset", "ultrafast", "--limit", "3", "--picture", str(tmp_path / "pictures")
    )
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    pixels = 3 * 384 * 512 + 343274
    assert lines[0] == (
        f"dis (ultrafast) on opencv, 4 pairs, {pixels:,} pixels with a known motion"
    )
    assert lines[2].split()[:4] == ["pairs", "EPE", "median", ">1"]
    assert [line.split()[:2] for line in lines[4:10]] == [
        ["made", "3"],
        *([name, "1"] for name in ("still", "shift_fast", "zoom_out")),
        ["motorcycle", "1"],
        ["total", "4"],
    ]
    assert lines[11].split()[-4:] == ["0-1", "0-10", "10-40", "40+"]
    assert lines[14].split()[:2] == ["motorcycle", "-"]  # nothing of it is that slow
    assert lines[-1] == f"wrote {tmp_path / 'report.json'}"
    assert report["schema_version"] == 1
    meta = report["meta"]
    assert meta["model"] == {
        "name": "dis",
        "preset": "ultrafast",
        "backend": "opencv",
        "device": "cpu",
    }
    assert meta["settings"] == {"size": 0, "limit": 3}
    assert [(data["name"], data["pairs"]) for data in meta["data"]] == [
        ("made", 3),
        ("motorcycle", 1),
    ]
    assert {"kinograph", "torch", "numpy", "opencv"} <= set(meta["versions"])
    assert report["datasets"]["made"]["sequences"]["still"]["occluded"]["epe"] is None
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == [
        "made_shift_fast_noise.png",
        "made_still_noise.png",
        "made_zoom_out_picture.png",
        "motorcycle.png",
    ]
    with Image.open(tmp_path / "pictures" / "motorcycle.png") as image:
        drawn = np.asarray(image)
    assert drawn.shape == (1000, 1482, 3)
    unknown = ~kept("motorcycle")[0].pairs[0].load()[1].valid[0].numpy()
    for part in (drawn[:500, 741:], drawn[500:, :741]):  # the truth and the error
        assert (part[unknown] == 128).all()
    assert drawn[200:300, 900:1100, 2].mean() > 200  # to the left: cyan
    assert drawn[200:300, 900:1100, 0].mean() < 150


def test_a_folder_of_the_users(command: Command, tmp_path: Path) -> None:
    data = tmp_path / "chairs" / "data"
    data.mkdir(parents=True)
    frames, truth = kept("made")[0].pairs[2].load()  # a shift
    small, flow = frames[:, :64, :96], truth.flow[0, :, :64, :96]
    for number, frame in enumerate(small, 1):
        pixels = (frame * 255).byte().numpy()
        Image.fromarray(pixels).save(data / f"00001_img{number}.ppm")
    head = b"PIEH" + np.array([96, 64], "<i4").tobytes()
    body = np.ascontiguousarray(flow.movedim(0, -1).numpy()).astype("<f4").tobytes()
    (data / "00001_flow.flo").write_bytes(head + body)
    report = command("--data", str(data.parent))
    (name,) = report["datasets"]
    assert name == "chairs"
    assert report["total"]["all"]["pixels"] == 64 * 96
    assert report["total"]["all"]["median_epe"] < 0.2
    assert report["meta"]["data"][0]["source"] == str(data.parent)


def test_what_a_network_is_told(command: Command, spynet: list[str]) -> None:
    report = command(*spynet, "--data", "made", "--limit", "1", "--size", "128")
    assert report["meta"]["model"] == {
        "name": SPYNET,
        "sha256": SHA256,
        "recommended_size": report["meta"]["model"]["recommended_size"],
        "backend": "torch",
        "precision": "fp32",
        "device": report["meta"]["model"]["device"],
    }
    assert "opencv" not in report["meta"]["versions"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere"], "expected made, motorcycle or a folder, found 'nowhere'"),
        (["--data", "made", "made"], "expected every data set once, found made twice"),
        (["--preset", "slow"], "preset: expected one of ultrafast, fast, medium, found 'slow'"),
        (["--backend", "torch"], "backend: expected auto for DIS, OpenCV's own, found 'torch'"),
        (["--precision", "fp16"], "precision: expected auto for DIS"),
        (["--device", "cuda"], "device: expected cpu or auto, where DIS runs, found 'cuda'"),
        (["--limit", "-1"], "limit: expected at least 0 pairs, found -1"),
        (["--size", "-8"], "size: expected at least 0 px, found -8"),
        (["--model", "nothing"], "model: expected one of"),
        (["--model", "spynet:no.pth"], "there is no"),
        (["--model", "movenet_multipose"], "movenet_multipose does not estimate flow"),
    ],
)
def test_mistakes(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "flow", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""


def test_without_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(EngineError, match="run: pip install opencv-python-headless"):
        evaluate_flow_model(["made"])


def test_made_footage_without_the_clip_is_noise() -> None:
    report = evaluate_flow_model(["made"], preset="ultrafast", limit=1)
    assert report["total"]["pairs"] == 1
    with pytest.raises(InputError, match="limit"):
        evaluate_flow_model(["made"], limit=-1)
