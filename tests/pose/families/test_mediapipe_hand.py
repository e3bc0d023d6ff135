"""The hand network against the answers of LiteRT, which ran the published file."""

from pathlib import Path

import numpy as np
import pytest
import torch

from kinograph.engines.models.model import Model
from kinograph.engines.models.registry import resolve
from kinograph.engines.pose.families.mediapipe_hand import decode
from kinograph.engines.runtime.backend import Rung
from kinograph.engines.runtime.backends import backend_of
from kinograph.engines.runtime.build import BuildRequest
from kinograph.engines.runtime.cache import EngineCache
from kinograph.engines.runtime.engine import build_engine
from kinograph.engines.runtime.folders import engine_folder
from kinograph.engines.runtime.network import network_of

ANSWERS = Path(__file__).parents[2] / "data" / "pose" / "hand_network.npz"

CARDS = ("sm75", "sm86", "sm89", "sm120")


@pytest.fixture(scope="module")
def hand() -> Model:
    return resolve("mediapipe_hand")


def test_the_network(hand: Model) -> None:
    with np.load(ANSWERS) as file:
        answers = dict(file)
    pictures = answers["crops"].repeat(2, 1).repeat(2, 2)  # two hands, and a slope of colours
    images = torch.from_numpy(pictures).movedim(-1, 1).float() / 255
    with torch.inference_mode():
        found = network_of(hand).module(hand.path)(images)
    assert np.abs(found["points"].numpy() - answers["points"]).max() < 1e-3  # px of 224
    for name in ("presence", "handedness"):
        assert np.abs(found[name].sigmoid().numpy() - answers[name]).max() < 1e-5, name
    points, scores = decode(found)
    assert points.shape == (3, 21, 2)
    assert (scores > 0.5).tolist() == [True, True, False]
    # The fingers of a crop point upwards.
    assert (points[:2, 12, 1] < points[:2, 0, 1]).all()


def test_onnx_runtime_agrees_with_the_reference(hand: Model) -> None:
    engine = build_engine(hand, network_of(hand), backend="onnxruntime", device="cpu", max_batch=2)
    assert engine.verdict is not None
    assert engine.verdict.passed
    assert max(engine.verdict.errors.values()) < 1e-4


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_tensorrt_rtx_builds(precision: str, hand: Model) -> None:
    """In one engine for cards that this machine does not have."""
    pytest.importorskip(
        "tensorrt_rtx_bindings",
        reason="TensorRT-RTX has wheels for Linux and Windows on x86-64 only",
    )
    network = network_of(hand)
    request = BuildRequest(hand, network, 16, network.sizes, EngineCache(engine_folder()))
    rung = Rung("tensorrt_rtx", torch.device("cuda"), precision, CARDS)
    built = backend_of("tensorrt_rtx").build(request, rung, lambda path: None)
    weights = 2.65e6 * {"fp32": 4, "fp16": 2}[precision]
    assert weights * 0.95 < built.path.stat().st_size < weights + 50e6  # and its kernels
    assert request.profiles()[-1]["images"][-1] == (16, 3, 224, 224)
