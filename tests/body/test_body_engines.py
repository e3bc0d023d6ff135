"""Engines of the embedded network of body points: built, and equal to the reference."""

import pytest
import torch

from kinograph.engines.body.families.blazepose import SIZE, decode
from kinograph.engines.models.registry import resolve
from kinograph.engines.runtime.backend import Rung
from kinograph.engines.runtime.backends import backend_of
from kinograph.engines.runtime.build import BuildRequest
from kinograph.engines.runtime.cache import EngineCache
from kinograph.engines.runtime.engine import build_engine
from kinograph.engines.runtime.folders import engine_folder
from kinograph.engines.runtime.network import network_of

pytestmark = pytest.mark.long

NUMBERS = 3.2e6  # in the weights


def test_tensorrt_rtx_builds() -> None:
    """Any number of crops, for cards that this machine does not have."""
    pytest.importorskip(
        "tensorrt_rtx_bindings",
        reason="TensorRT-RTX has wheels for Linux and Windows on x86-64 only",
    )
    model = resolve("blazepose")
    network = network_of(model)
    request = BuildRequest(model, network, 64, network.sizes, EngineCache(engine_folder()))
    rung = Rung("tensorrt_rtx", torch.device("cuda"), "fp16", ("sm86",))
    built = backend_of("tensorrt_rtx").build(request, rung, lambda path: None)
    weights = NUMBERS * 2  # bytes
    assert weights * 0.9 < built.path.stat().st_size < weights + 30e6  # and its kernels
    assert request.profiles()[-1]["images"][2] == (64, 3, SIZE, SIZE)


def test_onnx_runtime_agrees_with_the_reference() -> None:
    model = resolve("blazepose")
    network = network_of(model)
    engine = build_engine(model, network, backend="onnxruntime", device="cpu", max_batch=3)
    assert engine.verdict is not None
    assert max(engine.verdict.errors.values()) < 1e-3
    wanted = build_engine(model, network, backend="torch", device="cpu", max_batch=3)
    images = torch.rand(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    for count in (1, 3):
        found, right = (decode(each.infer(images[:count])) for each in (engine, wanted))
        assert found.points.allclose(right.points, atol=0.05)  # px
        assert found.world.allclose(right.world, atol=1e-4)  # m
        assert found.scores.allclose(right.scores, atol=1e-4)
