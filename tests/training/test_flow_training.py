"""RAFT small learns from pairs with known motion, for a time, and goes on bit for bit."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from kinograph.engines.datasets import made_flow
from kinograph.engines.datasets.flow import Dataset, Pair
from kinograph.engines.errors import InputError, MediaError, TrainingError
from kinograph.engines.models import checkpoint
from kinograph.engines.training.flow import FlowTask, sequence_loss
from kinograph.engines.training.flow_validation import (
    flow_validation,
    known_dataset,
    known_pairs,
)
from kinograph.engines.training.layout import Layout
from kinograph.engines.training.schedule import rate
from kinograph.engines.training.settings import Settings
from kinograph.engines.training.stopping import Stop
from kinograph.engines.training.timed import ENDLESS, Length, stable_of, start_of, train_timed

SIZE = (64, 96)
SETTINGS = Settings(steps=ENDLESS, batch=2, lr=4e-4, warmup=2, final=0.0, ema=0.9, schedule="wsd")
TINY = (64, 64)


@dataclass(frozen=True)
class Pairs:
    first: Tensor
    second: Tensor
    flow: Tensor


@cache
def pair(name: str, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    frames, truth = made_flow.make(name, size=size)
    return frames.movedim(-1, 1), truth.flow[0]


class Scenes:
    """Made footage, again and again; remembers which numbers it was asked for."""

    def __init__(self, names: tuple[str, ...], size: tuple[int, int]) -> None:
        self.names, self.size = names, size
        self.asked: list[list[int]] = []

    def __call__(self, numbers: Tensor) -> Pairs:
        self.asked.append(numbers.tolist())
        found = [pair(self.names[n % len(self.names)], self.size) for n in numbers.tolist()]
        frames = torch.stack([frames for frames, _ in found])
        return Pairs(frames[:, 0], frames[:, 1], torch.stack([flow for _, flow in found]))


def tiny(**changed: Any) -> FlowTask:
    """The cheapest task that learns."""
    options: dict[str, Any] = {"size": TINY, "updates": 1, "about": {"name": "made"}} | changed
    return FlowTask(Scenes(("shift", "turn", "affine"), TINY), **options)


def content(path: Path) -> dict[str, Any]:
    return checkpoint.load(path)


def assert_same(one: Any, other: Any) -> None:
    if isinstance(one, Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, Mapping):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    else:
        assert one == other


def test_a_few_dozen_steps_lower_the_error(tmp_path: Path) -> None:
    scenes = Scenes(("shift", "layers", "zoom_in", "turn"), SIZE)
    task = FlowTask(scenes, size=SIZE, updates=4, at_once=4)
    validation = flow_validation({"scenes": known_pairs(scenes(torch.arange(4)))})
    before = validation.judge(task.module)["scenes"]
    assert before is not None
    trained = train_timed(
        task, SETTINGS, Layout.plain(tmp_path), Length(steps=30, fall=0.3), stop=Stop()
    )
    after = validation.judge(trained.run.best)["scenes"]
    assert after is not None
    assert trained.finished
    assert after < 0.75 * before
    assert scenes.asked[1:4] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert (tmp_path / "curves.png").is_file()


def test_a_run_that_goes_on_is_the_same_bit_for_bit(tmp_path: Path) -> None:
    """Stopped before the fall of the learning rate, and in it."""

    def run(folder: str, length: Length, until: int, *, resume: bool = False) -> None:
        layout = Layout.plain(tmp_path / folder)
        stop = Stop()
        train_timed(
            tiny(seed=5 if resume else 0),  # another process starts elsewhere
            SETTINGS,
            layout,
            length,
            stop=stop,
            resume=start_of(layout) if resume else None,
            progress=lambda step, figures: stop.ask() if step == until else None,
        )

    length = Length(steps=8, fall=0.5)
    run("whole", length, 8)
    run("falling", length, 6)
    run("falling", Length(minutes=1), 8, resume=True)
    whole = content(tmp_path / "whole/checkpoint.pt")
    assert (whole["step"], whole["settings"]["decay"]) == (8, 4)
    assert_same(whole, content(tmp_path / "falling/checkpoint.pt"))
    run("stable", length, 2)
    run("stable", Length(steps=6, fall=0.5), 5, resume=True)  # falls from step 4 on, too
    assert_same(content(tmp_path / "whole/stable.pt"), content(tmp_path / "stable/stable.pt"))


def test_a_fall_that_was_stopped_is_ended_and_a_run_that_ended_goes_on_before_it(
    tmp_path: Path,
) -> None:
    layout = Layout.plain(tmp_path)
    stop = Stop()
    told: list[str] = []
    train_timed(
        tiny(),
        SETTINGS,
        layout,
        Length(steps=8, fall=0.5),
        stop=stop,
        progress=lambda step, figures: stop.ask() if step == 6 else None,
        told=told.append,
    )
    assert told == ["step 4: the learning rate falls over the next 4 steps"]
    assert start_of(layout) == layout.checkpoint
    ended = train_timed(
        tiny(),
        SETTINGS,
        layout,
        Length(minutes=1),
        stop=Stop(),
        resume=start_of(layout),
        told=told.append,
    )
    assert told[1:] == ["ending the fall of the learning rate at step 8"]
    assert (ended.start, ended.step, ended.finished) == (6, 8, True)
    assert start_of(layout) == stable_of(layout)
    stable = content(stable_of(layout))
    assert (stable["step"], stable["seen"], stable["settings"]["decay"]) == (4, 8, 0)
    more = train_timed(
        tiny(updates=2),
        replace(SETTINGS, batch=1, lr=1e-4),
        layout,
        Length(steps=7, fall=0),
        stop=Stop(),
        resume=start_of(layout),
        free=("batch", "lr"),
    )
    assert (more.start, more.step, more.run.seen) == (4, 7, 11)


def test_minutes_end_the_run_on_time(tmp_path: Path) -> None:
    """With a clock that goes on by a second with each step."""
    steps = 0

    def progress(step: int, figures: Mapping[str, float]) -> None:
        nonlocal steps
        steps = step

    train_timed(
        tiny(),
        SETTINGS,
        Layout.plain(tmp_path),
        Length(minutes=0.25, fall=0.4, began=-1.0),
        stop=Stop(),
        progress=progress,
        clock=lambda: float(steps),
    )
    found = content(tmp_path / "checkpoint.pt")
    # From -1 s to 14 s; the rate falls from 8 s on.
    assert content(tmp_path / "stable.pt")["step"] in (8, 9)
    assert found["step"] == found["settings"]["steps"]
    assert found["step"] in (13, 14, 15)


def test_the_learning_rate_rises_stays_and_falls() -> None:
    settings = replace(SETTINGS, steps=20, decay=4, warmup=4, lr=1.0)
    rates = [rate(settings, step) for step in range(20)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert set(rates[4:16]) == {1.0}
    assert rates[16:] == pytest.approx([1 - math.sqrt(n / 4) for n in (1, 2, 3, 4)])
    with pytest.raises(InputError, match="decay: expected 0 with the schedule cosine, found 4"):
        replace(settings, schedule="cosine")


def test_the_loss_is_the_weighted_distance() -> None:
    """Of two updates: flows of one cell to the right, the truth 8 px right and 3 px down."""
    flows = torch.zeros(2, 1, 2, 8, 8)
    flows[:, :, 0] = 1.0
    truth = torch.zeros(1, 2, 64, 64)
    truth[:, 0], truth[:, 1] = 8.0, 3.0
    truth[:, :, :32] = 1e4  # faster than what counts
    loss, epe = sequence_loss(flows, truth)
    assert float(epe) == pytest.approx(3.0)
    assert float(loss) == pytest.approx(3.0 * 1.8, abs=1e-3)


def test_what_differs_is_told_or_refused(tmp_path: Path) -> None:
    stored = tiny().config
    assert tiny().check_goes_on(stored, "a.pt") == []
    other = tiny(size=(64, 72), updates=3)
    assert other.check_goes_on(stored, "a.pt") == [
        "network.size [64, 64] -> [64, 72]",
        "updates 1 -> 3",
    ]
    with pytest.raises(InputError, match=r"a\.pt: was trained with data\.name made \(now else\)"):
        tiny(about={"name": "else"}).check_goes_on(stored, "a.pt")
    with pytest.raises(InputError, match=r"network\.name rtdetr \(now raft_small\)"):
        tiny().check_goes_on({**stored, "network": {"name": "rtdetr"}}, "a.pt")
    layout = Layout.plain(tmp_path)
    train_timed(tiny(), SETTINGS, layout, Length(steps=1, fall=0), stop=Stop())
    for changed, message in (({"ema": 0.5}, r"ema 0\.9 \(now 0\.5\)"), ({"lr": 1.0}, "lr 0.0004")):
        with pytest.raises(InputError, match=f"was trained with {message}"):
            train_timed(
                tiny(),
                replace(SETTINGS, **changed),
                layout,
                Length(steps=3),
                stop=Stop(),
                resume=layout.checkpoint,
            )
    with pytest.raises(InputError, match=r"expected more than the 1 of .*, found 1"):
        train_timed(
            tiny(), SETTINGS, layout, Length(steps=1), stop=Stop(), resume=layout.checkpoint
        )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"size": (60, 64)},
            "size: expected sides that are multiples of 8 from 64 px on, found 60",
        ),
        ({"size": (56, 64)}, "found 56"),
        ({"updates": 0}, r"updates: expected 1\.\.64, found 0"),
        ({"at_once": 0}, "at_once: expected at least 1 pair, found 0"),
        ({"speedup": "fast"}, "speedup: expected one of none, compile, graph, both, found 'fast'"),
        ({"speedup": "graph"}, "speedup: expected none on cpu, as graph is for NVIDIA GPUs"),
    ],
)
def test_bad_values(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        tiny(**changed)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "length: expected either minutes or steps, found 0 and 0"),
        ({"minutes": 1.0, "steps": 1}, "length: expected either minutes or steps, found 1 and 1"),
        ({"steps": 1, "fall": 1.0}, r"decay: expected 0\.\.0\.9 of the run, found 1"),
    ],
)
def test_bad_lengths(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Length(**given)


def test_numbers_that_are_not_finite_end_the_run_and_keep_the_checkpoint(tmp_path: Path) -> None:
    task = tiny()
    layout = Layout.plain(tmp_path)

    def spoil(step: int, figures: Mapping[str, float]) -> None:
        if step == 2:
            with torch.no_grad():
                next(iter(task.module.parameters())).fill_(math.nan)

    with pytest.raises(TrainingError, match=r"step 3: gradient of .*: found NaN or infinity"):
        train_timed(
            task,
            SETTINGS,
            layout,
            Length(steps=9),
            stop=Stop(),
            save_every=1,
            progress=spoil,
        )
    found = content(layout.checkpoint)
    assert found["step"] == 2


def test_a_full_disk_keeps_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout.plain(tmp_path)
    train_timed(tiny(), SETTINGS, layout, Length(steps=1, fall=0), stop=Stop())

    def full(*arguments: Any, **options: Any) -> None:
        raise MediaError("checkpoint.pt: cannot be written (No space left on device)")

    monkeypatch.setattr("kinograph.engines.models.checkpoint.atomic_write", full)
    with pytest.raises(MediaError, match="No space left"):
        train_timed(
            tiny(), SETTINGS, layout, Length(steps=2), stop=Stop(), resume=layout.checkpoint
        )
    assert content(layout.checkpoint)["step"] == 1


def test_validation_counts_known_pixels_of_any_size() -> None:
    """A pair of 70x66 px, whose known half does not move where the network says so."""

    def load() -> tuple[Tensor, made_flow.Truth]:
        frames, truth = made_flow.make("still", size=(66, 70))
        valid = truth.valid.clone()
        valid[:, :33] = False
        flow = torch.where(valid[:, None], truth.flow, 99.0)
        return frames, replace(truth, flow=flow, valid=valid)

    known = known_dataset(Dataset("a", "made", (Pair("b", "c", load),)), torch.device("cpu"))
    assert known.first.shape == (1, 3, 66, 70)
    module = tiny().module
    for name, value in module.named_parameters():
        if "flow_head" in name:
            value.data.zero_()
    assert flow_validation({"a": known}).judge(module) == {"a": 0.0}
    assert module.training
