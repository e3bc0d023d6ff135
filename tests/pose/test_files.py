"""Files of poses: what is written reads back the same, and what is wrong is said exactly."""

import copy
import json
import math
import stat
import string
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from kinograph.engines.errors import InputError, MediaError
from kinograph.engines.pose.files import FORMS, read_poses, write_poses
from kinograph.engines.pose.files.coco import parse as parse_coco
from kinograph.engines.pose.files.coco import to_coco
from kinograph.engines.pose.files.document import Value, dump
from kinograph.engines.pose.files.pose_keypoint import from_pose_keypoint, to_pose_keypoint
from kinograph.engines.pose.files.predictions import parse as parse_predictions
from kinograph.engines.pose.files.predictions import to_predictions
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.skeletons import COCO_17, OPENPOSE_18, OPENPOSE_134, SKELETONS

TENSORS = [field.name for field in fields(Poses) if field.name not in ("canvas", "skeleton")]


def equal(one: Poses, other: Poses) -> None:
    """The same people, bit by bit, in as many places as are needed."""
    assert (one.canvas, one.skeleton, len(one)) == (other.canvas, other.skeleton, len(other))
    assert one.count.tolist() == other.count.tolist()
    for name in TENSORS:
        a, b = getattr(one, name), getattr(other, name)
        if name != "count":
            a, b = a[one.present], b[other.present]
        assert torch.equal(a, b), name


def as_openpose(poses: Poses) -> Poses:
    """A neck that is not seen is at (0, 0), too."""
    found = poses.as_openpose()
    found = found if poses.count.any() else found.body()  # nobody there to tell by
    return replace(found, keypoints=found.keypoints * (found.confidence > 0)[..., None])


@st.composite
def poses(draw: st.DrawFn, *, skeletons: tuple[str, ...] = tuple(SKELETONS)) -> Poses:
    """Any poses in canonical form: joints that are not seen at (0, 0), scores falling."""
    frames, places = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    canvas = draw(st.tuples(st.integers(3, 2000), st.integers(3, 2000)))
    skeleton = draw(st.sampled_from(skeletons))
    count = torch.tensor(draw(st.lists(st.integers(0, places), min_size=frames, max_size=frames)))
    sure = draw(st.floats(0, 1))
    random = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    joints = len(SKELETONS[skeleton])
    sides = torch.tensor([canvas[1], canvas[0]])
    empty = Poses.empty(frames, canvas, people=places, skeleton=skeleton)
    here = torch.arange(places)[None] < count[:, None]

    def spots(*shape: int) -> torch.Tensor:
        """Also outside the canvas; in 1/1024 px."""
        values = torch.randn(*shape, 2, generator=random) * sides
        return (values * 1024).round() / 1024

    confidence = torch.rand(frames, places, joints, generator=random)
    confidence *= torch.rand(confidence.shape, generator=random) < sure
    keypoints = spots(frames, places, joints) * (confidence > 0)[..., None]
    scores = torch.rand(frames, places, generator=random).sort(descending=True).values
    tracks = torch.randint(-1, 2**60, (frames, places), generator=random)
    return Poses(
        keypoints=keypoints * here[..., None, None],
        confidence=confidence * here[..., None],
        boxes=spots(frames, places, 2).flatten(2) * here[..., None],
        scores=scores * here,
        track_ids=torch.where(here, tracks, empty.track_ids),
        count=count,
        canvas=canvas,
        skeleton=skeleton,
    )


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """A new folder at every call, for the many runs of one property."""
    root = tmp_path_factory.mktemp("files")
    made = iter(range(10**9))

    def make() -> Path:
        folder = root / str(next(made))
        folder.mkdir()
        return folder

    return make


EASY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@EASY
@given(wanted=poses())
@pytest.mark.parametrize("form", FORMS)
def test_what_is_written_reads_back(form: str, wanted: Poses, room: Callable[[], Path]) -> None:
    path = room() / ("poses.safetensors" if form == "safetensors" else "clip")
    write_poses(wanted, path, form)
    found = read_poses(path, canvas=wanted.canvas, frames=len(wanted))
    if form == "coco":
        wanted = wanted.as_coco().body()
    elif form in ("pose_keypoint", "openpose"):
        wanted = as_openpose(wanted)
    equal(found, wanted)
    assert found.keypoints.shape[1] >= 1
    assert not found.keypoints[~found.present].any()
    assert bool((found.track_ids[~found.present] == -1).all())
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # nothing left over


@EASY
@given(wanted=poses(), seed=st.integers(0, 2**32))
def test_sockets_carry_poses_to_and_fro(wanted: Poses, seed: int) -> None:
    found = from_pose_keypoint(to_pose_keypoint(wanted))
    equal(found, as_openpose(wanted))
    ids = torch.randperm(10**6, generator=torch.Generator().manual_seed(seed))[: len(wanted)]
    results = to_coco(wanted, ids.tolist())
    found = parse_coco(Value(results, "x"), canvas=wanted.canvas, image_ids=ids.tolist())
    equal(found, wanted.as_coco().body())


def test_safetensors_keeps_what_is_not_seen_and_every_type(tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(0)
    wanted = Poses(
        keypoints=torch.randn(2, 3, 17, 2, generator=random).half(),
        confidence=torch.zeros(2, 3, 17),
        boxes=torch.randn(2, 3, 4, generator=random, dtype=torch.float64),
        scores=torch.rand(2, 3, generator=random).bfloat16(),
        track_ids=torch.arange(6).view(2, 3),
        count=torch.tensor([3, 1]),
        canvas=(5, 7),
        skeleton="coco_17",
    )
    path = tmp_path / "x.safetensors"
    write_poses(wanted, path, "safetensors")
    found = read_poses(path)
    for name in TENSORS:
        a, b = getattr(wanted, name), getattr(found, name)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert torch.equal(a, b)
    longer = read_poses(path, frames=4)
    assert longer.count.tolist() == [3, 1, 0, 0]
    assert longer.track_ids[3].tolist() == [-1, -1, -1]
    with pytest.raises(InputError, match="expected poses for 1 frames, found 2 frames"):
        read_poses(path, frames=1)


def test_files_of_the_clip(people: Callable[..., Poses], tmp_path: Path) -> None:
    write_poses(people(), tmp_path / "a" / "clip", "openpose")
    names = sorted(p.name for p in (tmp_path / "a" / "clip").iterdir())
    assert names == [f"clip_{f:012d}_keypoints.json" for f in range(4)]
    frame = json.loads((tmp_path / "a" / "clip" / names[0]).read_text())
    assert frame["version"] == 1.3
    person = frame["people"][0]
    assert person["person_id"] == [-1]
    assert len(person["pose_keypoints_2d"]) == 54
    assert person["hand_left_keypoints_2d"] == person["pose_keypoints_3d"] == []
    (tmp_path / "a" / "clip" / names[1]).unlink()  # a frame without a file is empty
    (tmp_path / "a" / "clip" / names[3]).unlink()
    found = read_poses(tmp_path / "a" / "clip", canvas=(464, 832))
    assert found.count.tolist() == [2, 0, 2]
    assert read_poses(tmp_path / "a" / "clip", canvas=(9, 9), frames=5).count.tolist()[2:] == [
        2,
        0,
        0,
    ]
    assert stat.S_IMODE((tmp_path / "a" / "clip").stat().st_mode) & 0o700 == 0o700
    with pytest.raises(MediaError, match="there are files in it already"):
        write_poses(people(), tmp_path / "a" / "clip", "openpose")


def test_nothing_is_left_where_writing_fails(people: Callable[..., Poses], tmp_path: Path) -> None:
    broken = people()
    broken.keypoints[2, 1, 3] = math.nan
    for form in FORMS[:-1]:
        with pytest.raises(InputError, match=r"keypoints: expected finite .* in frame 2"):
            write_poses(broken, tmp_path / "clip", form)
    broken.confidence[2, 1, 3] = 0  # what is not seen may lie anywhere
    write_poses(broken, tmp_path / "clip.json", "coco")
    with pytest.raises(InputError, match=r"form: expected one of pose_keypoint, .*, found 'csv'"):
        write_poses(broken, tmp_path / "clip", "csv")
    (tmp_path / "file").touch()
    for form in FORMS:
        with pytest.raises(MediaError, match="cannot be written"):
            write_poses(people(), tmp_path / "file" / "clip", form)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.json", "file"]


# --- what other packs write


def flat(points: dict[int, tuple[float, float, float]], size: int) -> list[float]:
    return [n for i in range(size) for n in points.get(i, (0.0, 0.0, 0.0))]


def frame(*people: dict[str, Any], **canvas: int) -> dict[str, Any]:
    return {"people": list(people)} | (canvas or {"canvas_height": 464, "canvas_width": 832})


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


# --- predictions

BOX = {"cx": 0.5, "cy": 0.5, "w": 0.25, "h": 0.5}


def detection(**more: Any) -> dict[str, Any]:
    return {"class_id": 0, "score": 0.5, "bbox": BOX} | more


def entry(image: str, *detections: dict[str, Any]) -> dict[str, Any]:
    return {"image": image, "detections": list(detections)}


def test_forms_of_predictions(tmp_path: Path) -> None:
    points = [[0.5, 0.5, 0.9]] + [[0, 0, 0]] * 16
    entries = [
        entry("a/frame_2.png", detection(keypoints=points)),
        entry("a/frame_0.png", detection(), detection(class_id=3)),
    ]
    as_map = {e["image"]: e["detections"] for e in entries}
    flat_points = copy.deepcopy(entries)
    flat_points[0]["detections"][0]["keypoints"] = [n for p in points for n in p]
    meta = {"canvas_height": 100, "canvas_width": 200}
    for document in (
        entries,
        flat_points,
        as_map,
        {"predictions": entries},
        {"schema_version": 1, "predictions": as_map, "meta": {"tool": "x"}},
        {"predictions": entries, "meta": meta},
    ):
        path = tmp_path / "predictions.json"
        path.write_text(json.dumps(document))
        canvas = (
            None
            if document.__class__ is dict and "canvas_height" in document.get("meta", {})
            else (100, 200)
        )
        found = read_poses(path, canvas=canvas)
        assert found.count.tolist() == [1, 0, 1]
        assert found.boxes[0, 0].tolist() == [75, 25, 125, 75]
        assert not found.confidence[0].any()  # a box alone
        assert found.keypoints[2, 0, 0].tolist() == [100, 50]
        assert found.confidence[2, 0, 0] == pytest.approx(0.9)


def test_images_are_joined_by_path_then_name_then_number() -> None:
    images = ["x/a_1.png", "y/a_1.png", "y/b_2.png", "c_7.png"]

    def order(*names: str) -> list[int]:
        document = [entry(name, detection()) for name in names]
        found = parse_predictions(Value(document, "p"), canvas=(9, 9), images=images)
        return found.count.tolist()

    assert order("y/a_1.png") == [0, 1, 0, 0]  # the path, where two have the name
    assert order("elsewhere/b_2.png", "d:\\clips\\c_7.png") == [0, 0, 1, 1]
    assert order("frame_0007.jpg", "clip.mp4#frame=02") == [0, 0, 1, 1]
    for names, message in (
        (["a_1.png"], r"\[0\].image: expected the path, file name or number of an image"),
        (
            ["b_2.png", "2.png"],
            r"\[1\].image: expected one entry an image, found '2.png' for .* \[0\]",
        ),
        (["nothing.png"], "found the text 'nothing.png'"),
    ):
        with pytest.raises(InputError, match=message):
            order(*names)


def test_names_without_images() -> None:
    def read(*names: str, frames: int | None = None) -> list[int]:
        document = [entry(name, detection()) for name in names]
        return parse_predictions(Value(document, "p"), canvas=(9, 9), frames=frames).count.tolist()

    assert read("photo.jpg", "other.jpg") == [1, 1]  # no number anywhere: in their order
    assert read("v2_f3.png", frames=6) == [0, 0, 0, 1, 0, 0]
    with pytest.raises(InputError, match="expected a name with the number of its frame"):
        read("photo.jpg", "frame_1.png")
    with pytest.raises(InputError, match=r"expected a number in 0..2, as the clip has 3 frames"):
        read("frame_3.png", frames=3)


def test_every_image_stands_in_what_we_write(people: Callable[..., Poses]) -> None:
    wanted = people(3, 1)
    wanted.count[1] = 0
    document = to_predictions(wanted, ["a.png", "b.png", "c.png"])
    assert [len(e["detections"]) for e in document["predictions"]] == [1, 0, 1]
    found = parse_predictions(Value(document, "p"), images=["c.png", "b.png", "a.png"])
    assert torch.equal(found.keypoints[0], wanted.keypoints[2])


# --- what is malformed

CANVAS = {"canvas_height": 464, "canvas_width": 832}
BODY = {"pose_keypoints_2d": [0.0] * 54}
RESULT = {"image_id": 0, "category_id": 1, "keypoints": [1.0] * 51, "score": 0.5}


NUMBERS = "pose_keypoints_2d: expected 54 or 75 numbers"
NUMBER = r"2d\[0\]: expected a number in -1e\+09..1e\+09"


def points(*numbers: Any) -> list[dict[str, Any]]:
    """A frame with one body, the numbers repeated."""
    return [frame({"pose_keypoints_2d": list(numbers) * (54 // len(numbers))})]


def with_size(height: Any, width: Any = 5) -> list[dict[str, Any]]:
    return [{"people": [], "canvas_height": height, "canvas_width": width}]


def body(**more: Any) -> list[dict[str, Any]]:
    return [frame(BODY | more)]


def found_in(*detections: Any) -> list[dict[str, Any]]:
    return [entry("a.png", *detections)]


def without(key: str) -> list[dict[str, Any]]:
    return [{k: v for k, v in RESULT.items() if k != key}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", ": expected JSON, found an empty file"),
        (b"\xff\xfe\x00", ": expected JSON in UTF-8, found bytes that are not text"),
        ("people", ": is not JSON at line 1, column 1: Expecting value"),
        ('[{"people": [], "canvas_h', ": is not JSON at line 1, .*; the file is cut off, write it"),
        ('[{"people": []', ": is not JSON at line 1, column 15: .*; the file is cut off"),
        ("[1 2]", ": is not JSON at line 1, column 4: Expecting ',' delimiter$"),
        ("[" * 100_000, ": nests too deep for a file of poses"),
        ('[{"people": NaN}]', ": expected numbers, found NaN; write null or 0"),
        ('[{"people": -Infinity}]', ": expected numbers, found -Infinity"),
        (f'[{{"people": {"9" * 5000}}}]', r": Exceeds the limit \(4300"),
        ('{"a.png": [], "a.png": []}', ": the key 'a.png' stands twice in one object"),
        ("3", ": expected POSE_KEYPOINT, COCO results or predictions, found 3"),
        ("null", ": expected POSE_KEYPOINT, COCO results or predictions, found null"),
        ('"x"', ": expected POSE_KEYPOINT.*, found the text 'x'"),
        ("{}", ": expected POSE_KEYPOINT.*, found an empty object"),
        ("[[]]", ": expected POSE_KEYPOINT.*, found a list of 1"),
        ([{"x": 1}], r': \[0\]: expected a frame with people, .*, found an object with "x"'),
        ({"images": [], "annotations": []}, ": expected poses, found COCO annotations, which"),
        # POSE_KEYPOINT
        ([{"people": 5} | CANVAS], r": \[0\].people: expected a list of people, found 5"),
        ([frame(), {}], r'\[1\]: expected an object with "people", found an empty object'),
        ([frame(), 7], r": \[1\]: expected an object, found 7"),
        ([{"people": [], "canvas_height": 5}], r'\[0\]: expected an object with "canvas_width"'),
        (with_size(-5), r"\[0\].canvas_height: expected a whole number in 1..16777216, found -5"),
        (with_size(5, 5.5), r"\[0\].canvas_width: expected a whole number .*, found 5.5"),
        (
            [frame(), frame(canvas_height=1, canvas_width=2)],
            r"\[1\]: expected the canvas 832x464 of the frames before, found 2x1",
        ),
        (
            [frame(), frame(), frame(), *body(pose_keypoints_2d=[0] * 52)],
            rf"\[3\].people\[0\].{NUMBERS}, found 52",
        ),
        ([frame(BODY, {"pose_keypoints_2d": "x" * 54})], rf"people\[1\].{NUMBERS}, found the text"),
        (points("1"), rf"{NUMBER}, found the text '1'"),
        (points(True), rf"{NUMBER}, found true"),
        (points([0]), rf"{NUMBER}, found a list of 1"),
        (points(1e300, 0, 1), rf"{NUMBER}, found 1e\+300"),
        (points(10**400, 0, 1), rf"{NUMBER}, found a huge number"),
        (points(1, 1, -0.5), r"2d\[2\]: expected a confidence in 0..1, found -0.5"),
        (points(1, 1, 300), r"2d\[2\]: expected a confidence in 0..1, found 300"),
        (body(face_keypoints_2d=[0] * 207), "face.*: expected 204 or 210 numbers, found 207"),
        (
            body(hand_left_keypoints_2d={}),
            "hand_left.*: expected 63 numbers, found an empty object",
        ),
        (body(pose_confidence=[0.5] * 17), "pose_confidence: expected 18 numbers, found 17"),
        (body(pose_confidence=[1.5] * 18), r"pose_confidence\[0\]: expected a confid.*, found 1.5"),
        (body(score=2), r"\[0\].people\[0\].score: expected a number in 0..1, found 2"),
        (body(box=[1, 2, 3]), "box: expected 4 numbers, found 3"),
        (body(track_id=-3), "track_id: expected a whole number from -1, found -3"),
        (body(track_id=2**63), "track_id: expected .*, found a huge number"),
        ([frame(None)], r"people\[0\]: expected an object, found null"),
        # COCO
        ([RESULT, 3], r": \[1\]: expected an object, found 3"),
        (
            [RESULT | {"image_id": "7"}],
            r"\[0\].image_id: expected a whole number from 0, found the",
        ),
        ([RESULT | {"category_id": 18}], r"\[0\].category_id: expected 1 \(person\), found 18"),
        ([RESULT | {"keypoints": [0] * 50}], r"\[0\].keypoints: expected 51 numbers, found 50"),
        (
            without("score"),
            r'\[0\]: expected an object with "score", found an object with "image_id"',
        ),
        ([RESULT | {"image_id": 10**12}], "1000000000001 frames with up to 1 people are too many"),
        # predictions
        (found_in(5), r"\[0\].detections\[0\]: expected an object, found 5"),
        (found_in({"class_id": 0, "score": 1}), r'ons\[0\]: expected an object with "bbox"'),
        (found_in(detection(bbox={"cx": 0})), r'"cy", found an object with "cx"'),
        (
            found_in(detection(bbox=BOX | {"w": 99})),
            "bbox.w: expected a number in -10..10, found 99",
        ),
        (
            found_in(detection(keypoints=[[1, 1, 1]] * 16)),
            "keypoints: expected 17 or 18 or 133 or 134 keypoints, found 16",
        ),
        (
            found_in(detection(keypoints=[[1, 1]] * 17)),
            r"keypoints\[0\]: expected 3 num.*, found 2",
        ),
        (
            found_in(detection(keypoints=[312, 1, 1] * 17)),
            "keypoints: expected fractions of the image's sides, found 312, which is pixels",
        ),
        (
            found_in(detection(keypoints=[0.1] * 51), detection(keypoints=[0.1] * 54)),
            r"detections\[1\].keypoints: expected 17 keypoints, as before, found 18",
        ),
        ([entry(5)], r"\[0\].image: expected a text, found 5"),
        ({"predictions": 5}, ": predictions: expected a list with one object an image, found 5"),
        ({"predictions": [], "schema_version": 2}, "schema_version: expected 1, found 2"),
        ({"a b.png": [5]}, r": \['a b.png'\]\[0\]: expected an object, found 5"),
        ({"predictions": []}, ": expected predictions for at least one image, found none"),
        ({"predictions": [], "meta": []}, ": meta: expected an object, found a list of 0"),
    ],
)
def test_malformed_files(tmp_path: Path, content: Any, message: str) -> None:
    path = tmp_path / "keypoints.json"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(InputError, match=message) as caught:
        read_poses(path, canvas=(9, 9))
    assert str(caught.value).startswith(f"{path}: ")


def test_files_that_do_not_say_the_size(tmp_path: Path) -> None:
    path = tmp_path / "keypoints.json"
    for content, message in (
        ([{"people": []}], ": expected canvas_height and canvas_width, or a canvas given with the"),
        (
            [RESULT],
            ": a file of COCO results does not say the size of the frames; connect the frames",
        ),
        ([], ": a file of COCO results does not say the size"),
        ([entry("a.png")], ": a file of predictions without meta.canvas_height does not say"),
    ):
        path.write_text(json.dumps(content))
        with pytest.raises(InputError, match=message):
            read_poses(path)
        assert read_poses(path, canvas=(4, 6), frames=3).canvas == (4, 6)


def test_malformed_sockets() -> None:
    for frames, message in (
        ("x", "pose_keypoint: expected a list with one object a frame, found the text 'x'"),
        ([], "pose_keypoint: expected at least one frame, found an empty list"),
        (
            [frame({"pose_keypoints_2d": [math.nan] * 54})],
            r"2d\[0\]: expected a number .* found nan",
        ),
        (torch.zeros(3), "pose_keypoint: expected a list .*, found a Tensor"),
    ):
        with pytest.raises(InputError, match=message):
            from_pose_keypoint(frames)


def test_paths_and_settings(tmp_path: Path, people: Callable[..., Poses]) -> None:
    with pytest.raises(InputError, match=r"nothing.json: there is no such file"):
        read_poses(tmp_path / "nothing.json")
    path = tmp_path / "x.json"
    write_poses(people(), path, "coco")
    for options, message in (
        ({"canvas": (0, 9)}, r"canvas: expected height and width >= 1, found \(0, 9\)"),
        ({"canvas": (9, 9), "frames": 0}, "frames: expected at least 1, found 0"),
        ({"canvas": (9, 9), "frames": 3}, r"x.json: expected poses for 3 frames, found 4 frames"),
    ):
        with pytest.raises(InputError, match=message):
            read_poses(path, **options)
    results = Value(to_coco(people()), "x")
    with pytest.raises(InputError, match=r"image_id: expected the id of an image of the clip"):
        parse_coco(results, canvas=(9, 9), image_ids=[0, 1, 2])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "expected files named CLIP_000000000000_keypoints.json, found none"),
        (["frame.json"], "expected files named CLIP_000000000000_keypoints.json, found none"),
        (["a_0_keypoints.json", "b_1_keypoints.json"], "of one clip, found a_0_.* and b_1_"),
        (["a_0_keypoints.json", "a_00_keypoints.json"], "expected one file a frame, found a_0"),
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


def test_malformed_safetensors(tmp_path: Path, people: Callable[..., Poses]) -> None:
    path = tmp_path / "x.safetensors"
    good = people()
    tensors = {name: getattr(good, name) for name in TENSORS}
    metadata = {"format": "kinograph.poses", "version": "1", "canvas": "4x4", "skeleton": "coco_17"}
    nan = tensors["boxes"] * math.nan
    for change, more, message in (
        ({}, {"format": "pt"}, "expected poses .metadata format kinograph.poses., found 'pt'"),
        ({}, {"version": "2"}, "expected version 1, found '2'; a newer Kinograph wrote it"),
        ({}, {"canvas": "-4x4"}, "expected a canvas such as 464x832, found '-4x4'"),
        ({}, {"canvas": "0x4"}, "Poses.canvas: expected height and width >= 1"),
        ({}, {"skeleton": "hydra"}, "Poses.skeleton: expected one of .*, found 'hydra'"),
        ({"more": nan}, {}, "expected the tensors keypoints, .*, found .*, more, "),
        ({"boxes": nan}, {}, "boxes: expected finite numbers, found NaN"),
        ({"boxes": nan[:1].contiguous()}, {}, r"Poses.boxes: expected the shape \[4,2,4\]"),
        (
            {"scores": good.count.clone()},
            {},
            "scores: expected floating-point numbers, found torch.int64",
        ),
        ({"count": good.count + 1}, {}, r"count: expected 0..2, found \[3, 3, 3, 3\]"),
    ):
        save_file(tensors | change, path, metadata | more)
        with pytest.raises(InputError, match=message) as caught:
            read_poses(path)
        assert str(caught.value).startswith(str(path))
    save_file(tensors, path, metadata)
    whole = path.read_bytes()
    for size in (0, 7, 100, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match="is no safetensors file, or is damaged"):
            read_poses(path)


# --- what nobody thought of

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(string.printable, max_size=8)
)
KEYS = st.sampled_from(
    [
        *("people", "canvas_height", "canvas_width", "pose_keypoints_2d", "face_keypoints_2d"),
        *("image", "detections", "image_id", "keypoints", "score", "bbox", "class_id", "cx"),
        *("predictions", "meta", "schema_version", "track_id", "box"),
    ]
) | st.text(max_size=4)
ANY = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)


def survives(raw: Any, path: Path, frames: int | None = 5) -> None:
    path.write_text(json.dumps(raw))
    for canvas in (None, (48, 64)):
        try:
            found = read_poses(path, canvas=canvas, frames=frames)
        except InputError as error:
            said = str(error)
            found = Poses.empty(1, (1, 1))
        else:
            said = str(path)
        assert said.startswith(str(path))
        assert found.keypoints.isfinite().all()
        assert bool(((found.confidence >= 0) & (found.confidence <= 1)).all())


@settings(EASY, max_examples=200)
@given(raw=ANY)
def test_any_json_gives_poses_or_an_error(raw: Any, room: Callable[[], Path]) -> None:
    survives(raw, room() / "any.json")


def _ways(raw: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """To every value in a document."""
    inner = (
        raw.items() if isinstance(raw, dict) else enumerate(raw if isinstance(raw, list) else ())
    )
    return [way, *(w for key, value in inner for w in _ways(value, (*way, key)))]


@settings(EASY, max_examples=200)
@given(data=st.data(), wanted=poses(skeletons=("coco_17", "openpose_18")))
def test_a_damaged_place_gives_poses_or_an_error(
    data: st.DataObject, wanted: Poses, room: Callable[[], Path]
) -> None:
    make = data.draw(st.sampled_from([to_pose_keypoint, to_coco, to_predictions]))
    raw = json.loads(json.dumps(make(wanted)))
    way = data.draw(st.sampled_from(_ways(raw)))
    damage = data.draw(ANY)
    if way:
        inside = raw
        for key in way[:-1]:
            inside = inside[key]
        inside[way[-1]] = damage
    else:
        raw = damage
    survives(raw, room() / "damaged.json", data.draw(st.none() | st.just(9)))


def test_a_file_that_is_cut_off_anywhere(tmp_path: Path, people: Callable[..., Poses]) -> None:
    write_poses(people(1, 1), tmp_path / "x", "pose_keypoint")
    whole = (tmp_path / "x").read_bytes()
    for size in range(0, len(whole) - 1, 7):
        (tmp_path / "x").write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"is not JSON at|empty file"):
            read_poses(tmp_path / "x")


def test_coco_and_openpose_joints_are_told_apart(people: Callable[..., Poses]) -> None:
    wanted = people()
    for skeleton in (COCO_17, OPENPOSE_18):
        here = wanted if skeleton is COCO_17 else wanted.as_openpose()
        document = to_predictions(here)
        del document["meta"]["skeleton"]
        assert parse_predictions(Value(document, "p")).skeleton == skeleton.name


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([{"x": float("nan")}], "what JSON cannot hold"),
        ([{"x": object()}], "what JSON cannot hold"),
    ],
)
def test_what_json_cannot_hold_is_not_written(
    tmp_path: Path, content: object, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        dump(content, tmp_path / "a.json")
    assert not (tmp_path / "a.json").exists()


def test_arrays_are_written_as_lists(tmp_path: Path) -> None:
    dump([{"pose_keypoints_2d": torch.tensor([1.5, 2.0]).numpy()}], tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text()) == [{"pose_keypoints_2d": [1.5, 2.0]}]
