"""POSE_KEYPOINT as other programs read it: each reader's rule, in a few lines of our own."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from kinograph.engines.pose.files.pose_keypoint import from_pose_keypoint, to_pose_keypoint
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.skeletons import OPENPOSE_18, OPENPOSE_134
from pose_files import equal, frame

Person = dict[str, Any]
Seen = dict[str, int]  # how many points of each part a reader takes for seen

_SIZES = {"pose": 18, "face": 70, "hand_left": 21, "hand_right": 21}


def core_draw(person: Person) -> Seen:
    """ComfyUI 0.33, comfy_extras/nodes_sdpose.py, SDPoseDrawKeypoints: every key but the feet must
    be there with its number of points; a point is seen from the threshold on, 0.3 unless set."""
    scores = {
        part: np.array(person[f"{part}_keypoints_2d"], np.float32).reshape(size, 3)[:, 2]
        for part, size in _SIZES.items()
    }
    if feet := person.get("foot_keypoints_2d"):
        scores["foot"] = np.array(feet, np.float32).reshape(6, 3)[:, 2]
    scores["face"] = scores["face"][:68]
    return {part: int((values >= 0.3).sum()) for part, values in scores.items()}


def core_face_boxes(person: Person) -> Seen:
    """The same file, SDPoseFaceBBoxes: no face if the list is missing or empty, or its points span
    nothing."""
    flat = person.get("face_keypoints_2d", [])
    if not flat:
        return {"face": 0}
    points = np.array(flat, np.float32).reshape(-1, 3)[:, :2]
    return {"face": len(points) if (np.ptp(points, axis=0) > 0).all() else 0}


def controlnet_aux(person: Person) -> Seen:
    """comfyui_controlnet_aux, dwpose/__init__.py, decode_json_as_poses: a part may be missing, null
    or empty; a point with c below 1 is not seen."""
    seen = {}
    for part in _SIZES:
        flat = person.get(f"{part}_keypoints_2d") or []
        assert len(flat) % 3 == 0
        seen[part] = sum(c >= 1 for c in flat[2::3])
    return seen


def facial_parts(person: Person) -> Seen:
    """comfyui_controlnet_aux, node_wrappers/pose_keypoint_postprocess.py, Colorize Facial Parts:
    the list must be there, with at least the 68 points that its contours name."""
    points = np.array(person["face_keypoints_2d"]).reshape(-1, 3)[:, :2]
    return {"face": int((points[np.arange(68)] != 0).any(1).sum())}


def openpose_editor(person: Person) -> Seen:
    """sd-webui-openpose-editor (also in ComfyUI-openpose-editor), src/App.vue and Openpose.ts: a
    hand or face that is missing or null is not there; another must have at least 21 or 70 points.
    Points at 0 are put outside."""
    seen = {}
    for part, size in _SIZES.items():
        flat = person.get(f"{part}_keypoints_2d")
        if flat is not None:
            assert len(flat) >= 3 * size
        points = np.array(flat or [], np.float32).reshape(-1, 3)
        seen[part] = int((points > 0).all(1).sum())
    return seen


READERS = [core_draw, core_face_boxes, controlnet_aux, facial_parts, openpose_editor]


def standing(skeleton: str, seen: slice) -> Poses:
    """One person, of whom the joints of `seen` are seen."""
    joints = 18 if skeleton == OPENPOSE_18.name else 134
    poses = Poses.empty(1, (464, 832), skeleton=skeleton)
    spots = torch.arange(1.0, joints + 1)
    poses.keypoints[0, 0] = torch.stack([3 * spots, 2 * spots + spots % 7], -1)
    poses.confidence[0, 0, seen] = 0.6
    poses.keypoints[poses.confidence == 0] = 0
    poses.boxes[:] = torch.tensor([3.0, 2, 400, 300])
    poses.scores[:] = 0.5
    poses.count[:] = 1
    return poses


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
@pytest.mark.parametrize(
    ("skeleton", "seen", "expected"),
    [
        (OPENPOSE_18.name, slice(None), {"pose": 18}),
        (OPENPOSE_18.name, slice(0), {}),
        (OPENPOSE_134.name, slice(0, 18), {"pose": 18}),
        (
            OPENPOSE_134.name,
            slice(None),
            {"pose": 18, "face": 68, "hand_left": 21, "hand_right": 21, "foot": 6},
        ),
    ],
)
def test_what_is_written_is_what_they_see(
    reader: Callable[[Person], Seen], skeleton: str, seen: slice, expected: Seen
) -> None:
    poses = standing(skeleton, seen)
    written = to_pose_keypoint(poses)
    (person,) = written[0]["people"]
    assert None not in person.values()
    for part, count in reader(person).items():
        if part == "face" and count:
            count = min(count, 68)  # some count the eyes of the body, in the place of pupils
        assert count == expected.get(part, 0), part
    equal(from_pose_keypoint(written), poses)


@pytest.mark.parametrize("nothing", [None, [], "missing"])
def test_why_the_parts_are_zeros(nothing: object) -> None:
    """Every other way to say that there is no face fails in ComfyUI's own node."""
    (person,) = to_pose_keypoint(standing(OPENPOSE_18.name, slice(None)))[0]["people"]
    person["face_keypoints_2d"] = nothing
    if nothing == "missing":
        del person["face_keypoints_2d"]
    with pytest.raises((ValueError, KeyError)):
        core_draw(person)
    # files of that form are read as before
    assert from_pose_keypoint([frame(person)]).skeleton == OPENPOSE_18.name


def test_zeros_of_other_programs_stay_a_part() -> None:
    """Without our confidences, a hand of zeros makes a whole body, as it always has."""
    person = {"pose_keypoints_2d": [1.0] * 54, "hand_left_keypoints_2d": [0.0] * 63}
    assert from_pose_keypoint([frame(person)]).skeleton == OPENPOSE_134.name


def test_a_hand_that_an_editor_puts_into_a_file_of_a_body() -> None:
    written = to_pose_keypoint(standing(OPENPOSE_18.name, slice(None)))
    written[0]["people"][0]["hand_left_keypoints_2d"][:3] = [5.0, 6.0, 1.0]
    found = from_pose_keypoint(written)
    assert found.skeleton == OPENPOSE_134.name
    at = OPENPOSE_134.parts["left_hand"].start
    assert found.keypoints[0, 0, at].tolist() == [5, 6]


def test_no_two_people_share_a_list() -> None:
    poses = standing(OPENPOSE_18.name, slice(None))
    one, other = to_pose_keypoint(Poses.cat([poses, poses]))
    one["people"][0]["face_keypoints_2d"][0] = 7.0
    assert other["people"][0]["face_keypoints_2d"][0] == 0
