"""Real runs of ONNX Runtime, real builds of TensorRT-RTX, and the choice of a backend."""

import ast
import hashlib
import inspect
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file

from kinograph.engines.errors import EngineError, ModelError
from kinograph.engines.models.registry import Model, resolve
from kinograph.engines.pose.detect import detect_poses
from kinograph.engines.pose.families import movenet
from kinograph.engines.runtime import (
    ladder,
    onnx_export,
    parity,
    torch_runner,
    trt,
    trt_runner,
)
from kinograph.engines.runtime.backend import Rung
from kinograph.engines.runtime.backends import backend_of
from kinograph.engines.runtime.build import BuildRequest
from kinograph.engines.runtime.cache import Artifact, EngineCache
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.folders import engine_folder
from kinograph.engines.runtime.network import Network, network_of
from kinograph.engines.runtime.probe import probe
from kinograph.engines.runtime.reference import reference
from kinograph.engines.runtime.torch_runner import compile_ahead, true_products
from kinograph.engines.runtime.turing import without_matrix_products
from kinograph.engines.video.clip import Clip
from raft_models import random_raft

pytestmark = pytest.mark.long

rtx = pytest.importorskip(
    "tensorrt_rtx_bindings", reason="TensorRT-RTX has wheels for Linux and Windows on x86-64 only"
)


@pytest.fixture(scope="module")
def model() -> Model:
    return resolve("movenet_multipose")


def tensorrt_engine(
    flavour: str, precision: str, request: BuildRequest, capabilities: tuple[str, ...] = ()
) -> Artifact:
    rung = Rung(flavour, torch.device("cuda"), precision, capabilities)
    return backend_of(flavour).build(request, rung, lambda path: None)


def request_for(model: Model, longest: int = 1024, **options: Any) -> BuildRequest:
    cache = EngineCache(engine_folder())
    return BuildRequest(model, network_of(model), 16, (128, longest), cache, **options)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_exported_graph_agrees_with_torch(model: Model, precision: str) -> None:
    """Batch, height and width are free; inputs and outputs are fp32 in every precision."""
    network = network_of(model)
    onnx = onnx_export.exported(model, network, precision, EngineCache(engine_folder()))
    session = onnxruntime.InferenceSession(str(onnx.path))
    module = network.load(model.path)
    for shape in ((1, 3, 128, 224), (3, 3, 160, 96)):
        images = torch.rand(*shape, generator=torch.Generator().manual_seed(0))
        names = [spec.name for spec in network.outputs]
        values = session.run(names, {"images": images.numpy()})
        assert {value.dtype for value in values} == {np.dtype(np.float32)}
        outputs = dict(zip(names, map(torch.from_numpy, values), strict=True))
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
    runner = built.load()
    runner.close()
    with pytest.raises(EngineError, match="was closed"):
        runner.infer({"images": torch.zeros(1, 3, 128, 128)})


def test_a_cached_engine_is_not_built_again(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    build_engine(model, network_of(model), backend="onnxruntime", device="cpu")
    monkeypatch.setattr(onnx_export, "_export", lambda *a: pytest.fail("exported again"))
    again = build_engine(model, network_of(model), backend="onnxruntime", device="cpu")
    assert "- cached: movenet_multipose-fp32-onnx-" in again.report()
    assert "\nloaded in " in again.report()


def test_auto_steps_down_and_says_so(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> bytes:
        raise EngineError("the exporter is on strike")

    monkeypatch.setattr(onnx_export, "_export", broken)
    cache = EngineCache(engine_folder() / "empty")
    built = build_engine(model, network_of(model), device="cpu", cache=cache)
    assert built.backend == "torch"
    report = built.report()
    assert "- not tensorrt_rtx: it runs on cuda only" in report
    assert "- not onnxruntime: the exporter is on strike" in report
    with pytest.raises(EngineError, match="on strike"):
        build_engine(model, network_of(model), backend="onnxruntime", device="cpu", cache=cache)


def test_auto_prefers_onnxruntime_to_torch_on_a_cpu(model: Model) -> None:
    built = build_engine(model, network_of(model), device="cpu")
    assert built.backend == "onnxruntime"


def test_missing_packages_are_named(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_export, "missing_packages", lambda: ["onnxscript"])
    with pytest.raises(EngineError, match="onnxscript not installed; run: pip install onnxscript"):
        build_engine(model, network_of(model), backend="onnxruntime", device="cpu")
    built = build_engine(model, network_of(model), device="cpu")
    assert built.backend == "torch"
    assert "- not onnxruntime: onnxscript not installed" in built.report()


@pytest.fixture(scope="module")
def raft(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return random_raft(tmp_path_factory.mktemp("raft"))


@pytest.fixture(scope="module")
def warm(raft: Model) -> Model:
    """RAFT with everything that it can do: exporting each of its forms takes half a minute."""
    return raft.with_options(both=True, warm=True)


@pytest.mark.parametrize(
    ("name", "capability", "precision", "longest"),
    [
        ("movenet_multipose", "sm75", "fp32", 1024),
        ("movenet_multipose", "sm86", "fp16", 1024),
        ("movenet_multipose", "sm89", "fp32", 1024),
        ("movenet_multipose", "sm120", "fp16", 1024),
        # The oldest card, which needs another graph in fp32, and the newest.
        ("raft_small-warm", "sm75", "fp32", 256),
        ("raft_small", "sm120", "fp16", 1024),
    ],
)
def test_tensorrt_rtx_builds_for_any_card_without_one(
    request: pytest.FixtureRequest, name: str, capability: str, precision: str, longest: int
) -> None:
    fixture = {"movenet_multipose": "model", "raft_small": "raft", "raft_small-warm": "warm"}[name]
    chosen: Model = request.getfixturevalue(fixture)
    name = chosen.name
    steps: list[tuple[str, int, int]] = []
    job = request_for(chosen, longest, progress=lambda *step: steps.append(step))
    built = tensorrt_engine("tensorrt_rtx", precision, job, (capability,))
    assert built.built
    assert steps
    assert built.path.name.startswith(f"{name}-{longest}-{precision}-tensorrt_rtx-{capability}-")
    weights = {"movenet_multipose": 4.7e6, "raft_small": 1.0e6}[name]
    weights *= {"fp32": 4, "fp16": 2}[precision]
    assert weights * 0.95 < built.path.stat().st_size < weights + 50e6  # and its kernels
    data = built.path.read_bytes()
    # A plan's header: magic, size at 16, version at 24. More of it only a GPU can read.
    assert data[:4] == b"vtrt"
    assert int.from_bytes(data[16:24], "little") == len(data)
    assert ".".join(map(str, data[24:28])) == rtx.__version__
    for other in job.cache.folder.glob(f"{name}-{longest}-{precision}-tensorrt_rtx-*.engine"):
        assert other == built.path or other.read_bytes() != data
    again = tensorrt_engine("tensorrt_rtx", precision, job, (capability,))
    assert (again.built, again.path) == (False, built.path)


def test_without_matrix_products_the_graph_says_the_same(warm: Model, tmp_path: Path) -> None:
    request = request_for(warm)
    onnx = onnx_export.exported(warm, request.network, "fp32", request.cache)
    without_matrix_products(onnx.path, tmp_path / "turing.onnx")
    images = {name: value.numpy() for name, value in probe(request.network, 128).items()}
    flows = [
        onnxruntime.InferenceSession(str(path)).run(["flow"], images)[0]
        for path in (onnx.path, tmp_path / "turing.onnx")
    ]
    assert np.abs(flows[0]).max() > 1
    np.testing.assert_allclose(*flows, atol=1e-3)


@pytest.mark.parametrize("options", [{}, {"transB": 1}, {"transA": 1}, {"transA": 1, "transB": 1}])
@pytest.mark.parametrize("bias", [False, True])
def test_fully_connected_layers_without_matrix_products(
    options: dict[str, int], bias: bool, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    left = random.random((3, 5), np.float32)
    right = random.random((5, 4), np.float32)
    if options.get("transA"):
        left = np.ascontiguousarray(left.T)
    if options.get("transB"):
        right = np.ascontiguousarray(right.T)
    weights = {"right": right, **({"bias": random.random(4, np.float32)} if bias else {})}
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Gemm", ["left", *weights], ["out"], **options)],
        "layer",
        [onnx.helper.make_tensor_value_info("left", onnx.TensorProto.FLOAT, left.shape)],
        [onnx.helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, (3, 4))],
        [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    opset = [onnx.helper.make_opsetid("", 18)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=9), tmp_path / "a.onnx")
    without_matrix_products(tmp_path / "a.onnx", tmp_path / "b.onnx")
    kinds = {node.op_type for node in onnx.load(tmp_path / "b.onnx").graph.node}
    assert "Gemm" not in kinds
    found = [
        onnxruntime.InferenceSession(tmp_path / name).run(["out"], {"left": left})[0]
        for name in ("a.onnx", "b.onnx")
    ]
    np.testing.assert_allclose(*found, rtol=1e-6)


def test_a_scaled_layer_is_refused_for_turing(tmp_path: Path) -> None:
    node = onnx.helper.make_node("Gemm", ["a", "b"], ["out"], alpha=2.0)
    sides = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, (2, 2))
        for name in ("a", "b", "out")
    ]
    graph = onnx.helper.make_graph([node], "layer", sides[:2], sides[2:])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "a.onnx")
    with pytest.raises(EngineError, match=r"a.onnx: out: a Gemm with .*alpha.* build in fp16"):
        without_matrix_products(tmp_path / "a.onnx", tmp_path / "b.onnx")


def test_two_profiles_one_for_single_images_and_one_for_many(model: Model, raft: Model) -> None:
    single, many = (profile["images"] for profile in request_for(model).profiles())
    assert single == ((1, 3, 32, 32), (1, 3, 256, 448), (1, 3, 1024, 1024))
    assert many == ((1, 3, 32, 32), (16, 3, 256, 448), (16, 3, 1024, 1024))
    two, _ = (profile["images"] for profile in request_for(raft).profiles())
    assert two == ((2, 3, 128, 128), (2, 3, 288, 512), (2, 3, 1024, 1024))


def test_an_unknown_card(model: Model) -> None:
    with pytest.raises(EngineError, match=r"capability: expected one of sm75, .*, found 'sm90'"):
        tensorrt_engine("tensorrt_rtx", "fp32", request_for(model), ("sm90",))
    with pytest.raises(EngineError, match="tensorrt: no module named tensorrt"):
        tensorrt_engine("tensorrt", "fp32", request_for(model), ("sm89",))


def workers() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if child.status() != psutil.STATUS_ZOMBIE and "trt_worker" in " ".join(child.cmdline())
    ]


def plan(onnx: Path, target: Path, **options: Any) -> None:
    profile = ((1, 3, 32, 32), (8, 3, 256, 448), (16, 3, 512, 512))
    settings = {"capabilities": ["sm89"], "timings": target.with_suffix(".cache"), **options}
    trt.build_plan(onnx, target, flavour="tensorrt_rtx", profiles=[{"images": profile}], **settings)


def test_a_build_can_be_cancelled(model: Model, tmp_path: Path) -> None:
    request = request_for(model)
    onnx = onnx_export.exported(model, request.network, "fp32", request.cache)
    phases: list[str] = []

    def stop(phase: str, step: int, steps: int) -> None:
        phases.append(phase)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plan(onnx.path, tmp_path / "plan", progress=stop)
    assert len(phases) == 1
    assert not (tmp_path / "plan").exists()
    assert workers() == []


def test_what_tensorrt_cannot_parse_is_said_in_its_words(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a graph")
    with pytest.raises(EngineError, match=r"(?s)cannot build broken.onnx: .*pars"):
        plan(path, tmp_path / "plan")


def test_a_builder_that_dies_is_an_error_and_not_the_end(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_for(model)
    onnx = onnx_export.exported(model, request.network, "fp32", request.cache)

    def shoot(phase: str, step: int, steps: int) -> None:
        for child in workers():
            child.kill()

    with pytest.raises(EngineError, match="it ended with status -9"):
        plan(onnx.path, tmp_path / "plan", progress=shoot)


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
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = []
    cache = EngineCache(tmp_path)
    real = cache.fetch

    def export(model: Model, network: Network, *rest: object) -> bytes:
        """In place of a graph, which takes seconds to make: a digest of the weights."""
        module = network.module(model.path)
        weights = b"".join(value.numpy().tobytes() for value in module.state_dict().values())
        return hashlib.sha256(weights).digest()

    monkeypatch.setattr(onnx_export, "_export", export)

    def spy(name: str, key: dict[str, object], *rest: Any, **options: Any) -> Artifact:
        if key["kind"] == "onnx":
            return real(name, key, *rest, **options)
        keys.append(tuple(sorted((k, str(v)) for k, v in key.items())))
        return Artifact(Path("x"), {})

    monkeypatch.setattr(cache, "fetch", spy)
    network = network_of(model)
    changed = tmp_path / "changed.safetensors"
    weights = {name: value.clone() for name, value in load_file(model.path).items()}
    weights["stem.conv.bias"][0] += 1
    save_file(weights, changed)
    digest = hashlib.sha256(changed.read_bytes()).hexdigest()
    other = Model.of_file(model.entry.with_file(changed.name, sha256=digest), changed)
    tensorrt_engine("tensorrt_rtx", "fp32", request_for_cache(other, cache), ("sm89",))
    for max_batch, sizes, precision, card in (
        (16, (128, 1024), "fp32", "sm89"),
        (8, (128, 1024), "fp32", "sm89"),
        (16, (128, 512), "fp32", "sm89"),
        (16, (128, 1024), "fp16", "sm89"),
        (16, (128, 1024), "fp32", "sm86"),
    ):
        request = BuildRequest(model, network, max_batch, sizes, cache)
        tensorrt_engine("tensorrt_rtx", precision, request, (card,))
    monkeypatch.setattr(trt, "library_version", lambda flavour: "9.9")
    tensorrt_engine("tensorrt_rtx", "fp32", request_for_cache(model, cache), ("sm89",))
    assert len(set(keys)) == len(keys) == 7


def request_for_cache(model: Model, cache: EngineCache) -> BuildRequest:
    return BuildRequest(model, network_of(model), 16, (128, 1024), cache)


def test_nothing_is_imported_to_ask_what_is_there() -> None:
    for name in ("tensorrt", "tensorrt_rtx"):
        before = set(sys.modules)
        ladder.capabilities()
        assert name not in set(sys.modules) - before


@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling needs a C++ compiler")
def test_compiled_ahead_it_is_loaded_from_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small network: the compiler takes its time."""
    model = resolve("mediapipe_face_detector")
    options: Any = {"backend": "torch_compiled", "device": "cpu", "max_batch": 3}
    built = build_engine(model, network_of(model), **options)
    assert built.verdict is not None
    assert max(built.verdict.errors.values()) < 1e-4
    monkeypatch.setattr(torch_runner, "compile_ahead", lambda *a: pytest.fail("compiled again"))
    again = build_engine(model, network_of(model), **options)
    assert "- cached: mediapipe_face_detector-fp32-torch_compiled-cpu-" in again.report()
    for count in (1, 3):
        images = torch.rand(count, 3, 128, 128)
        wanted = reference(model, built.network).infer({"images": images})
        assert parity.compare(wanted, again.infer(images), "fp32").passed
    done = subprocess.run(
        [sys.executable, "-c", _LOADS_COMPILED], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# A new process does not import the compiler, which takes many times as long as the engine.
_LOADS_COMPILED = """
import sys
from kinograph.engines.runtime.network import network_of
from kinograph.engines.models.registry import resolve
from kinograph.engines.runtime.engine import build_engine
model = resolve("mediapipe_face_detector")
engine = build_engine(
    model, network_of(model), backend="torch_compiled", device="cpu", max_batch=3
)
assert any(line.startswith("cached: ") for line in engine.why), engine.report()
assert "torch._inductor" not in sys.modules
"""


@pytest.mark.parametrize("name", ["movenet_multipose", "raft_small"])
def test_a_rest_runs_as_a_full_batch(
    model: Model, raft: Model, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where libraries choose their kernels by the number of images: on a GPU."""
    chosen = model if name == model.name else raft
    engine = build_engine(chosen, network_of(chosen), backend="torch", device="cpu", max_batch=5)
    images = torch.rand(3, 3, 128, 160)
    seen: list[int] = []
    infer = engine.load().infer

    def noted(inputs: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        seen.append(len(inputs["images"]))
        return infer(inputs)

    monkeypatch.setattr(engine.load(), "infer", noted)
    engine.full_batches = True
    plain = engine.infer(images)  # not on a CPU, where it would cost time for nothing
    monkeypatch.setattr(Engine, "_fills_batches", True)
    full = engine.infer(images)
    assert seen == [3, 5]
    assert full.keys() == plain.keys()
    for output, value in plain.items():
        assert full[output].shape == value.shape
        assert torch.allclose(full[output], value, rtol=1e-3, atol=1e-4), output


def test_auto_leaves_out_what_would_cost_a_minute_for_nothing(model: Model) -> None:
    built = build_engine(model, network_of(model), device="cpu")
    if ladder.capabilities()[-2].usable:
        assert "- not torch_compiled: on a CPU it takes a minute to build" in built.report()


def test_cuda_graphs_need_cuda(model: Model) -> None:
    with pytest.raises(EngineError, match="torch_cudagraph: it runs on cuda only"):
        build_engine(model, network_of(model), backend="torch_cudagraph", device="cpu")


@pytest.fixture(scope="module")
def graph(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Network]:
    """MoveNet as an ONNX file of somebody's, its weights in a file beside it: no torch module."""
    path = tmp_path_factory.mktemp("graph") / "movenet_multipose.onnx"
    shutil.copy(root / "tests" / "data" / path.name, path)
    shutil.copy(resolve("movenet_multipose").path, path.parent)
    entry = replace(
        resolve("movenet_multipose").entry,
        name="movenet_graph",
    ).with_file(path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    return Model.of_file(entry, path), replace(movenet.NETWORK, name="movenet_graph", load=None)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_an_onnx_file_is_a_network_too(graph: tuple[Model, Network], precision: str) -> None:
    model, network = graph
    built = build_engine(model, network, backend="onnxruntime", precision=precision, device="cpu")
    assert built.verdict is not None
    assert built.verdict.passed
    request = BuildRequest(model, network, 4, (128, 512), EngineCache(engine_folder()))
    plan = tensorrt_engine("tensorrt_rtx", precision, request, ("sm89",)).path
    low, high = (18e6, 26e6) if precision == "fp32" else (9e6, 16e6)
    assert low < plan.stat().st_size < high


def test_weights_beside_the_graph_are_part_of_its_key(
    graph: tuple[Model, Network], tmp_path: Path
) -> None:
    shutil.copytree(graph[0].path.parent, tmp_path / "copy")
    model = Model.of_file(graph[0].entry, tmp_path / "copy" / graph[0].path.name)
    before = onnx_export.onnx_key(model, graph[1], "fp32")
    assert before == onnx_export.onnx_key(*graph, "fp32")
    weights = model.path.with_suffix(".safetensors")
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert onnx_export.onnx_key(model, graph[1], "fp32") != before
    weights.unlink()
    with pytest.raises(ModelError, match=r"\.onnx: the weights 'b_3': No such file"):
        onnx_export.onnx_key(model, graph[1], "fp32")


def test_torch_does_not_run_an_onnx_file(graph: tuple[Model, Network]) -> None:
    with pytest.raises(EngineError, match="is an ONNX graph, which torch does not run"):
        build_engine(*graph, backend="torch", device="cpu")


def test_a_file_that_is_no_onnx(graph: tuple[Model, Network], tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"\x08\x07nothing")
    model = Model.of_file(graph[0].entry.with_file(path.name, sha256="0" * 64), path)
    with pytest.raises(ModelError, match=r"broken.onnx: cannot be read as ONNX"):
        build_engine(model, graph[1], backend="onnxruntime", device="cpu")


def _older_names(precision: str) -> None:
    torch.set_float32_matmul_precision(precision)


def _newer_names(precision: str) -> None:
    torch.backends.cuda.matmul.fp32_precision = precision


@pytest.mark.parametrize(
    ("allow", "precision", "forbidden"),
    [
        (_older_names, "highest", "highest"),
        (_older_names, "high", "highest"),
        (_older_names, "medium", "highest"),
        (_newer_names, "tf32", "ieee"),
    ],
)
def test_products_stay_fp32_where_the_host_allows_tf32(
    allow: Callable[[str], None], precision: str, forbidden: str
) -> None:
    """Either way of allowing it is held, and given back as it was."""

    def current() -> str:
        if allow is _newer_names:
            return torch.backends.cuda.matmul.fp32_precision
        return torch.get_float32_matmul_precision()

    if allow is _newer_names and not hasattr(torch.backends.cuda.matmul, "fp32_precision"):
        pytest.skip("this torch has only the older names")
    allow(precision)
    try:
        with true_products():
            assert current() == forbidden
        assert current() == precision
    finally:
        allow(forbidden)


@pytest.mark.parametrize("newer", [False, True])
def test_convolutions_stay_fp32_where_the_host_allows_tf32(newer: bool) -> None:
    code = """
import torch
from kinograph.engines.runtime.torch_runner import true_convolutions
cudnn = torch.backends.cudnn
newer = NEWER and hasattr(cudnn, "conv")
def current():
    return cudnn.conv.fp32_precision if newer else cudnn.allow_tf32
if newer:
    cudnn.conv.fp32_precision = "none"
    cudnn.conv.fp32_precision = "tf32"
    torch.backends.cudnn.rnn.fp32_precision = "ieee"  # now the older name cannot say it in one word
before = current()
with true_convolutions():
    assert current() in ("ieee", False), current()
assert current() == before and before in ("tf32", True), (current(), before)
"""  # in a process of its own: the newer names end the older ones for good
    done = subprocess.run(
        [sys.executable, "-c", code.replace("NEWER", str(newer))], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_what_is_compiled_is_no_inference_tensor(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ComfyUI runs nodes in inference mode, whose tensors cannot be exported."""
    given: list[torch.Tensor] = []

    def export(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], **_: Any) -> None:
        given.extend([*inputs, *module.parameters(), *module.buffers()])
        raise RuntimeError("enough")

    monkeypatch.setattr(torch.export, "export", export)
    with torch.inference_mode(), pytest.raises(EngineError, match="enough"):
        compile_ahead(network_of(model), model.path, torch.device("cpu"), "fp32", tmp_path / "made")
    assert given
    assert not any(tensor.is_inference() for tensor in given)
