"""RTMO: made networks and made outputs whose right answers are known."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import stand_ins
from kinograph.engines.errors import EngineError, ModelError
from kinograph.engines.models.registry import Model
from kinograph.engines.pose.families import rtmo
from kinograph.engines.pose.family import head_of
from kinograph.engines.runtime.engine import build_engine
from kinograph.engines.runtime.network import network_of
from kinograph.engines.runtime.probe import probe
from kinograph.engines.runtime.reference import reference
from pose_checks import (
    NOT_ONNX,
    SIZES,
    Engines,
    Maker,
    Models,
    check_chunks,
    check_half_precision,
    check_half_precision_finds_people,
    check_not_onnx,
    check_padding,
    check_places,
    check_refused,
)

NETWORKS: dict[str, Maker] = {"rtmo": stand_ins.rtmo}
_IMAGE = ("input", "float", ["batch", 3, 96, 128])
_DETS, _POINTS = ("dets", "float", ["b", "n", 5]), ("keypoints", "float", ["b", "n", 17, 3])


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_dot_is_found_where_it_is(engines: Engines, name: str, shape: str) -> None:
    check_places(engines(name), shape)


@pytest.mark.parametrize("name", NETWORKS)
def test_frames_are_padded_with_the_grey_of_training(engines: Engines, name: str) -> None:
    check_padding(engines(name))


@pytest.mark.parametrize("max_batch", [1, 2, 4, 16])
@pytest.mark.parametrize("name", NETWORKS)
def test_many_frames_say_what_each_alone_says(engines: Engines, name: str, max_batch: int) -> None:
    check_chunks(engines(name, max_batch=max_batch))


@pytest.mark.parametrize("name", NETWORKS)
def test_half_precision_runs_and_agrees(models: Models, engines: Engines, name: str) -> None:
    engine = engines(name, precision="fp16")
    check_half_precision(models(name), engine)
    check_half_precision_finds_people(engine)


def test_rtmo_rows_below_the_threshold_and_padded_ones_are_nobody() -> None:
    dets = torch.tensor([[[0.0, 0, 10, 20, 0.05], [30, 0, 40, 20, 0.8], [0, 0, 0, 0, 0]]])
    joints = torch.rand(1, 3, 17, 3)
    found = rtmo.decode({"dets": dets, "keypoints": joints}, 1, 0.1)
    left = found.suppressed(above=0.1, overlap=0.45)
    assert left.scores.tolist() == [[0, pytest.approx(0.8), 0]]
    assert torch.equal(left.keypoints, joints[..., :2])


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        (
            [_IMAGE],
            [("output", "float", [1, 8400, 56])],
            r"own\.onnx is not a RTMO network: expected the outputs dets \[B,N,5\], "
            r"keypoints \[B,N,17,3\], found output float \[1,8400,56\]",
        ),
        ([_IMAGE], [_DETS], r"found dets float \[\?,\?,5\]$"),
        ([_IMAGE], [_DETS, ("keypoints", "float", ["b", "n", 14, 3])], r"14,3\]$"),
        ([_IMAGE], [("dets", "float", ["b", "n", 6]), _POINTS], r"dets float \[\?,\?,6\]"),
        (
            [_IMAGE, ("size", "int64", [2])],
            [_DETS, _POINTS],
            r"expected one input, images \[N,3,H,W\] of float, float16 or uint8, "
            r"found input float \[\?,3,96,128\]; size int64 \[2\]",
        ),
        ([("input", "float", [1, 1, 96, 128])], [_DETS, _POINTS], r"float \[1,1,96,128\]"),
        ([("input", "int64", [1, 3, 96, 128])], [_DETS, _POINTS], r"input int64"),
        ([("input", "float", [1, 96, 128])], [_DETS, _POINTS], r"input float \[1,96,128\]"),
    ],
)
def test_files_of_another_contract_are_refused(
    tmp_path: Path,
    inputs: list[stand_ins.SocketSpec],
    outputs: list[stand_ins.SocketSpec],
    message: str,
) -> None:
    check_refused(tmp_path, "rtmo", inputs, outputs, message)


@pytest.mark.parametrize("content", NOT_ONNX)
def test_files_that_are_no_onnx(tmp_path: Path, content: bytes) -> None:
    check_not_onnx(tmp_path, "rtmo", content)


def test_a_wrong_graph_is_found_out(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine is compared with the reference on a picture with people."""
    model = models("rtmo")
    network = network_of(model)
    adapter = network.adapter
    assert adapter is not None
    assert len(probe(network, 128)["images"]) == 2
    right = reference(model, network).infer(probe(network, 128))
    wrong = replace(network, adapter=replace(adapter, scale=200.0))
    verdict = network.compare(right, reference(model, wrong).infer(probe(network, 128)), "fp32")
    assert not verdict.passed


def test_an_own_graph_runs_in_onnxruntime_only(models: Models) -> None:
    model = models("rtmo")
    with pytest.raises(EngineError, match="is an ONNX graph, which torch does not run"):
        build_engine(model, network_of(model), backend="torch", device="cpu")
    built = build_engine(model, network_of(model), device="cpu")
    assert built.backend == "onnxruntime"


def test_a_model_of_no_known_family(models: Models) -> None:
    model = models("rtmo")
    model = Model.of_file(replace(model.entry, family="openpose"), model.path)
    with pytest.raises(ModelError, match="unknown family 'openpose'"):
        network_of(model)
    with pytest.raises(ModelError, match="expected a pose model, found family 'openpose'"):
        head_of(model)
