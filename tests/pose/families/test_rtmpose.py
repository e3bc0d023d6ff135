"""RTMPose: made networks and made outputs whose right answers are known."""

from pathlib import Path

import pytest
import torch

import stand_ins
from kinograph.engines.pose.families import rtmpose
from pose_checks import (
    NOT_ONNX,
    Engines,
    Maker,
    Models,
    check_half_precision,
    check_joints_in_boxes,
    check_not_onnx,
    check_refused,
)

NETWORKS: dict[str, Maker] = {
    "rtmpose": lambda path: stand_ins.simcc(path, 17),
    "rtmpose-half": lambda path: stand_ins.simcc(path, 17, kind="float16"),
    "rtmpose-renamed": lambda path: stand_ins.simcc(path, 17, names=("images", "x", "simcc_x")),
    "rtmpose_wholebody": lambda path: stand_ins.simcc(path, 133),
}
_CROP = ("input", "float", ["batch", 3, 128, 96])
_DETS, _POINTS = ("dets", "float", ["b", "n", 5]), ("keypoints", "float", ["b", "n", 17, 3])
_SIMCC_X, _SIMCC_Y = ("simcc_x", "float", ["b", 17, 192]), ("simcc_y", "float", ["b", 17, 256])


@pytest.mark.parametrize("name", NETWORKS)
def test_joints_are_found_in_every_box(engines: Engines, name: str) -> None:
    check_joints_in_boxes(engines(name, max_batch=3))  # seven people: a rest of one


@pytest.mark.parametrize("name", NETWORKS)
def test_half_precision_runs_and_agrees(models: Models, engines: Engines, name: str) -> None:
    check_half_precision(models(name), engines(name, precision="fp16"))


def test_simcc_takes_the_highest_bin_and_the_lower_height() -> None:
    outputs = {"simcc_x": torch.full((1, 3, 96), -1.0), "simcc_y": torch.full((1, 3, 128), -1.0)}
    for joint, (x, y, height_x, height_y) in enumerate(
        [(10, 20, 0.9, 0.4), (95, 0, 0.2, 1.7), (0, 127, 1.5, 1.2)]
    ):
        outputs["simcc_x"][0, joint, x] = height_x
        outputs["simcc_y"][0, joint, y] = height_y
    points, sure = rtmpose.decode(outputs)
    # bin 2n is the middle of pixel n
    assert points.tolist() == [[[5.5, 10.5], [48.0, 0.5], [0.5, 64.0]]]
    torch.testing.assert_close(sure, torch.tensor([[0.4, 0.2, 1.0]]))
    outputs["simcc_x"][0, 0] = -0.1  # nowhere
    assert float(rtmpose.decode(outputs)[1][0, 0]) == 0


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        (
            [_CROP],
            [_SIMCC_X],
            r"is not a RTMPose network: expected images of a fixed size, simcc_x \[B,17,2W\], "
            r"simcc_y \[B,17,2H\], found input float \[\?,3,128,96\]; simcc_x float \[\?,17,192\]",
        ),
        ([_CROP], [("x", "float", ["b", 26, 192]), _SIMCC_Y], r"x float \[\?,26,192\]"),
        ([_CROP], [_SIMCC_Y, _SIMCC_X], r"found .*; simcc_y .*; simcc_x"),
        ([("input", "float", ["b", 3, "h", "w"])], [_SIMCC_X, _SIMCC_Y], "a fixed size"),
        ([_CROP], [_SIMCC_X, _SIMCC_Y, _DETS], "dets"),
        ([_CROP], [("heat", "float", ["b", 17, 64, 48]), _SIMCC_Y], "heat float"),
    ],
)
def test_files_of_another_contract_are_refused(
    tmp_path: Path,
    inputs: list[stand_ins.SocketSpec],
    outputs: list[stand_ins.SocketSpec],
    message: str,
) -> None:
    check_refused(tmp_path, "rtmpose", inputs, outputs, message)


@pytest.mark.parametrize("content", NOT_ONNX)
def test_files_that_are_no_onnx(tmp_path: Path, content: bytes) -> None:
    check_not_onnx(tmp_path, "rtmpose", content)
