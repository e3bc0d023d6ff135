"""ComfyUI's POSE_KEYPOINT, and OpenPose's folders."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kinograph.engines.document import Value
from kinograph.engines.errors import InputError
from kinograph.engines.pose.files import read_poses, write_poses
from kinograph.engines.pose.files.coco import parse as parse_coco
from kinograph.engines.pose.files.coco import to_coco
from kinograph.engines.pose.files.pose_keypoint import from_pose_keypoint, to_pose_keypoint
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.skeletons import OPENPOSE_18, OPENPOSE_134
from pose_files import EASY, TENSORS, as_openpose, equal, frame, poses


@EASY
@given(wanted=poses(), seed=st.integers(0, 2**32))
def test_sockets_carry_poses_to_and_fro(wanted: Poses, seed: int) -> None:
    found = from_pose_keypoint(to_pose_keypoint(wanted))
    equal(found, as_openpose(wanted))
    ids = torch.randperm(10**6, generator=torch.Generator().manual_seed(seed))[: len(wanted)]
    results = to_coco(wanted, ids.tolist())
    found = parse_coco(Value(results, "x"), canvas=wanted.canvas, image_ids=ids.tolist())
    equal(found, wanted.as_coco().body())


def flat(points: dict[int, tuple[float, float, float]], size: int) -> list[float]:
    return [n for i in range(size) for n in points.get(i, (0.0, 0.0, 0.0))]


def test_another_packs_frames() -> None:
    nothing = dict.fromkeys(("face_keypoints_2d", "hand_left_keypoints_2d"))
    body = {"pose_keypoints_2d": flat({0: (10, 20, 1.0), 4: (30, 60, 0.5)}, 18)} | nothing
    nobody = {"pose_keypoints_2d": flat({}, 18), "hand_right_keypoints_2d": []}
    found = from_pose_keypoint([frame(body, nobody), frame()])
    assert (found.skeleton, found.canvas) == ("openpose_18", (464, 832))
    assert found.count.tolist() == [1, 0]
    assert found.boxes[0, 0].tolist() == [10, 20, 30, 60]  # of the joints that are seen
    assert float(found.scores[0, 0]) == 0.75  # their mean confidence
    assert int(found.track_ids[0, 0]) == -1
    assert found.confidence[0, 0, 4] == 0.5
    assert from_pose_keypoint(frame(body)).count.tolist() == [1]  # an editor's single frame
    assert from_pose_keypoint([frame(body)], frames=3).count.tolist() == [1, 0, 0]
    # NumPy's numbers and arrays come from nodes, not from files
    numbers = np.array(body["pose_keypoints_2d"], np.float32)
    for same in (numbers, tuple(numbers), list(numbers)):
        equal(
            from_pose_keypoint([frame(body | {"pose_keypoints_2d": same})]),
            from_pose_keypoint([frame(body)]),
        )


def test_a_face_a_hand_or_feet_make_a_whole_body() -> None:
    face = flat({0: (1, 2, 1), 67: (3, 4, 1)}, 68)
    hand = flat({20: (5, 6, 1)}, 21)
    parts = OPENPOSE_134.parts
    for more, place, spot in (
        ({"face_keypoints_2d": face}, parts["face"].start + 67, (3, 4)),
        ({"face_keypoints_2d": [*face, 7, 7, 1, 8, 8, 1]}, parts["face"].start + 67, (3, 4)),
        ({"hand_left_keypoints_2d": hand}, parts["left_hand"].start + 20, (5, 6)),
        ({"hand_right_keypoints_2d": hand}, parts["right_hand"].start + 20, (5, 6)),
        ({"foot_keypoints_2d": flat({1: (9, 9, 1)}, 6)}, parts["feet"].start + 1, (9, 9)),
    ):
        found = from_pose_keypoint([frame(more), frame({"pose_keypoints_2d": flat({}, 18)})])
        assert found.skeleton == "openpose_wholebody_134"
        assert found.keypoints[0, 0, place].tolist() == list(spot)
        assert found.keypoints.isfinite().all()
        assert (found.confidence[0, 0] > 0).sum() == sum(
            c > 0 for c in next(iter(more.values()))[2::3][:68]
        )


BODY_25 = (
    *("nose", "neck", "right_shoulder", "right_elbow", "right_wrist"),
    *("left_shoulder", "left_elbow", "left_wrist", "mid_hip", "right_hip", "right_knee"),
    *("right_ankle", "left_hip", "left_knee", "left_ankle", "right_eye", "left_eye"),
    *("right_ear", "left_ear", "left_big_toe", "left_small_toe", "left_heel"),
    *("right_big_toe", "right_small_toe", "right_heel"),
)


@pytest.mark.parametrize("whole", [False, True])
def test_bodies_of_25_points(whole: bool, tmp_path: Path) -> None:
    """By OpenPose's own list of names."""
    spots = {i: (float(i + 1), float(2 * i + 1), 0.9) for i in range(25)}
    person = {"person_id": [7], "pose_keypoints_2d": flat(spots, 25), "face_keypoints_2d": []}
    if whole:
        person["hand_left_keypoints_2d"] = flat({}, 21)
    path = tmp_path / "IMG_0003_keypoints.json"
    path.write_text(json.dumps({"version": 1.3, "people": [person]}))
    found = read_poses(tmp_path, canvas=(464, 832))
    assert found.count.tolist() == [0, 0, 0, 1]
    skeleton = OPENPOSE_134 if whole else OPENPOSE_18
    assert found.skeleton == skeleton.name
    seen = 0
    for joint, (x, y, _) in zip(BODY_25, spots.values(), strict=True):
        if joint in skeleton.joints:
            assert found.keypoints[3, 0, skeleton.joints.index(joint)].tolist() == [x, y]
            seen += 1
    assert seen == (24 if whole else 18)
    assert int((found.confidence > 0).sum()) == seen
    assert int(found.track_ids[3, 0]) == 7
    # one such file alone is a frame without a canvas
    equal(
        read_poses(path, canvas=(464, 832)),
        Poses(
            **{n: getattr(found, n)[3:] for n in TENSORS}, canvas=(464, 832), skeleton=skeleton.name
        ),
    )


def test_whole_bodies_as_others_expect_them(tmp_path: Path) -> None:
    wanted = Poses.empty(1, (464, 832), skeleton=OPENPOSE_134.name)
    wanted.keypoints[:] = torch.arange(268.0).view(134, 2)
    wanted.confidence[:] = 0.5
    wanted.count[:] = 1
    (person,) = to_pose_keypoint(wanted)[0]["people"]
    sizes = {
        key: len(person[f"{key}_keypoints_2d"])
        for key in ("pose", "face", "hand_left", "hand_right", "foot")
    }
    assert sizes == {"pose": 54, "face": 210, "hand_left": 63, "hand_right": 63, "foot": 18}
    # DWPose packs: 70 points of the face, of which the last two are the eyes of the body
    assert person["face_keypoints_2d"][-6:] == [28, 29, 1, 30, 31, 1]
    assert len(person["face_confidence"]) == 68
    write_poses(wanted, tmp_path / "clip", "openpose")
    file = json.loads((tmp_path / "clip" / "clip_000000000000_keypoints.json").read_text())
    body = file["people"][0]["pose_keypoints_2d"]
    assert len(body) == 75
    right, left = body[27:29], body[36:38]
    assert body[24:27] == [(right[0] + left[0]) / 2, (right[1] + left[1]) / 2, 0.5]
    assert body[57:60] == [36, 37, 0.5]  # left big toe


def test_fractions_of_the_canvas() -> None:
    """controlnet_aux once wrote them; its readers tell them as we do, by their size."""
    body = {"pose_keypoints_2d": flat({0: (0.5, 0.25, 1), 1: (1.2, -0.1, 1)}, 18)}
    found = from_pose_keypoint([frame(body)])
    torch.testing.assert_close(
        found.keypoints[0, 0, :2], torch.tensor([[416.0, 116], [998.4, -46.4]])
    )
    torch.testing.assert_close(found.boxes[0, 0], torch.tensor([416.0, -46.4, 998.4, 116]))
    # not if anything lies further out, nor on a canvas as small, nor in a file of ours
    far = {"pose_keypoints_2d": flat({0: (0.5, 3, 1)}, 18)}
    assert from_pose_keypoint([frame(body), frame(far)]).keypoints[0, 0, 0].tolist() == [0.5, 0.25]
    tiny = frame(body, canvas_height=2, canvas_width=2)
    assert from_pose_keypoint([tiny]).keypoints[0, 0, 0].tolist() == [0.5, 0.25]
    ours = body | {"pose_confidence": [0.5] * 18}
    assert from_pose_keypoint([frame(ours)]).keypoints[0, 0, 0].tolist() == [0.5, 0.25]


def test_c_says_which_joints_and_confidence_how_sure() -> None:
    """As when an editor removed one of our joints and added another."""
    numbers = flat({0: (10, 10, 1), 2: (20, 20, 1)}, 18)
    confidence = [0.3, 0.4, 0.0, *[0.0] * 15]
    body = {"pose_keypoints_2d": numbers, "pose_confidence": confidence, "score": 0.9}
    found = from_pose_keypoint([frame(body)])
    assert found.confidence[0, 0, :3].tolist() == [pytest.approx(0.3), 0, 1]
    assert float(found.scores[0, 0]) == pytest.approx(0.9)


def test_surer_people_come_first() -> None:
    faint, sure = ({"pose_keypoints_2d": flat({0: (x, 5, c)}, 18)} for x, c in ((7, 0.2), (9, 0.8)))
    found = from_pose_keypoint([frame(faint, sure)])
    assert found.keypoints[0, :, 0, 0].tolist() == [9, 7]
    # equally sure: in the order of the file
    found = from_pose_keypoint([frame(sure, sure | {"score": 0.8, "track_id": 4})])
    assert found.track_ids[0].tolist() == [-1, 4]


def test_peaks_above_one_count_as_one() -> None:
    found = from_pose_keypoint([frame({"pose_keypoints_2d": flat({0: (7, 7, 1.03)}, 18)})])
    assert float(found.confidence[0, 0, 0]) == 1


def test_malformed_sockets() -> None:
    for frames, message in (
        ("x", "pose_keypoint: expected a list with one object per frame, found the text 'x'"),
        ([], "pose_keypoint: expected at least one frame, found an empty list"),
        (
            [frame({"pose_keypoints_2d": [math.nan] * 54})],
            r"2d\[0\]: expected a number .* found nan",
        ),
        (torch.zeros(3), "pose_keypoint: expected a list .*, found a Tensor"),
    ):
        with pytest.raises(InputError, match=message):
            from_pose_keypoint(frames)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "expected files named CLIP_000000000000_keypoints.json, found none"),
        (["frame.json"], "expected files named CLIP_000000000000_keypoints.json, found none"),
        (["a_0_keypoints.json", "b_1_keypoints.json"], "of one clip, found a_0_.* and b_1_"),
        (["a_0_keypoints.json", "a_00_keypoints.json"], "expected one file per frame, found a_0"),
        (["a_99999999999999999999_keypoints.json"], "are too many"),
    ],
)
def test_malformed_folders(tmp_path: Path, names: list[str], message: str) -> None:
    for name in names:
        (tmp_path / name).write_text('{"people": []}')
    with pytest.raises(InputError, match=message):
        read_poses(tmp_path, canvas=(9, 9))


def test_a_folder_needs_a_canvas(tmp_path: Path) -> None:
    (tmp_path / "a_0_keypoints.json").write_text('{"people": []}')
    with pytest.raises(InputError, match="do not say the size of the frames; connect the frames"):
        read_poses(tmp_path)
    (tmp_path / "a_1_keypoints.json").write_text('{"people": [{"pose_keypoints_2d": [1]}]}')
    message = r"a_1_keypoints.json: people\[0\].pose_keypoints_2d: expected 54 or 75 .*, found 1"
    with pytest.raises(InputError, match=message):
        read_poses(tmp_path, canvas=(9, 9))
