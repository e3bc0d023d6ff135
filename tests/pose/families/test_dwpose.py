"""DWPose: made networks whose right answers are known."""

from pathlib import Path

import pytest

import stand_ins
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.top_down import poses_in_boxes
from pose_checks import (
    Engines,
    Maker,
    Models,
    check_half_precision,
    check_joints_in_boxes,
    check_refused,
    crowd,
)

NETWORKS: dict[str, Maker] = {
    "dwpose": lambda path: stand_ins.simcc(path, 133),
}
_CROP = ("input", "float", ["batch", 3, 128, 96])
_SIMCC_X, _SIMCC_Y = ("simcc_x", "float", ["b", 17, 192]), ("simcc_y", "float", ["b", 17, 256])


@pytest.mark.parametrize("name", NETWORKS)
def test_joints_are_found_in_every_box(engines: Engines, name: str) -> None:
    check_joints_in_boxes(engines(name, max_batch=3))  # seven people: a rest of one


@pytest.mark.parametrize("name", NETWORKS)
def test_half_precision_runs_and_agrees(models: Models, engines: Engines, name: str) -> None:
    check_half_precision(models(name), engines(name, precision="fp16"))


def test_joints_of_nobody(engines: Engines) -> None:
    frames, _, _ = crowd(3)
    nobody = Poses.empty(3, (300, 420), people=2)
    done: list[int] = []
    poses = poses_in_boxes(frames, nobody, engines("dwpose"), progress=done.append)
    assert poses.keypoints.shape == (3, 2, 133, 2)
    assert not poses.keypoints.any()
    assert not poses.count.any()
    assert sum(done) == 3


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        ([_CROP], [_SIMCC_X, _SIMCC_Y], r"expected .*simcc_x \[B,133,2W\].*found"),
    ],
)
def test_files_of_another_contract_are_refused(
    tmp_path: Path,
    inputs: list[stand_ins.SocketSpec],
    outputs: list[stand_ins.SocketSpec],
    message: str,
) -> None:
    check_refused(tmp_path, "dwpose", inputs, outputs, message)
