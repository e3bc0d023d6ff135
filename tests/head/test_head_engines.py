"""Engines of the embedded face networks: built, and equal to the reference."""

import pytest
import torch

from kinograph.engines.head.families.mediapipe_face import decode_faces, decode_mesh
from kinograph.engines.models.registry import resolve
from kinograph.engines.runtime.backend import Rung
from kinograph.engines.runtime.backends import backend_of
from kinograph.engines.runtime.build import BuildRequest
from kinograph.engines.runtime.cache import EngineCache
from kinograph.engines.runtime.engine import build_engine
from kinograph.engines.runtime.folders import engine_folder
from kinograph.engines.runtime.network import network_of

pytestmark = pytest.mark.long
CARDS = ("sm75", "sm86", "sm89", "sm120")

SIDES = {"mediapipe_face": 192, "mediapipe_face_detector": 128}
NUMBERS = {"mediapipe_face": 0.6e6, "mediapipe_face_detector": 0.1e6}  # in the weights


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("name", SIDES)
def test_tensorrt_rtx_builds(name: str, precision: str) -> None:
    """Any number of crops, in one engine for cards that this machine does not have."""
    pytest.importorskip(
        "tensorrt_rtx_bindings",
        reason="TensorRT-RTX has wheels for Linux and Windows on x86-64 only",
    )
    model = resolve(name)
    network = network_of(model)
    request = BuildRequest(model, network, 64, network.sizes, EngineCache(engine_folder()))
    rung = Rung("tensorrt_rtx", torch.device("cuda"), precision, CARDS)
    built = backend_of("tensorrt_rtx").build(request, rung, lambda path: None)
    weights = NUMBERS[name] * {"fp32": 4, "fp16": 2}[precision]
    assert weights * 0.9 < built.path.stat().st_size < weights + 20e6  # and its kernels
    assert request.profiles()[-1]["images"][2] == (64, 3, SIDES[name], SIDES[name])


@pytest.mark.parametrize("name", SIDES)
def test_engines_agree_with_the_reference(name: str) -> None:
    """Of ONNX Runtime; tests/runtime/test_backends.py compiles one of them ahead."""
    model = resolve(name)
    network = network_of(model)
    engine = build_engine(model, network, backend="onnxruntime", device="cpu", max_batch=3)
    assert engine.verdict is not None
    assert max(engine.verdict.errors.values()) < 1e-4
    wanted = build_engine(model, network, backend="torch", device="cpu", max_batch=3)
    for count in (1, 3):
        images = torch.rand(
            count, 3, SIDES[name], SIDES[name], generator=torch.Generator().manual_seed(0)
        )
        found, right = engine.infer(images), wanted.infer(images)
        if name == "mediapipe_face":
            points, scores = decode_mesh(found)
            assert points.allclose(decode_mesh(right)[0], atol=0.01)  # px
            assert scores.allclose(decode_mesh(right)[1], atol=1e-4)
        else:
            # where noise has no faces, all that may be one
            best = decode_faces(found, 0.0).scores
            assert best.allclose(decode_faces(right, 0.0).scores, atol=1e-3)
