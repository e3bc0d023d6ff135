"""ONNX Runtime run for real, TensorRT-RTX built for real, and the steps of the ladder."""

import ast
import inspect
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from kinograph.engines.errors import EngineError
from kinograph.engines.families import network_of
from kinograph.engines.models.registry import Model, resolve
from kinograph.engines.pose.detect import detect_poses
from kinograph.engines.runtime import build, ladder, onnx_export, parity, trt, trt_runner
from kinograph.engines.runtime.build import BuildRequest, tensorrt_engine
from kinograph.engines.runtime.cache import EngineCache
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.folders import engine_folder
from kinograph.engines.video.clip import Clip

rtx = pytest.importorskip(
    "tensorrt_rtx_bindings", reason="TensorRT-RTX has wheels for Linux and Windows on x86-64 only"
)


@pytest.fixture(scope="module")
def model() -> Model:
    return resolve("movenet_multipose")


def request_for(model: Model) -> BuildRequest:
    return BuildRequest(model, network_of(model), 16, (128, 1024), EngineCache(engine_folder()))


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_exported_graph_agrees_with_torch(model: Model, precision: str) -> None:
    """Free batch, height and width; fp32 in and out whatever lies between."""
    network = network_of(model)
    onnx = onnx_export.exported(model, network, precision, EngineCache(engine_folder()))
    session = onnxruntime.InferenceSession(str(onnx.path))
    module = network.load(model.path)
    for shape in ((1, 3, 128, 224), (3, 3, 160, 96)):
        images = torch.rand(*shape, generator=torch.Generator().manual_seed(0))
        values = session.run(list(network.outputs), {"images": images.numpy()})
        assert {value.dtype for value in values} == {np.dtype(np.float32)}
        outputs = dict(zip(network.outputs, map(torch.from_numpy, values), strict=True))
        with torch.inference_mode():
            assert parity.compare(module(images), outputs, precision).passed


def test_onnxruntime_runs_the_whole_job(model: Model, clip: Clip, engine: Engine) -> None:
    built = build_engine(model, network_of(model), backend="onnxruntime", device="cpu")
    assert "runs on onnxruntime in fp32 on cpu" in built.report()
    assert built.verdict is not None
    assert max(built.verdict.errors.values()) < 1e-4
    frames = clip.frames[::6]
    found, wanted = detect_poses(frames, built), detect_poses(frames, engine)
    assert torch.equal(found.count, wanted.count)
    torch.testing.assert_close(found.keypoints, wanted.keypoints, atol=0.05, rtol=0)
    built.runner.close()
    with pytest.raises(EngineError, match="was closed"):
        built.infer(torch.zeros(1, 3, 128, 128))


def test_a_cached_engine_is_not_built_again(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    build_engine(model, network_of(model), backend="onnxruntime", device="cpu")
    monkeypatch.setattr(onnx_export, "_export", lambda *a: pytest.fail("exported again"))
    again = build_engine(model, network_of(model), backend="onnxruntime", device="cpu")
    assert "- cached: movenet_multipose-fp32-onnx-" in again.report()


def test_auto_steps_down_and_says_so(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> bytes:
        raise EngineError("the exporter is on strike")

    monkeypatch.setattr(onnx_export, "_export", broken)
    cache = EngineCache(engine_folder() / "empty")
    built = build_engine(model, network_of(model), device="cpu", cache=cache)
    assert built.runner.backend == "torch"
    report = built.report()
    assert "- not tensorrt_rtx: it runs on cuda only" in report
    assert "- not onnxruntime: the exporter is on strike" in report
    with pytest.raises(EngineError, match="on strike"):
        build_engine(model, network_of(model), backend="onnxruntime", device="cpu", cache=cache)


def test_auto_prefers_onnxruntime_to_torch_on_a_cpu(model: Model) -> None:
    built = build_engine(model, network_of(model), device="cpu")
    assert built.runner.backend == "onnxruntime"


def test_missing_packages_are_named(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_export, "missing_packages", lambda: ["onnxscript"])
    with pytest.raises(EngineError, match="onnxscript not installed; run: pip install onnxscript"):
        build_engine(model, network_of(model), backend="onnxruntime", device="cpu")
    built = build_engine(model, network_of(model), device="cpu")
    assert built.runner.backend == "torch"
    assert "- not onnxruntime: onnxscript not installed" in built.report()


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("capability", ["sm75", "sm86", "sm89", "sm120"])
def test_tensorrt_rtx_builds_for_any_card_without_one(
    model: Model, capability: str, precision: str
) -> None:
    path, notes = tensorrt_engine("tensorrt_rtx", precision, request_for(model), (capability,))
    assert path.name.startswith(f"movenet_multipose-1024-{precision}-tensorrt_rtx-{capability}-")
    size = path.stat().st_size
    # about the weights: 4.7 million in four or two bytes
    low, high = (18e6, 26e6) if precision == "fp32" else (9e6, 16e6)
    assert low < size < high
    again, notes = tensorrt_engine("tensorrt_rtx", precision, request_for(model), (capability,))
    assert again == path
    assert notes == (f"cached: {path.name}",)


def test_an_unknown_card(model: Model) -> None:
    with pytest.raises(EngineError, match=r"capability: expected one of sm75, .*, found 'sm90'"):
        tensorrt_engine("tensorrt_rtx", "fp32", request_for(model), ("sm90",))


def test_a_build_can_be_cancelled(model: Model) -> None:
    request = request_for(model)
    onnx = onnx_export.exported(model, request.network, "fp32", request.cache)
    phases: list[str] = []

    def stop(phase: str, step: int, steps: int) -> None:
        phases.append(phase)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trt.build_plan(
            onnx.path,
            request.network,
            flavour="tensorrt_rtx",
            max_batch=16,
            sizes=(128, 1024),
            optimum=(8, 256, 448),
            capabilities=("sm89",),
            progress=stop,
        )
    assert len(phases) == 1


def test_what_tensorrt_cannot_parse_is_said_in_its_words(tmp_path: Path, model: Model) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a graph")
    with pytest.raises(EngineError, match=r"tensorrt_rtx cannot parse broken.onnx: .*"):
        trt.build_plan(
            path,
            network_of(model),
            flavour="tensorrt_rtx",
            max_batch=1,
            sizes=(128, 256),
            optimum=(1, 128, 128),
        )


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a card")
def test_without_a_card_one_must_be_named(model: Model) -> None:
    with pytest.raises(EngineError, match="no card to build for; name one"):
        tensorrt_engine("tensorrt_rtx", "fp32", request_for(model))
    with pytest.raises(EngineError, match="tensorrt_rtx: it runs on cuda only"):
        build_engine(model, network_of(model), backend="tensorrt_rtx", device="cpu")


def test_the_runner_calls_what_the_bindings_have() -> None:
    """The runner has not met a card yet; every attribute that it uses exists, at least."""
    owners = {
        "trt": rtx,
        "runtime": rtx.Runtime,
        "engine": rtx.ICudaEngine,
        "context": rtx.IExecutionContext,
    }
    used = []
    for node in ast.walk(ast.parse(inspect.getsource(trt_runner))):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in owners
        ):
            used.append((node.value.id, node.attr))
    assert len(used) >= 12
    for owner, attribute in used:
        assert hasattr(owners[owner], attribute), f"{owner}.{attribute}"
    assert hasattr(rtx.ExecutionContextAllocationStrategy, "USER_MANAGED")
    assert hasattr(rtx.EngineValidity, "INVALID")


def test_every_part_of_the_request_changes_the_key(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = []
    cache = EngineCache(engine_folder())
    real = cache.fetch

    def spy(name: str, key: dict[str, object], make: object) -> object:
        if key["kind"] == "onnx":
            return real(name, key, make)
        keys.append(tuple(sorted((k, str(v)) for k, v in key.items())))
        return type("A", (), {"path": Path("x"), "built": False, "notes": ()})()

    monkeypatch.setattr(cache, "fetch", spy)
    network = network_of(model)
    for max_batch, sizes, precision, card in (
        (16, (128, 1024), "fp32", "sm89"),
        (8, (128, 1024), "fp32", "sm89"),
        (16, (128, 512), "fp32", "sm89"),
        (16, (128, 1024), "fp16", "sm89"),
        (16, (128, 1024), "fp32", "sm86"),
    ):
        request = BuildRequest(model, network, max_batch, sizes, cache)
        tensorrt_engine("tensorrt_rtx", precision, request, (card,))
    monkeypatch.setattr(build, "_library_version", lambda flavour: "9.9")
    tensorrt_engine("tensorrt_rtx", "fp32", request_for_cache(model, cache), ("sm89",))
    assert len(set(keys)) == len(keys) == 6


def request_for_cache(model: Model, cache: EngineCache) -> BuildRequest:
    return BuildRequest(model, network_of(model), 16, (128, 1024), cache)


def test_nothing_is_imported_to_ask_what_is_there() -> None:
    for name in ("tensorrt", "tensorrt_rtx"):
        before = set(sys.modules)
        ladder.capabilities()
        assert name not in set(sys.modules) - before
