"""Engines: built, checked against the reference, and asked for what they were not built for."""

import re
from collections.abc import Mapping
from typing import Any

import psutil
import pytest
import torch
from torch import Tensor

from kinograph.engines.errors import EngineError, InputError
from kinograph.engines.models.registry import Model, resolve
from kinograph.engines.pose.families import movenet
from kinograph.engines.runtime import engine as engine_module
from kinograph.engines.runtime import ladder, parity
from kinograph.engines.runtime.engine import Engine, build_beside, build_engine, within
from kinograph.engines.runtime.network import network_of
from kinograph.engines.runtime.tensor_spec import DTYPES
from kinograph.engines.runtime.torch_runner import TorchRunner


@pytest.fixture(scope="module")
def model() -> Model:
    return resolve("movenet_multipose")


def test_fp32_on_the_cpu_is_the_reference(engine: Engine) -> None:
    assert (engine.backend, engine.precision) == ("torch", "fp32")
    assert engine.verdict is None
    assert "runs on torch in fp32 on cpu" in engine.report()
    assert "parity: the reference itself" in engine.report()


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_lower_precision_is_compared_with_the_reference(model: Model, precision: str) -> None:
    built = build_engine(
        model, network_of(model), backend="torch", precision=precision, device="cpu"
    )
    assert built.verdict is not None
    assert built.verdict.passed
    assert set(built.verdict.errors) == set(movenet.HEADS)
    worst = max(built.verdict.errors.values())
    assert 1e-4 < worst < parity.TOLERANCES[precision] / 1.5
    assert f"- precision {precision}: as asked" in built.report()
    outputs = built.infer(torch.rand(1, 3, 128, 128))
    assert {v.dtype for v in outputs.values()} == {DTYPES[precision]}  # never relabelled


def test_an_engine_that_disagrees_is_not_used(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def infer(self: TorchRunner, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        outputs = dict(right(self, inputs))
        if self.precision != "fp32":
            outputs["kpt_offset"] = outputs["kpt_offset"] * 1.5
        return outputs

    right = TorchRunner.infer
    monkeypatch.setattr(TorchRunner, "infer", infer)
    with pytest.raises(EngineError, match=r"disagrees with the reference \(kpt_offset: relative"):
        build_engine(model, network_of(model), precision="bf16", device="cpu")


@pytest.mark.parametrize(
    ("asked", "built"),
    [
        ((128, 256), (128, 256)),
        ((200, 700), (128, 768)),
        ((256, 1000), (256, 1024)),
        ((40, 1025), (32, 1025)),  # never beyond what the network is meant for
        (None, (128, 1024)),
    ],
)
def test_sizes_come_in_buckets(
    model: Model, asked: tuple[int, int] | None, built: tuple[int, int]
) -> None:
    assert within(network_of(model), asked) == built


def test_auto_says_why(model: Model) -> None:
    built = build_engine(model, network_of(model))
    report = built.report()
    if torch.cuda.is_available():
        assert "device cuda:" in report
        assert built.precision == "fp16"
    else:
        assert "- device cpu: PyTorch" in report
        assert built.precision == "fp32"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "abacus"}, "backend: expected auto or tensorrt_rtx, .*torch, found 'abacus'"),
        ({"precision": "fp8"}, "precision: expected auto or fp32, fp16, bf16, found 'fp8'"),
        ({"device": "tpu9000"}, "device: expected auto, cpu or cuda, found 'tpu9000'"),
        ({"max_batch": 0}, "max_batch: expected at least 1, found 0"),
        ({"sizes": (640, 320)}, "size range: .* found 640 to 320"),
        ({"sizes": (8, 320)}, "size range: expected 32 <="),
    ],
)
def test_unusable_requests(model: Model, options: dict[str, object], message: str) -> None:
    with pytest.raises(EngineError, match=message):
        build_engine(model, network_of(model), **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has what is asked for")
def test_cuda_where_there_is_none_fails_with_the_reason(model: Model) -> None:
    with pytest.raises(EngineError, match=r"device cuda: PyTorch .*; try: "):
        build_engine(model, network_of(model), device="cuda")


def test_inputs_that_the_engine_was_not_built_for(model: Model) -> None:
    built = build_engine(
        model, network_of(model), backend="torch", device="cpu", max_batch=2, sizes=(128, 256)
    )
    with pytest.raises(EngineError, match="at most 2 frames per call, found 3"):
        built.infer(torch.zeros(3, 3, 128, 128))
    with pytest.raises(EngineError, match="detection size of 128 to 256, found 320"):
        built.infer(torch.zeros(1, 3, 320, 128))
    with pytest.raises(EngineError, match="multiples of 32, found 130x128"):
        built.infer(torch.zeros(1, 3, 128, 130))
    with pytest.raises(InputError, match=r"expected images of the shape \[batch,3,height"):
        built.infer(torch.zeros(3, 128, 128))
    runner = built.load()
    runner.close()
    runner.close()
    with pytest.raises(EngineError, match="was closed"):
        runner.infer({"images": torch.zeros(1, 3, 128, 128)})


def test_memory_can_be_given_back_at_any_time(model: Model) -> None:
    built = build_engine(model, network_of(model), backend="torch", device="cpu")
    images = torch.rand(1, 3, 128, 128)
    before = built.infer(images)
    assert built.loaded
    built.unload()
    built.unload()
    assert not built.loaded
    after = built.infer(images)
    assert built.loaded
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_loading_and_unloading_leaves_memory_flat(model: Model) -> None:
    built = build_engine(model, network_of(model), backend="torch", device="cpu")
    process, held = psutil.Process(), []
    for _ in range(12):
        built.infer(torch.rand(1, 3, 256, 256))
        built.unload()
        held.append(process.memory_info().rss)
    assert max(held[6:]) - min(held[6:]) < 8 * 2**20  # the network alone is 19 MB


def test_running_out_of_memory_is_explained(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    built = build_engine(model, network_of(model), backend="torch", device="cpu")

    def full(self: object, images: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(movenet.MoveNetMultiPose, "forward", full)
    with pytest.raises(
        EngineError, match="out of memory with 4 frames of 160x128; lower max_batch"
    ):
        built.infer(torch.zeros(4, 3, 128, 160))


def test_batches_on_a_cpu_stay_within_reusable_memory(engine: Engine) -> None:
    assert engine.batch_for(1024, 1024) == 1
    assert engine.batch_for(128, 128) > 4
    model = engine.model
    small = build_engine(model, engine.network, backend="torch", device="cpu", max_batch=2)
    assert small.batch_for(128, 128) == 2


_GOOD = {"a": torch.ones(2, 2), "b": torch.zeros(3)}


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [
        ({"a": torch.ones(2, 2)}, "'b' is missing"),
        ({**_GOOD, "a": torch.ones(2, 3)}, r"a: expected \[2, 2\], found \[2, 3\]"),
        ({**_GOOD, "a": torch.full((2, 2), float("nan"))}, "a: NaN"),
        ({**_GOOD, "a": torch.ones(2, 2) * 1.1}, "a: relative error 0.1"),
        ({**_GOOD, "b": torch.ones(3)}, "b: relative error"),
    ],
)
def test_parity_fails_closed(outputs: dict[str, Tensor], reason: str) -> None:
    verdict = parity.compare(_GOOD, outputs, "fp32")
    assert not verdict.passed
    assert re.search(reason, verdict.reason)


def test_parity_passes_equals() -> None:
    assert parity.compare(_GOOD, _GOOD, "fp32").passed


def test_capabilities_always_offer_a_cure() -> None:
    found = ladder.capabilities()
    assert [c.title for c in found] == [
        *("tensorrt_rtx (cuda)", "tensorrt (cuda)", "onnxruntime (cuda)", "torch_compiled (cuda)"),
        *("torch_cudagraph (cuda)", "torch (cuda)"),
        *("onnxruntime (cpu)", "torch_compiled (cpu)", "torch (cpu)"),
    ]
    assert found[-1].usable
    for capability in found:
        if not capability.usable and "does not run on this card" not in capability.reason:
            assert capability.cure


def test_every_step_down_is_logged_once(
    model: Model, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine_module, "_logged", set())
    with caplog.at_level("INFO", logger="kinograph"):
        for _ in range(2):
            build_engine(model, network_of(model), device="cpu")
    lines = [r.getMessage() for r in caplog.records if "not tensorrt:" in r.getMessage()]
    assert lines == ["movenet_multipose: not tensorrt: it runs on cuda only"]


@pytest.mark.parametrize(
    ("beside", "asked"), [("torch", ("torch", "fp32")), ("onnxruntime", ("auto", "auto"))]
)
def test_what_is_built_beside_an_engine(
    model: Model, monkeypatch: pytest.MonkeyPatch, beside: str, asked: tuple[str, str]
) -> None:
    """On the best backend, but beside PyTorch, which needs no build, in PyTorch."""
    engine = build_engine(model, network_of(model), backend="torch", device="cpu", max_batch=3)
    engine.backend, engine.full_batches = beside, True
    wanted: list[dict[str, object]] = []

    def build(*given: Any, **settings: Any) -> Engine:
        wanted.append(settings)
        return build_engine(*given, **{**settings, "backend": "torch"})

    monkeypatch.setattr(engine_module, "build_engine", build)
    made = build_beside(engine, model, network_of(model))
    (settings,) = wanted
    assert (settings["backend"], settings["precision"]) == asked
    assert settings["cache"] is engine._request.cache
    assert (str(made.device), made.max_batch, made.full_batches) == ("cpu", 3, True)
