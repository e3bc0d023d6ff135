"""Engines of the embedded upscaler: built, and equal to the reference."""

import pytest
import torch

from kinograph.engines.models.registry import Model
from kinograph.engines.runtime.backend import Rung
from kinograph.engines.runtime.backends import backend_of
from kinograph.engines.runtime.build import BuildRequest
from kinograph.engines.runtime.cache import EngineCache
from kinograph.engines.runtime.engine import build_engine
from kinograph.engines.runtime.folders import engine_folder
from kinograph.engines.runtime.network import network_of

pytestmark = pytest.mark.long
CARDS = ("sm75", "sm86", "sm89", "sm120")


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_tensorrt_rtx_builds(precision: str, compact: Model) -> None:
    """Any size and number of images, in one engine for cards that this machine does not have."""
    pytest.importorskip(
        "tensorrt_rtx_bindings",
        reason="TensorRT-RTX has wheels for Linux and Windows on x86-64 only",
    )
    network = network_of(compact)
    request = BuildRequest(compact, network, 4, (128, 1024), EngineCache(engine_folder()))
    rung = Rung("tensorrt_rtx", torch.device("cuda"), precision, CARDS)
    built = backend_of("tensorrt_rtx").build(request, rung, lambda path: None)
    weights = 0.62e6 * {"fp32": 4, "fp16": 2}[precision]
    assert weights * 0.95 < built.path.stat().st_size < weights + 10e6  # and its kernels
    assert request.profiles()[1]["images"] == (
        (1, 3, 16, 16),
        (4, 3, 468, 832),
        (4, 3, 1024, 1024),
    )


def test_onnx_runtime_agrees_with_the_reference(compact: Model) -> None:
    engine = build_engine(
        compact,
        network_of(compact),
        backend="onnxruntime",
        device="cpu",
        max_batch=3,
        sizes=(32, 64),
    )
    assert engine.verdict is not None
    assert max(engine.verdict.errors.values()) < 1e-4
    wanted = build_engine(
        compact, network_of(compact), backend="torch", device="cpu", max_batch=3, sizes=(32, 64)
    )
    for shape in ((1, 3, 33, 50), (3, 3, 64, 21)):
        images = torch.rand(*shape, generator=torch.Generator().manual_seed(0))
        found = engine.infer(images)["image"]
        torch.testing.assert_close(found, wanted.infer(images)["image"], atol=1e-4, rtol=0)
