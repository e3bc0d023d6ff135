"""Backends as objects: their order, a backend of another package, and what runners share."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from kinograph.engines.errors import EngineError, ParityError
from kinograph.engines.models.registry import Model, resolve
from kinograph.engines.runtime import backends
from kinograph.engines.runtime.backend import Backend, Capability, Rung
from kinograph.engines.runtime.backends.onnxruntime import OnnxRuntime
from kinograph.engines.runtime.build import BuildRequest
from kinograph.engines.runtime.cache import Artifact, Check, EngineCache
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.ladder import capabilities, ladder
from kinograph.engines.runtime.network import network_of
from kinograph.engines.runtime.reason import Reason, Severity
from kinograph.engines.runtime.reference import reference
from kinograph.engines.runtime.runner import Runner
from kinograph.engines.runtime.upkeep import build, pruned

NAMES = (
    "tensorrt_rtx",
    "tensorrt",
    "onnxruntime",
    "torch_compiled",
    "torch_cudagraph",
    "torch",
)


class ToyRunner(Runner):
    backend, device, precision, bytes = "toy", torch.device("cpu"), "fp32", 0

    def __init__(self, inner: Runner, factor: float):
        self._inner = inner
        self._factor = factor

    def _infer(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        return {name: x * self._factor for name, x in self._inner.infer(inputs).items()}

    def _close(self) -> None:
        self._inner.close()


class Toy(Backend):
    """Keeps a number by which it multiplies the reference's outputs."""

    name = "toy"
    preference = 45
    devices = ("cpu",)
    factor: ClassVar[float] = 1.0

    def capability(self, device: str) -> Capability:
        return Capability(self.name, device)

    def build(self, request: BuildRequest, rung: Rung, check: Check) -> Artifact:
        return request.cache.fetch(
            f"{request.model.name}-toy",
            {"kind": "toy", "factor": self.factor, "version": 1},
            lambda path: path.write_text(str(self.factor)) and None,
            check,
            request=request.described(rung),
        )

    def load(self, request: BuildRequest, rung: Rung, path: Path | None) -> Runner:
        assert path is not None
        inner = reference(request.model, request.network)
        return ToyRunner(inner, float(path.read_text()))

    def owns(self, key: Mapping[str, Any]) -> bool:
        return key.get("kind") == "toy"

    def outdated(self, key: Mapping[str, Any]) -> str:
        return "" if key.get("version") == 1 else "built by another toy"


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Toy:
    monkeypatch.setattr(backends, "_registered", {})
    toy = Toy()
    backends.register(toy)
    return toy


@pytest.fixture(scope="module")
def model() -> Model:
    return resolve("movenet_multipose")


def test_best_first() -> None:
    assert backends.names() == NAMES
    for name in NAMES:
        assert backends.backend_of(name).name == name
    with pytest.raises(EngineError, match=r"backend: expected tensorrt_rtx, .*, found 'abacus'"):
        backends.backend_of("abacus")


def test_every_backend_is_a_module_of_its_name(root: Path) -> None:
    modules = {path.stem for path in (root / "engines/runtime/backends").glob("[!_]*.py")}
    assert modules == set(NAMES)


def test_naming_the_backends_imports_nothing_heavy() -> None:
    code = """
import sys
from kinograph.engines.runtime.backends import backends
print([backend.name for backend in backends() if backend.keeps_file])
heavy = {"torch", "numpy", "onnx", "onnxruntime", "tensorrt", "PIL", "yaml"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "['tensorrt_rtx', 'tensorrt', 'onnxruntime', 'torch_compiled']" in done.stdout


def test_a_backend_of_another_package(
    toy: Toy, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offered, chosen by itself, compared, cached, and maintained, as any other."""
    assert backends.names().index("toy") == 2
    assert Capability("toy", "cpu") in capabilities()
    assert "toy" in [rung.backend for rung in ladder(device="cpu").rungs]
    with monkeypatch.context() as patch:
        patch.setattr(
            "kinograph.engines.runtime.ladder.chosen_device", lambda *_: torch.device("meta")
        )
        with pytest.raises(EngineError, match="backend toy: it runs on cpu only"):
            ladder("toy", device="meta")
    with pytest.raises(EngineError, match="backend toy: there is already one of this name"):
        backends.register(Toy())
    cache = EngineCache(tmp_path)
    for state in ("built", "cached"):
        engine = build_engine(model, network_of(model), device="cpu", cache=cache)
        assert engine.backend == "toy"
        assert engine.verdict is not None
        assert engine.why[-1].startswith(f"{state}: movenet_multipose-toy-")
    assert engine.infer(torch.rand(1, 3, 128, 128))["center"].shape == (1, 1, 32, 32)
    assert [finding.state for finding in pruned(cache)] == ["kept"]
    path = build(cache, model=model.name, backend="toy", precision="fp32", device="cpu")
    assert path.name.startswith("movenet_multipose-toy-")
    with pytest.raises(EngineError, match="cannot build for other cards; choose tensorrt_rtx"):
        build(cache, model=model.name, backend="toy", precision="fp32", capabilities=["sm89"])
    with pytest.raises(EngineError, match="backend torch: it builds nothing that could be kept"):
        build(cache, model=model.name, backend="torch", precision="fp32")


def test_auto_does_not_build_what_is_built_if_asked(
    toy: Toy, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left out with the command that builds it; used once it is there; a damaged one is said."""
    monkeypatch.setattr(Toy, "built_if_asked", lambda self, device: "it takes an hour to build")
    monkeypatch.setattr(Toy, "preference", 11)  # above PyTorch
    monkeypatch.setattr(OnnxRuntime, "left_out", lambda self, device: "not here")
    cache = EngineCache(tmp_path)

    def auto() -> Engine:
        return build_engine(model, network_of(model), device="cpu", cache=cache)

    first = auto()
    assert first.backend == "torch"
    assert not first.warnings
    (left,) = [reason for reason in first.reasons if reason.left_out == "toy"]
    assert left.cure == "kinograph build movenet_multipose --backend toy --precision fp32"
    assert "- not toy: it takes an hour to build; choose it once as the back" in first.report()
    assert f"in Build Engine, or run: {left.cure}; auto uses it from then on" in first.report()
    assert cache.entries() == []

    asked = build(cache, model=model.name, backend="toy", precision="fp32", device="cpu")
    second = auto()
    assert (second.backend, second.came, second.artifact) == ("toy", "loaded", asked)
    assert second.verdict is not None
    second.unload()
    assert second.load().backend == "toy"

    asked.write_text("2.0")
    third = auto()
    assert third.backend == "torch"
    (warning,) = third.warnings
    assert (
        f"is not usable (its sha256 differs); run: kinograph engines rebuild {asked.stem}"
        in warning
    )
    assert asked.exists()


def test_auto_names_no_command_that_would_build_something_else(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Toy, "built_if_asked", lambda self, device: "it takes an hour to build")
    monkeypatch.setattr(OnnxRuntime, "left_out", lambda self, device: "not here")
    model = resolve("movenet_multipose")
    network, model = network_of(model), replace(model, options={"updates": 3})
    built = build_engine(model, network, device="cpu", cache=EngineCache(tmp_path))
    (left,) = [reason for reason in built.reasons if reason.left_out == "toy"]
    assert left.cure == ""
    assert str(left).endswith(
        "choose it once as the backend in Build Engine; auto uses it from then on"
    )


def test_compiling_waits_until_it_is_asked_for() -> None:
    """Nothing that auto builds takes a minute without a word."""
    assert backends.backend_of("torch_compiled").built_if_asked("cuda")
    assert [b.name for b in backends.backends() if b.built_if_asked("cuda")] == ["torch_compiled"]


def test_a_wrong_backend_is_a_parity_error(
    toy: Toy, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Toy, "factor", 2.0)
    cache = EngineCache(tmp_path)
    with pytest.raises(ParityError, match="toy fp32 on cpu disagrees with the reference"):
        build_engine(model, network_of(model), backend="toy", device="cpu", cache=cache)
    assert [artifact.state for artifact in cache.entries()] == []
    below = build_engine(model, network_of(model), device="cpu")
    assert below.backend == "onnxruntime"
    (down,) = [r for r in below.reasons if r.severity is Severity.STEPPED_DOWN]
    assert down.left_out == "toy"
    (warning,) = below.warnings
    assert warning.startswith("runs on onnxruntime fp32 on cpu; not toy: toy fp32 on cpu disagrees")


def test_reasons_are_typed_and_printable() -> None:
    why = ladder(device="cpu").why
    (left,) = [reason for reason in why if reason.left_out == "tensorrt"]
    assert left == Reason("it runs on cuda only", Severity.LEFT_OUT, "tensorrt")
    assert str(left) == "not tensorrt: it runs on cuda only"
    assert {reason.severity for reason in why} == {Severity.NOTE, Severity.LEFT_OUT}


class Full(Runner):
    backend, device, precision, bytes = "toy", torch.device("cpu"), "fp32", 0
    closed = 0

    def _infer(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        raise torch.OutOfMemoryError("no room")

    def _close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    ("tensor", "amount"),
    [
        (torch.zeros(1, 3, 8, 16), "1 frame of 16x8"),
        (torch.zeros(4, 3, 8, 16), "4 frames of 16x8"),
        (torch.zeros(4, 6), r"pose of shape \[4, 6\]"),
    ],
)
def test_every_runner_explains_a_lack_of_memory(tensor: Tensor, amount: str) -> None:
    with pytest.raises(EngineError, match=f"cpu: out of memory with {amount}; lower max_batch"):
        Full().infer({"pose": tensor})


def test_every_runner_can_be_closed_twice() -> None:
    runner = Full()
    runner.close()
    runner.close()
    assert runner.closed == 1
    with pytest.raises(EngineError, match="the engine was closed; run Build Engine again"):
        runner.infer({})
