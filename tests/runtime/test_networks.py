"""Networks of other shapes than the shipped ones: five inputs, a larger output, other types."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from kinograph.engines.errors import EngineError, InputError
from kinograph.engines.files import sha256_of
from kinograph.engines.models.registry import Model, resolve
from kinograph.engines.runtime.backend import Rung
from kinograph.engines.runtime.backends import backend_of
from kinograph.engines.runtime.build import BuildRequest
from kinograph.engines.runtime.cache import EngineCache
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.fixed_batch import any_batch
from kinograph.engines.runtime.network import Network
from kinograph.engines.runtime.runner import Runner
from kinograph.engines.runtime.tensor_spec import (
    BATCH,
    HEIGHT,
    WIDTH,
    Axis,
    TensorSpec,
    bind,
    image_input,
)

pytestmark = pytest.mark.long


class Upscaler(nn.Module):
    """images [N,3,H,W] -> upscaled [N,3,2H,2W]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 12, 3, padding=1)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"upscaled": nn.functional.pixel_shuffle(self.conv(images), 2)}


class Regressor(nn.Module):
    """Five inputs: crops, intrinsics, boxes, joints of any number, and a pose to begin with."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 4, stride=4)
        self.linear = nn.Linear(4 + 9 + 4 + 3, 6)

    def forward(
        self, crops: Tensor, intrinsics: Tensor, boxes: Tensor, points: Tensor, begin: Tensor
    ) -> dict[str, Tensor]:
        seen = self.conv(crops).mean((2, 3))
        camera = intrinsics.flatten(1).to(crops.dtype) / 1000
        area = boxes.to(crops.dtype) / 100
        pose = self.linear(torch.cat([seen, camera, area, points.mean(1)], 1))
        return {"pose": pose.float() + begin, "nearest": points.float().norm(dim=2).argmin(1)}


def _load(kind: type[nn.Module]) -> Any:
    def load(path: Path) -> nn.Module:
        module = kind()
        module.load_state_dict(load_file(path))
        return module.eval()

    return load


UPSCALER = Network(
    name="toy_upscaler",
    load=_load(Upscaler),
    inputs=(image_input(),),
    outputs=(TensorSpec("upscaled", "float", (BATCH, 3, HEIGHT * 2, WIDTH * 2)),),
    stride=4,
    sizes=(16, 256),
    pixel_bytes=48,
)


def intrinsics(shape: Any) -> Tensor:
    return torch.tensor([[600.0, 0, 64], [0, 600, 32], [0, 0, 1]]).expand(*shape)


REGRESSOR = Network(
    name="toy_regressor",
    load=_load(Regressor),
    inputs=(
        image_input(64, 48, name="crops"),
        TensorSpec("intrinsics", "float32", ("batch", 3, 3), example=intrinsics),
        TensorSpec("boxes", "int64", ("batch", 4), example=lambda s: torch.arange(4).expand(*s)),
        TensorSpec("points", "float", ("batch", "joints", 3)),
        TensorSpec("begin", "float32", (BATCH, 6), default=0.5),
    ),
    outputs=(
        TensorSpec("pose", "float32", (BATCH, 6)),
        TensorSpec("nearest", "int64", (BATCH,)),
    ),
    stride=1,
    sizes=(64, 64),
    pixel_bytes=16,
    ranges={"joints": (2, 40)},
)
NETWORKS = {"upscaler": (UPSCALER, Upscaler), "regressor": (REGRESSOR, Regressor)}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Model]:
    folder, models = tmp_path_factory.mktemp("toys"), {}
    for name, (_, kind) in NETWORKS.items():
        torch.manual_seed(0)
        path = folder / f"{name}.safetensors"
        save_file(kind().state_dict(), path)
        entry = replace(
            resolve("movenet_multipose").entry,
            name=f"toy_{name}",
            recommended_size=64,
        ).with_file(path.name, sha256=sha256_of(path))
        models[name] = Model.of_file(entry, path)
    return models


def given(count: int, joints: int = 5) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(count)
    return {
        "crops": torch.rand(count, 3, 64, 48, generator=random),
        "intrinsics": intrinsics((count, 3, 3)) * 1.5,
        "boxes": torch.randint(0, 200, (count, 4), generator=random),
        "points": torch.rand(count, joints, 3, generator=random),
    }


def module_of(models: Mapping[str, Model], name: str) -> nn.Module:
    return NETWORKS[name][0].module(models[name].path)


@pytest.fixture(scope="module", params=["torch", "onnxruntime"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def built(models: Mapping[str, Model], name: str, backend: str, **options: Any) -> Engine:
    network = NETWORKS[name][0]
    return build_engine(models[name], network, backend=backend, device="cpu", **options)


def test_an_upscaler(models: Mapping[str, Model], backend: str) -> None:
    engine = built(models, "upscaler", backend)
    if backend != "torch":
        assert engine.verdict is not None
        assert engine.verdict.passed
        assert any(line.startswith(("built: ", "cached: ")) for line in engine.why)
    images = torch.rand(3, 3, 32, 48)
    found = engine.infer(images)["upscaled"]
    assert found.shape == (3, 3, 64, 96)
    with torch.inference_mode():
        torch.testing.assert_close(found, module_of(models, "upscaler")(images)["upscaled"])
    with pytest.raises(EngineError, match="built for a size of 16 to 256, found 512"):
        engine.infer(torch.zeros(1, 3, 512, 32))


def test_five_inputs(models: Mapping[str, Model], backend: str) -> None:
    """By name, and the first one with the others as keywords; the optional one is made."""
    engine = built(models, "regressor", backend)
    inputs = given(3)
    found = engine.infer(inputs)
    with torch.inference_mode():
        wanted = module_of(models, "regressor")(*inputs.values(), torch.full((3, 6), 0.5))
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value)
    begin = torch.randn(3, 6)
    crops = inputs.pop("crops")
    again = engine.infer(crops, **inputs, begin=begin)
    torch.testing.assert_close(again["pose"], wanted["pose"] - 0.5 + begin)
    more = engine.infer(given(1, joints=17))
    assert more["pose"].shape == (1, 6)


def test_five_inputs_in_lower_precision(models: Mapping[str, Model], backend: str) -> None:
    """What is fp32 or whole numbers stays so."""
    engine = built(models, "regressor", backend, precision="fp16")
    assert engine.verdict is not None
    assert engine.verdict.passed
    found = engine.infer(given(2))
    assert (found["pose"].dtype, found["nearest"].dtype) == (torch.float32, torch.int64)


@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling needs a C++ compiler")
def test_an_upscaler_compiled_ahead(models: Mapping[str, Model]) -> None:
    """For images of any size and number."""
    engine = built(models, "upscaler", "torch_compiled", max_batch=3)
    for shape in ((1, 3, 32, 48), (3, 3, 64, 20)):
        images = torch.rand(*shape)
        with torch.inference_mode():
            wanted = module_of(models, "upscaler")(images)["upscaled"]
        torch.testing.assert_close(engine.infer(images)["upscaled"], wanted)


@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling needs a C++ compiler")
def test_five_inputs_compiled_ahead(models: Mapping[str, Model]) -> None:
    """Of any strides: compiled code reads its inputs without regard to them."""
    engine = built(models, "regressor", "torch_compiled")
    inputs = given(3, joints=7)
    wanted = built(models, "regressor", "torch").infer(inputs)
    inputs["crops"] = inputs["crops"].mT.contiguous().mT
    inputs["points"] = inputs["points"].repeat_interleave(2, 1)[:, ::2]
    for name, value in engine.infer(inputs).items():
        torch.testing.assert_close(value, wanted[name])


def test_the_cache_keeps_them_apart(models: Mapping[str, Model]) -> None:
    engines = [built(models, name, "onnxruntime") for name in (*NETWORKS, *NETWORKS)]
    files = [engine.artifact for engine in engines]
    assert None not in files
    assert files[:2] == files[2:]
    assert files[0] != files[1]
    assert any(line.startswith("cached: ") for line in engines[3].why)


def test_a_profile_for_every_input(models: Mapping[str, Model], tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    request = BuildRequest(models["regressor"], REGRESSOR, 8, (64, 64), cache)
    one, many = request.profiles()
    assert one["crops"] == ((1, 3, 64, 48),) * 3
    assert many["crops"] == ((1, 3, 64, 48), (8, 3, 64, 48), (8, 3, 64, 48))
    assert many["points"] == ((1, 2, 3), (8, 40, 3), (8, 40, 3))
    assert many["begin"] == ((1, 6), (8, 6), (8, 6))
    large = BuildRequest(models["upscaler"], UPSCALER, 4, (16, 256), cache)
    assert large.profiles()[1] == {"images": ((1, 3, 4, 4), (4, 3, 36, 64), (4, 3, 256, 256))}


@pytest.mark.parametrize("name", NETWORKS)
def test_tensorrt_rtx_builds_them(models: Mapping[str, Model], name: str) -> None:
    pytest.importorskip("tensorrt_rtx_bindings")
    network = NETWORKS[name][0]
    from kinograph.engines.runtime.folders import engine_folder

    request = BuildRequest(models[name], network, 4, (64, 64), EngineCache(engine_folder()))
    rung = Rung("tensorrt_rtx", torch.device("cuda"), "fp16", ("sm89",))
    made = backend_of("tensorrt_rtx").build(request, rung, lambda path: None)
    assert made.path.read_bytes()[:4] == b"vtrt"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crops": torch.zeros(2, 3, 64, 64)}, r"crops of the shape \[batch,3,64,48\], found"),
        ({"points": torch.zeros(3, 5, 3)}, r"points of the shape \[2,5,3\], found \[3, 5, 3\]"),
        ({"begin": torch.zeros(2, 7)}, r"begin of the shape \[batch,6\], found \[2, 7\]"),
        ({"shape": torch.zeros(2)}, "expected the inputs crops, .*begin, found shape"),
        ({"points": None}, r"expected the input points, float \[batch,joints,3\], found none"),
    ],
)
def test_inputs_that_do_not_fit(
    models: Mapping[str, Model], change: dict[str, Tensor | None], message: str
) -> None:
    inputs = {**given(2), **change}
    engine = built(models, "regressor", "torch")
    with pytest.raises(InputError, match=rf"engine toy_regressor: .*{message}"):
        engine.infer({name: value for name, value in inputs.items() if value is not None})


class Counted(Runner):
    """Two images per call; adds the second input's row."""

    backend, device, precision, bytes = "toy", torch.device("cpu"), "fp32", 0

    def __init__(self) -> None:
        self.calls: list[int] = []

    def _infer(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        self.calls.append(len(inputs["images"]))
        return {"sums": inputs["images"].sum((1, 2, 3)) + inputs["more"] + inputs["same"].sum()}

    def _close(self) -> None:
        self.calls.clear()


def test_a_fixed_number_of_images_per_call() -> None:
    network = replace(
        UPSCALER,
        batch=2,
        inputs=(
            image_input(),
            TensorSpec("more", "float32", ("batch",)),
            TensorSpec("same", "float32", (2,)),
        ),
        outputs=(TensorSpec("sums", "float32", ("batch",)),),
    )
    counted = Counted()
    runner = any_batch(counted, network)
    images, more, same = torch.rand(5, 3, 8, 8), torch.arange(5.0), torch.ones(2)
    found = runner.infer({"images": images, "more": more, "same": same})["sums"]
    assert counted.calls == [2, 2, 2]
    torch.testing.assert_close(found, images.sum((1, 2, 3)) + more + 2)
    runner.close()
    with pytest.raises(EngineError, match="was closed"):
        counted.infer({})


@pytest.mark.parametrize(
    ("axis", "text", "size"),
    [
        (BATCH, "batch", 7),
        ((BATCH - 1) * 2, "2*batch-2", 12),
        (HEIGHT // 8, "height/8", 4),
        (HEIGHT // 8 + 1, "(height+8)/8", 5),
        (WIDTH * 2, "2*width", 96),
    ],
)
def test_axes_follow_from_others(axis: Axis, text: str, size: int) -> None:
    assert str(axis) == text
    assert axis.size({"batch": 7, "height": 32, "width": 48}) == size


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TensorSpec("my input", "float", (1,)), "expected a Python identifier"),
        (lambda: TensorSpec("x", "double", (1,)), "expected one of the types float, .* 'double'"),
        (lambda: TensorSpec("x", "float", (0,)), "expected sizes of at least 1"),
        (lambda: TensorSpec("x", "float", ()), "expected at least one axis"),
        (lambda: replace(UPSCALER, inputs=()), "inputs and outputs of distinct names"),
        (
            lambda: replace(UPSCALER, inputs=(TensorSpec("x", "float", (3, "batch")),)),
            "first input whose first axis is batch",
        ),
        (
            lambda: replace(UPSCALER, inputs=(TensorSpec("x", "float", ("batch", "tokens")),)),
            "the axis tokens has no smallest and largest size",
        ),
        (
            lambda: replace(UPSCALER, inputs=(TensorSpec("x", "float", ("batch", HEIGHT // 2)),)),
            "the axis height is an axis of no required input",
        ),
    ],
)
def test_specs_that_make_no_sense(make: Any, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        make()


def test_sizes_of_free_axes() -> None:
    specs = (image_input(), TensorSpec("start", "float32", (BATCH - 1, 2, HEIGHT // 8, WIDTH // 8)))
    tensors = {"images": torch.zeros(3, 3, 32, 48), "start": torch.zeros(2, 2, 4, 6)}
    assert bind(specs, tensors, "x") == {"batch": 3, "height": 32, "width": 48}
    tensors["start"] = torch.zeros(2, 2, 4, 5)
    with pytest.raises(InputError, match=r"x: expected start of the shape \[2,2,4,6\], found"):
        bind(specs, tensors, "x")
