"""Faces of other numbers of points, the first editors' files, and animals."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given

from kinograph.engines.errors import InputError
from kinograph.engines.pose.files import read_poses, write_poses
from kinograph.engines.pose.files.pose_keypoint import from_pose_keypoint, to_pose_keypoint
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.retarget import with_proportions
from kinograph.engines.pose.skeletons import AP10K_17, OPENPOSE_134
from kinograph.nodes.pose.from_keypoints import PosesFromKeypoints
from pose_files import EASY, equal
from pose_files import poses as any_poses

CASES = Path(__file__).parents[2] / "data" / "pose" / "files"
BODY = [value for joint in range(18) for value in (joint * 10.0 + 5, 40.0, 1.0)]
CANVAS = {"canvas_height": 240, "canvas_width": 320}


def face(count: int) -> list[float]:
    return [value for point in range(count) for value in (100.0 + point, 50.0, 1.0)]


def read(document: Any) -> tuple[Poses, list[str]]:
    told: list[str] = []
    return from_pose_keypoint(document, warn=told.append), told


@pytest.mark.parametrize("count", [51, 68, 69, 70])
def test_faces_that_are_known(count: int) -> None:
    person = {"pose_keypoints_2d": BODY, "face_keypoints_2d": face(count)}
    poses, told = read([{"people": [person], **CANVAS}])
    assert told == []
    part = OPENPOSE_134.parts["face"]
    points, seen = poses.keypoints[0, 0, part, 0], poses.confidence[0, 0, part] > 0
    jaw = 17 if count == 51 else 0
    assert seen.tolist() == [False] * jaw + [True] * (68 - jaw)
    assert points[jaw:].tolist() == [100.0 + point for point in range(68 - jaw)]


@pytest.mark.parametrize("count", [1, 56, 67, 71, 478])
def test_faces_of_an_unknown_order_are_left_out_with_a_word(count: int) -> None:
    person = {"pose_keypoints_2d": BODY, "face_keypoints_2d": face(count)}
    poses, told = read([{"people": [person, person], **CANVAS}])
    assert poses.count.tolist() == [2]
    assert poses.skeleton == "openpose_18"
    assert poses.keypoints[0, 0].flatten().tolist() == [v for v in BODY if v != 1.0]
    number = "1 point" if count == 1 else f"{count} points"
    assert told == [
        f"pose_keypoint: 2 faces of {number} left out, whose order is unknown; expected 68 points, "
        "70 with the pupils or 51 without the jaw"
    ]


def test_a_file_with_such_a_face(tmp_path: Path) -> None:
    path = CASES / "face56.json"
    told: list[str] = []
    assert read_poses(path, warn=told.append).count.tolist() == [1]
    assert told[0].startswith(f"{path}: 1 face of 56 points left out")
    with pytest.warns(UserWarning, match="1 face of 56 points left out"):
        read_poses(path)
    frame = tmp_path / "clip_000000000000_keypoints.json"
    (person,) = json.loads(path.read_text())[0]["people"]
    frame.write_text(json.dumps({"people": [person]}))
    told.clear()
    assert read_poses(tmp_path, canvas=(480, 640), warn=told.append).count.tolist() == [1]
    assert len(told) == 1
    shown = PosesFromKeypoints.execute(json.loads(path.read_text()), 0, 0).ui
    assert "1 face of 56 points left out" in shown.warnings[0]


def test_the_first_editors_files() -> None:
    poses = read_poses(CASES / "editor_old.json")
    assert (poses.canvas, poses.skeleton, poses.count.tolist()) == ((480, 640), "openpose_18", [1])
    assert poses.keypoints[0, 0, :2].tolist() == [[320, 120], [320, 160]]
    assert bool((poses.confidence[0, 0] == 1).all())


def test_one_person_and_removed_joints_of_an_editor() -> None:
    joints: list[Any] = [[x + 1.0, 9.0] for x in range(18)]
    joints[4], joints[7] = None, [0, 0]
    for keypoints in (joints, [joints]):
        poses, _ = read({"width": 30, "height": 20, "keypoints": keypoints})
        assert poses.canvas == (20, 30)
        unseen = (poses.confidence[0, 0] == 0).nonzero().flatten().tolist()
        assert unseen == [4, 7]
    clip, _ = read([{"width": 30, "height": 20, "keypoints": k} for k in ([joints], [], [joints])])
    assert clip.count.tolist() == [1, 0, 1]


@EASY
@given(wanted=any_poses(skeletons=(AP10K_17.name,)))
@pytest.mark.parametrize("format", ["pose_keypoint", "predictions", "safetensors"])
def test_animals_there_and_back(format: str, wanted: Poses, room: Callable[[], Path]) -> None:
    path = room() / f"a.{'safetensors' if format == 'safetensors' else 'json'}"
    write_poses(wanted, path, format)
    equal(read_poses(path, frames=len(wanted)), wanted)


def test_animals_of_controlnet_aux() -> None:
    animal = [[10.0 * joint, 30.0, 0.9] for joint in range(17)]
    document = {"version": "ap10k", "animals": [animal], **CANVAS}
    for raw in (document, [document, {**document, "animals": []}]):
        poses, told = read(raw)
        assert told == []
        assert poses.skeleton == AP10K_17.name
        assert poses.keypoints[0, 0, :, 0].tolist() == [10.0 * joint for joint in range(17)]
    flat, _ = read({**document, "animals": [[number for point in animal for number in point]]})
    assert torch.equal(flat.keypoints, poses.keypoints[:1])
    (frame,) = to_pose_keypoint(flat)
    assert frame["version"] == "ap10k"
    assert frame["animals"][0][3] == pytest.approx([30, 30, 0.9])


def test_what_is_for_people_alone(tmp_path: Path) -> None:
    animals = Poses.empty(3, (240, 320), skeleton=AP10K_17.name)
    for name in ("coco", "openpose"):
        with pytest.raises(InputError, match=rf"{name}: expected people, found animals"):
            write_poses(animals, tmp_path / "out", name)
    with pytest.raises(InputError, match="poses: expected people, found animals"):
        with_proportions(animals, animals)
