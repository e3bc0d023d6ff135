"""The loop on a tiny network: it resumes bit for bit, stores safely, and names what goes wrong."""

import errno
import json
import math
import os
import signal
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from kinograph.engines import files
from kinograph.engines.errors import InputError, MediaError, ModelError, TrainingError
from kinograph.engines.models import checkpoint
from kinograph.engines.training.budget import steps_within
from kinograph.engines.training.ema import Average
from kinograph.engines.training.layout import CHECKPOINT
from kinograph.engines.training.loop import train
from kinograph.engines.training.order import examples
from kinograph.engines.training.run import Run
from kinograph.engines.training.schedule import rate
from kinograph.engines.training.settings import Settings
from kinograph.engines.training.standing import Standing, Validation
from kinograph.engines.training.stopping import Stop, stop_on_signals
from kinograph.engines.training.task import Judged


class Tiny:
    """Learns the sum of three numbers, with dropout and batch normalisation on the way."""

    def __init__(self, seed: int = 0, width: int = 8) -> None:
        torch.manual_seed(seed)
        self.module: nn.Module = nn.Sequential(
            nn.Linear(3, width),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(width, 1),
        )
        random = torch.Generator().manual_seed(1)
        self.inputs = torch.randn(20, 3, generator=random)
        self.count = len(self.inputs)
        self.config: Mapping[str, Any] = {"width": width}
        self.seen: list[list[int]] = []

    def expect(self, chosen: Tensor) -> None:
        self.expected = chosen.tolist()

    def batch(self, chosen: Tensor) -> Tensor:
        self.seen.append(chosen.tolist())
        return self.inputs[chosen] + 0.01 * torch.randn(len(chosen), 3)

    def weight(self, batch: Tensor) -> int:
        return len(batch)

    def judge(self, batch: Tensor, weight: float) -> Judged:
        error = (self.module(batch)[:, 0] - batch.sum(1)).square().sum() / weight
        return Judged(error, {"square": error})


SETTINGS = Settings(steps=12, batch=4, accumulate=2, lr=0.05, warmup=3, ema=0.9)


def content(folder: Path) -> dict[str, Any]:
    return checkpoint.load(folder / CHECKPOINT)


def assert_same(one: Any, other: Any) -> None:
    if isinstance(one, Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    else:
        assert one == other


def test_stopped_and_resumed_is_the_same_as_in_one_go_bit_for_bit(tmp_path: Path) -> None:
    whole = train(Tiny(), SETTINGS, tmp_path / "whole")
    assert whole.finished
    stop = Stop()
    task = Tiny()
    half = train(
        task,
        SETTINGS,
        tmp_path / "parts",
        stop=stop,
        progress=lambda step, figures: stop.ask() if step == 5 else None,
    )
    assert (half.step, half.finished) == (5, False)
    torch.manual_seed(99)  # another process starts elsewhere
    again = Tiny(seed=5)
    rest = train(again, SETTINGS, tmp_path / "parts", resume=tmp_path / "parts" / CHECKPOINT)
    assert rest.finished
    assert_same(content(tmp_path / "whole"), content(tmp_path / "parts"))
    rows = [(tmp_path / name / "metrics.jsonl").read_text() for name in ("whole", "parts")]
    assert rows[0] == rows[1]
    assert len(rows[0].splitlines()) == 12
    assert not torch.equal(
        content(tmp_path / "whole")["weights"]["0.weight"],
        content(tmp_path / "whole")["average"]["0.weight"],
    )


def test_steps_after_the_last_checkpoint_are_done_again(tmp_path: Path) -> None:
    """As after a kill: the figures reach further than the checkpoint, and a line is cut off."""
    whole = train(Tiny(), SETTINGS, tmp_path / "whole")

    class KilledError(Exception):
        pass

    def kill(step: int, figures: Mapping[str, float]) -> None:
        if step == 9:
            raise KilledError

    with pytest.raises(KilledError):
        train(Tiny(), SETTINGS, tmp_path / "a", save_every=4, progress=kill)
    path = tmp_path / "a" / CHECKPOINT
    assert checkpoint.load(path)["step"] == 8
    with (tmp_path / "a/metrics.jsonl").open("a") as file:
        file.write('{"step": 10, "lo')
    train(Tiny(), SETTINGS, tmp_path / "a", resume=path)
    assert_same(content(tmp_path / "whole"), content(tmp_path / "a"))
    rows = [json.loads(line) for line in (tmp_path / "a/metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, 13))
    assert whole.last["loss"] == pytest.approx(rows[-1]["loss"])


def test_it_learns_and_leaves_a_record(tmp_path: Path) -> None:
    settings = Settings(steps=150, batch=10, lr=0.03, warmup=10, ema=0.95)
    done = train(Tiny(width=16), settings, tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert done.last["loss"] < 0.4 * rows[0]["loss"]
    assert set(rows[0]) == {"step", "loss", "square", "gradient", "lr", "weight"}
    table = (tmp_path / "metrics.csv").read_text().splitlines()
    assert len(table) == 151
    record = json.loads((tmp_path / "run_record.json").read_text())
    assert record["steps"] == {"from": 0, "to": 150, "of": 150}
    assert record["settings"]["lr"] == 0.03
    assert record["checkpoints"] == {CHECKPOINT: files.sha256_of(tmp_path / CHECKPOINT)}
    with Image.open(tmp_path / "curves.png") as curves:
        assert curves.size == (1260, 400)
        assert len(set(curves.convert("L").tobytes())) > 10


def test_accumulated_batches_count_by_what_there_is_to_learn(tmp_path: Path) -> None:
    """Two batches of different weight give the gradient of one that holds both."""

    class Weighted(Tiny):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.module = nn.Linear(3, 1)
            self.inputs = torch.randn(6, 3)
            self.count = 6

        def batch(self, chosen: Tensor) -> Tensor:
            return self.inputs[chosen]

        def weight(self, batch: Tensor) -> int:
            return int((batch[:, 0] > 0).sum())

        def judge(self, batch: Tensor, weight: float) -> Judged:
            kept = batch[batch[:, 0] > 0]
            return Judged((self.module(kept)[:, 0] - 1).square().sum() / weight, {})

    runs = [
        Run(Weighted(), Settings(steps=5, batch=size, accumulate=parts, clip=0, ema=0))
        for size, parts in ((6, 1), (2, 3))
    ]
    figures = [run.advance() for run in runs]
    assert figures[0]["loss"] == pytest.approx(figures[1]["loss"], rel=1e-5)
    assert figures[0]["gradient"] == pytest.approx(figures[1]["gradient"], rel=1e-5)
    weights = [run.task.module.weight for run in runs]
    torch.testing.assert_close(weights[0], weights[1])


def test_each_order_is_complete_and_random() -> None:
    seen = torch.cat([examples(7, 3, start, start + 3) for start in range(0, 42, 3)])
    epochs = seen.view(6, 7)
    assert all(sorted(row) == list(range(7)) for row in epochs.tolist())
    assert len({tuple(row) for row in epochs.tolist()}) > 4
    assert torch.equal(examples(7, 3, 0, 42), seen)
    assert not torch.equal(examples(7, 4, 0, 42), seen)


def test_the_learning_rate_warms_up_and_falls_as_a_cosine() -> None:
    settings = Settings(steps=110, lr=2.0, warmup=10, final=0.1)
    rates = [rate(settings, step) for step in range(111)]
    assert rates[0] == pytest.approx(0.2)
    assert rates[9] == pytest.approx(2.0)
    assert rates[60] == pytest.approx(0.1 * 2 + 0.9 * 2 / 2)
    assert rates[110] == pytest.approx(0.2)
    assert rates[10:] == sorted(rates[10:], reverse=True)


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("none", {0: 0.2, 10: 2.0, 99: 2.0}),
        ("multistep", {10: 2.0, 69: 2.0, 70: 0.2, 90: 0.02}),
        ("onecycle", {0: 0.08, 30: 2.0, 65: 1.1, 100: 0.2}),
    ],
)
def test_other_schedules(schedule: str, rates: dict[int, float]) -> None:
    settings = Settings(steps=100, lr=2.0, warmup=10, final=0.1, schedule=schedule)
    assert {step: rate(settings, step) for step in rates} == pytest.approx(rates)


def test_validations_keep_the_best_and_end_a_run_that_gets_no_better(tmp_path: Path) -> None:
    """The same in one go and stopped in between: how long nothing was better is stored."""
    settings = Settings(steps=20, batch=4, lr=0.05, warmup=0, validate_every=2, patience=3)
    figures = {2: 0.1, 4: 0.5, 6: None, 8: 0.5, 10: 0.2, 12: 0.9}

    def validation(run: list[int]) -> Validation:
        def judge(module: nn.Module) -> dict[str, float | None]:
            assert not module.training
            run.append(2 * len(run) + 2)
            return {"good": figures[run[-1]], "other": 1.0}

        return Validation(judge, "good")

    whole = train(Tiny(), settings, tmp_path / "a", validation=validation([]))
    assert (whole.step, whole.finished) == (10, True)
    assert whole.run.standing == Standing(0.5, 4, 3)
    assert checkpoint.load(tmp_path / "a/best.pt")["step"] == 4
    stop = Stop()
    part = train(
        Tiny(),
        settings,
        tmp_path / "b",
        validation=validation([]),
        stop=stop,
        progress=lambda step, told: stop.ask() if step == 7 else None,
    )
    assert (part.step, part.finished) == (7, False)
    path = tmp_path / "b" / CHECKPOINT
    rest = train(Tiny(), settings, tmp_path / "b", resume=path, validation=validation([2, 4, 6]))
    assert rest.step == 10
    assert_same(content(tmp_path / "a"), content(tmp_path / "b"))
    files = [(tmp_path / name / "val_metrics.jsonl").read_text() for name in "ab"]
    assert files[0] == files[1]
    assert json.loads(files[0].splitlines()[2]) == {"step": 6, "good": None, "other": 1.0}
    with pytest.raises(InputError, match="validation: expected one where the settings ask for it"):
        train(Tiny(), settings, tmp_path / "c")


def test_deterministic_mode_is_proved_on_the_first_step(tmp_path: Path) -> None:
    class Restless(Tiny):
        passes = 0

        def judge(self, batch: Tensor, weight: float) -> Judged:
            self.passes += 1
            judged = super().judge(batch, weight)
            return Judged(judged.total * (1 + 1e-6 * self.passes), judged.terms)

    settings = Settings(steps=3, batch=4, deterministic=True)
    with pytest.raises(TrainingError, match=r"deterministic: gradient of .*: two passes over the"):
        train(Restless(), settings, tmp_path / "a")
    plain = train(Tiny(), Settings(steps=3, batch=4), tmp_path / "b")
    proved = train(Tiny(), settings, tmp_path / "c")
    weights = [done.run.task.module.state_dict() for done in (plain, proved)]
    assert_same(dict(weights[0]), dict(weights[1]))


def test_a_budget_of_minutes_leaves_the_weights_as_they_are() -> None:
    task = Tiny()
    before = {name: value.clone() for name, value in task.module.state_dict().items()}
    few, many = (steps_within(task, Settings(steps=1, batch=2), m) for m in (1e-9, 10.0))
    assert few == 1
    assert many > 1000
    assert_same(dict(task.module.state_dict()), before)


def test_the_backbone_learns_at_its_own_rate(tmp_path: Path) -> None:
    class Parts(Tiny):
        def __init__(self) -> None:
            super().__init__()
            self.module = nn.Sequential(OrderedDict(backbone=nn.Linear(3, 4), head=nn.Linear(4, 1)))

    settings = Settings(steps=2, batch=4, backbone_lr=0.0, weight_decay=0.0, optimiser="sgd")
    task = Parts()
    before = {name: value.clone() for name, value in task.module.state_dict().items()}
    train(task, settings, tmp_path)
    after = task.module.state_dict()
    same = {name for name, value in before.items() if torch.equal(value, after[name])}
    assert same == {"backbone.weight", "backbone.bias"}


def test_the_average_follows_the_weights_and_copies_counters() -> None:
    module = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    average = Average(module, 0.9)
    with torch.no_grad():
        module[0].weight.fill_(1.0)
        average.module[0].weight.zero_()
    module(torch.randn(4, 1))
    average.update(module, 0)  # at first it moves by 9 tenths
    assert float(average.module[0].weight) == pytest.approx(0.9)
    for step in range(1000, 1005):
        average.update(module, step)
    assert float(average.module[0].weight) == pytest.approx(1 - 0.1 * 0.9**5)
    assert int(average.module[1].num_batches_tracked) == 1
    assert not average.module.training


@pytest.mark.parametrize("amp", ["bf16"])
def test_mixed_precision_learns(tmp_path: Path, amp: str) -> None:
    done = train(Tiny(), Settings(steps=60, batch=10, lr=0.05, amp=amp), tmp_path)
    rows = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert done.last["loss"] < 0.6 * json.loads(rows[0])["loss"]


def test_numbers_that_are_not_finite_stop_with_the_step_and_the_weight(tmp_path: Path) -> None:
    class Broken(Tiny):
        def judge(self, batch: Tensor, weight: float) -> Judged:
            judged = super().judge(batch, weight)
            if len(self.seen) == 8:  # in step 4
                return Judged(judged.total * torch.nan, judged.terms)
            return judged

    with pytest.raises(TrainingError, match=r"step 4: gradient of 0.weight: found NaN or infin"):
        train(Broken(), SETTINGS, tmp_path, save_every=2)
    assert checkpoint.load(tmp_path / CHECKPOINT)["step"] == 2

    class Named(Tiny):
        def judge(self, batch: Tensor, weight: float) -> Judged:
            raise TrainingError("head bbox, image a.png: found NaN")

    with pytest.raises(TrainingError, match=r"step 1: head bbox, image a.png: found NaN"):
        Run(Named(), SETTINGS).advance()


def test_sigterm_ends_after_the_step_with_a_checkpoint(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stop_on_signals() as stop:
        done = train(
            Tiny(),
            SETTINGS,
            tmp_path,
            stop=stop,
            progress=lambda step, _: os.kill(os.getpid(), signal.SIGTERM) if step == 3 else None,
        )
    assert (done.step, done.finished) == (3, False)
    assert stop.signal == signal.SIGTERM
    assert content(tmp_path)["step"] == 3
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_full_disk_costs_nothing_that_was_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.name.endswith(".pt") and full.saved >= 1:  # type: ignore[attr-defined]
            real(path, bytes(data)[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        full.saved += 1  # type: ignore[attr-defined]
        return real(path, data)

    full.saved = 0  # type: ignore[attr-defined]
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(MediaError, match=r"checkpoint\.pt: cannot be written \(No space left"):
        train(Tiny(), SETTINGS, tmp_path, save_every=4)
    assert content(tmp_path)["step"] == 4
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(files.TEMPORARY)]
    monkeypatch.undo()
    train(Tiny(), SETTINGS, tmp_path, resume=tmp_path / CHECKPOINT)
    assert content(tmp_path)["step"] == 12


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_figures_that_cannot_be_written_stop_the_run(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    with pytest.raises(MediaError, match=r"metrics\.jsonl: cannot be written"):
        train(Tiny(), SETTINGS, tmp_path)


def test_another_run_is_not_overwritten_nor_resumed_with_other_settings(tmp_path: Path) -> None:
    train(Tiny(), Settings(steps=2), tmp_path)
    path = tmp_path / CHECKPOINT
    with pytest.raises(InputError, match="holds the checkpoint of another run; go on with it"):
        train(Tiny(), Settings(steps=2), tmp_path)
    with pytest.raises(InputError, match=r"was trained with lr 0.001 \(now 0.01\), steps 2 \(now"):
        train(Tiny(), Settings(steps=4, lr=0.01), tmp_path, resume=path)
    with pytest.raises(
        ModelError, match=r"the weights do not fit: 0.bias: expected .*\[4\], found"
    ):
        train(Tiny(width=4), Settings(steps=2), tmp_path, resume=path)
    with pytest.raises(ModelError, match=r"none.pt: expected a checkpoint, found no file"):
        train(Tiny(), Settings(steps=2), tmp_path, resume=tmp_path / "none.pt")


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "code", "other", "version"])
def test_damaged_and_foreign_checkpoints_are_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.pt"
    checkpoint.save({"step": 1, "weights": {"a": torch.randn(1000)}}, path)
    data = path.read_bytes()
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_text("hello")
    elif damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "code":
        torch.save({"kind": checkpoint.KIND, "x": Evil(tmp_path / "evil")}, path)
    elif damage == "other":
        torch.save({"model": {}}, path)
    else:
        torch.save({"kind": checkpoint.KIND, "version": 7}, path)
    with pytest.raises(ModelError, match=r"a\.pt: expected a checkpoint"):
        checkpoint.load(path)
    assert not (tmp_path / "evil").exists()


def test_weights_have_to_fit_exactly() -> None:
    module = nn.Linear(2, 1)
    good = module.state_dict()
    with pytest.raises(ModelError, match=r"a\.pt: .* missing: bias; unknown: extra"):
        checkpoint.load_weights(module, {"weight": good["weight"], "extra": good["bias"]}, "a.pt")
    with pytest.raises(
        ModelError, match=r"weight: expected torch.float32 \[1, 2\], found .*half|16"
    ):
        checkpoint.load_weights(module, {**good, "weight": good["weight"].half()}, "a.pt")
    with pytest.raises(ModelError, match="bias: found NaN or infinity"):
        checkpoint.load_weights(module, {**good, "bias": torch.tensor([math.nan])}, "a.pt")
    with pytest.raises(ModelError, match="bias: expected a tensor, found a str"):
        checkpoint.load_weights(module, {**good, "bias": "x"}, "a.pt")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps: expected 1"),
        ({"lr": math.nan}, "lr: expected 1e-09..10, found nan"),
        ({"batch": 0}, "batch: expected 1"),
        ({"amp": "int8"}, "amp: expected one of none, fp16, bf16, found 'int8'"),
        ({"ema": 1.0}, "ema: expected 0..0.999999, found 1.0"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Settings(**{"steps": 1, **changes})


def test_deterministic_mode_ends_with_the_run(tmp_path: Path) -> None:
    seen = []
    settings = Settings(steps=2, deterministic=True)
    train(
        Tiny(),
        settings,
        tmp_path,
        progress=lambda *_: seen.append(torch.are_deterministic_algorithms_enabled()),
    )
    assert seen == [True, True]
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_figure_that_is_to_be_small() -> None:
    settings = replace(SETTINGS, validate_every=1, least_gain=0.1)
    standing = Standing()
    for step, figure in enumerate((3.0, 2.0, 1.95, None, 1.5), 1):
        standing = standing.after(figure, step, settings, smaller=True)
        if step == 4:
            assert standing == Standing(2.0, 2, 2)
    assert standing == Standing(1.5, 5)


def test_without_end_each_example_comes_once() -> None:
    assert examples(0, 3, 5, 9).tolist() == [5, 6, 7, 8]


def test_a_checkpoint_from_before_a_setting_has_its_default() -> None:
    stored = SETTINGS.to_json()
    del stored["decay"]
    SETTINGS.check_same(stored, "a.pt")
    with pytest.raises(InputError, match=r"a\.pt: was trained with lr 0\.05 \(now 1\.0\)"):
        replace(SETTINGS, lr=1.0, batch=9).check_same(stored, "a.pt", ["batch"])
