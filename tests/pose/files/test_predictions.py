"""Predictions by image name."""

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from kinograph.engines.document import Value
from kinograph.engines.errors import InputError
from kinograph.engines.pose.files import read_poses
from kinograph.engines.pose.files.predictions import parse as parse_predictions
from kinograph.engines.pose.files.predictions import to_predictions
from kinograph.engines.pose.poses import Poses
from pose_files import (
    detection,
    entry,
)


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
            r"\[1\].image: expected one entry per image, found '2.png' for .* \[0\]",
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
