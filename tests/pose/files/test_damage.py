"""What is wrong with a file is said exactly, whatever its bytes."""

import json
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinograph.engines.errors import InputError
from kinograph.engines.pose.files import read_poses, write_poses
from kinograph.engines.pose.files.coco import to_coco
from kinograph.engines.pose.files.pose_keypoint import to_pose_keypoint
from kinograph.engines.pose.files.predictions import to_predictions
from kinograph.engines.pose.poses import Poses
from pose_files import (
    BODY,
    BOX,
    EASY,
    RESULT,
    body,
    detection,
    entry,
    frame,
    points,
    poses,
    without,
)

CANVAS = {"canvas_height": 464, "canvas_width": 832}


NUMBERS = "pose_keypoints_2d: expected 54 or 75 numbers"


NUMBER = r"2d\[0\]: expected a number in -1e\+09..1e\+09"


def with_size(height: Any, width: Any = 5) -> list[dict[str, Any]]:
    return [{"people": [], "canvas_height": height, "canvas_width": width}]


def found_in(*detections: Any) -> list[dict[str, Any]]:
    return [entry("a.png", *detections)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", ": expected JSON, found an empty file"),
        (b"\xff\xfe\x00", ": expected JSON in UTF-8, found bytes that are not text"),
        ("people", ": is not JSON at line 1, column 1: Expecting value"),
        ('[{"people": [], "canvas_h', ": is not JSON at line 1, .*; the file is cut off, write it"),
        ('[{"people": []', ": is not JSON at line 1, column 15: .*; the file is cut off"),
        ("[1 2]", ": is not JSON at line 1, column 4: Expecting ',' delimiter$"),
        ("[" * 100_000, ": nests too deep"),
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
        (
            body(face_keypoints_2d=[0] * 208),
            "face.*: expected 153 or 204 or 207 or 210 numbers, found 208",
        ),
        (body(face_keypoints_2d=["x"] * 168), r"face.*\[0\]: expected a number .*, found the text"),
        (body(face_keypoints_2d="x"), "face.*: expected .* numbers, found the text 'x'"),
        # the first editors, and animals
        (
            {"width": 5, "height": 0, "keypoints": []},
            ": height: expected a whole number in 1..1677",
        ),
        (
            {"width": 5, "height": 5, "keypoints": 7},
            ": keypoints: expected a list of people, found",
        ),
        (
            {"width": 5, "height": 5, "keypoints": [[[1, 2]] * 17]},
            r": keypoints\[0\]: expected 18 joints, found 17",
        ),
        (
            {"width": 5, "height": 5, "keypoints": [[[1, 2, 3]] * 18]},
            r": keypoints\[0\]\[0\]: expected 2 numbers, found 3",
        ),
        ({"animals": 3} | CANVAS, ": animals: expected a list of animals, found 3"),
        (
            {"animals": [[[1, 2, 1]] * 18]} | CANVAS,
            r": animals\[0\]: expected 17 keypoints \(AP-10K\), found 18",
        ),
        ({"animals": [[[1, 2]] * 17]} | CANVAS, r"animals\[0\]\[0\]: expected 3 numbers, found 2"),
        (
            {"animals": [[[1, 2, 1]] * 17], "scores": []} | CANVAS,
            ": scores: expected one for each of 1 animals, found 0",
        ),
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
        ({"predictions": 5}, ": predictions: expected a list with one object per image, found 5"),
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
