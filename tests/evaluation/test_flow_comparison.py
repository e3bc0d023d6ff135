"""Several ways to estimate flow side by side, and the figures of footage without known motion."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from kinograph.engines.datasets import made_flow
from kinograph.engines.errors import InputError
from kinograph.engines.evaluation import flow_comparison as module
from kinograph.engines.evaluation.flow_comparison import Way, compare_flow_models
from kinograph.engines.evaluation.flow_footage import judge_flow, judge_still, scaled_down
from kinograph.engines.flow.flow import Flow
from kinograph.workflows.cli import main
from kinograph.workflows.graph.shipped import demo_clip


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("dis", Way("dis", "fast")),
        ("dis@medium", Way("dis", "medium")),
        ("raft_small_v2", Way("raft_small_v2", "fast")),
        ("raft_small_v2@4", Way("raft_small_v2", "fast", 4)),
        ("raft_small:mine.pth@20", Way("raft_small:mine.pth", "fast", 20)),
        ("raft_small:a@b/mine.pth", Way("raft_small:a@b/mine.pth", "fast")),
    ],
)
def test_ways_are_read(text: str, way: Way) -> None:
    found = Way.read(text, preset="fast")
    assert found == way
    assert Way.read(found.title, preset="fast") == way


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dis@slow", "model: expected dis@ and one of ultrafast, fast, medium, found 'dis@slow'"),
        ("raft@fast", "model: expected a number of updates after the @, found 'raft@fast'"),
    ],
)
def test_what_is_no_way(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Way.read(text)


def test_the_true_flow_explains_footage_and_none_does_not() -> None:
    """A layer of an eighth of the picture moves; where it goes, the background is hidden."""
    frames, truth = made_flow.make("layers", size=(64, 96), frames=3)
    back, _ = made_flow.make("layers", size=(64, 96), frames=3)
    assert torch.equal(frames, back)
    right = judge_flow(frames, Flow(truth.flow, -truth.flow))
    still = torch.zeros_like(truth.flow)
    wrong = judge_flow(frames, Flow(still, still))
    assert right["pairs"] == 2
    assert right["seen_error"] < right["all_error"] < 0.5 * wrong["all_error"]
    assert wrong["consistent"] == 1.0
    assert wrong["seen_error"] == pytest.approx(wrong["all_error"])
    far = torch.full_like(still, 500.0)
    assert judge_flow(frames, Flow(far, far))["seen_error"] is None


def test_dis_sees_some_motion_in_noise() -> None:
    frame = made_flow.make("still", size=(64, 96))[0][0]
    found = judge_still(frame, None)
    assert 0.001 < found["mean"] < found["most"] < 10
    assert judge_still(frame, None) == found


def test_large_footage_is_scaled_down() -> None:
    assert scaled_down(torch.rand(1, 20, 40, 3)).shape == (1, 20, 40, 3)
    assert scaled_down(torch.rand(1, 90, 1664, 3)).shape == (1, 45, 832, 3)


def test_all_are_judged_on_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[tuple[str, float]] = []

    def evaluated(datasets: Any, engine: None, *, preset: str, part: float, **_: Any) -> Any:
        sizes.append((preset, part))
        names = {dataset.name: {"all": {"epe": part}} for dataset in datasets}
        return {"datasets": names, "meta": {"model": {"name": "dis", "preset": preset}}}

    monkeypatch.setattr(module, "evaluate_engine", evaluated)
    monkeypatch.setattr(module, "FRAMES", 2)
    ways = [Way("dis", preset) for preset in ("fast", "ultrafast")]
    found = compare_flow_models(ways, ["made"], footage=[demo_clip()])
    assert sizes == [("fast", 1.0), ("fast", 0.5), ("ultrafast", 1.0), ("ultrafast", 0.5)]
    assert list(found["ways"]) == ["dis@fast", "dis@ultrafast"]
    one = found["ways"]["dis@fast"]
    assert one["datasets"]["made"]["half"] == {"all": {"epe": 0.5}}
    assert one["footage"][demo_clip().name]["pairs"] == 1
    assert one["still"]["mean"] > 0
    with pytest.raises(InputError, match="expected every model once, found dis@fast twice"):
        compare_flow_models([ways[0], replace(ways[0])], ["made"])


def test_the_command_prints_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few = {name: made_flow.SCENES[name] for name in ("shift",)}
    monkeypatch.setattr(made_flow, "SCENES", few)
    monkeypatch.setattr(module, "FRAMES", 2)
    whole = made_flow.make

    def small(name: str, *, picture: Tensor | None = None) -> Any:
        return whole(name, size=(64, 96), picture=picture)

    monkeypatch.setattr(made_flow, "make", small)
    command = ["eval", "flow", "--data", "made", "--model", "dis@fast", "dis"]
    assert main([*command, "--output", str(tmp_path / "report.json")]) == 0
    told = capsys.readouterr().out
    for text in ("made whole", "made half", "dis@fast", "dis@medium", "where all is still"):
        assert text in told
    assert (tmp_path / "report.json").is_file()
    for more, message in (
        (["--size", "64"], "--size: expected one model, found 2"),
        (["--picture", str(tmp_path)], "--picture: expected one model, found 2"),
    ):
        assert main([*command, *more]) == 2
        assert message in capsys.readouterr().err
    assert main(["eval", "flow", "--footage", "a.mp4"]) == 2
    assert "--footage: expected several models to compare, found one" in capsys.readouterr().err
