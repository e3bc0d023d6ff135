"""Predictions of frames: they read back as they were, other programs take them, and nothing
malformed passes."""

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from kinograph.engines.detect.files.frames import read_frames, to_predictions
from kinograph.engines.detect.labels import Labels
from kinograph.engines.detect.objects import Objects
from kinograph.engines.document import dump
from kinograph.engines.errors import InputError
from made_objects import LABELS, SIZE, made_objects

CONTENT = to_predictions(made_objects())


def same(one: Objects, other: Objects) -> None:
    assert (one.canvas, one.labels) == (other.canvas, other.labels)
    for name in ("scores", "classes", "count", "boxes", "keypoints", "confidence", "translation"):
        ours, theirs = getattr(one, name), getattr(other, name)
        torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=1e-5, msg=name)
    there = one.present
    assert one.rotation is not None
    assert other.rotation is not None
    torch.testing.assert_close(one.rotation[there], other.rotation[there], atol=1e-6, rtol=0)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    objects = made_objects()
    path = tmp_path / "a.json"
    dump(to_predictions(objects), path)
    same(read_frames(path, frames=3), objects)
    whole = read_frames(path).camera
    assert whole is not None
    assert whole.frame_count == 1, "as that of a part has"
    wide = read_frames(path, canvas=(192, 128))
    same(wide, objects.fitted((192, 128)))
    dump(to_predictions(replace(objects, labels=Labels())), path)
    named = read_frames(path, classes="cup, book")
    assert named.labels == Labels(("cup", "book"))
    assert torch.equal(named.keypoints, read_frames(path).keypoints)
    flat = replace(objects, rotation=None, translation=None, camera=None)
    dump(to_predictions(flat), path)
    assert read_frames(path).rotation is None
    dump(CONTENT["predictions"], path)  # the list alone
    assert read_frames(path).labels == Labels()
    others = copy.deepcopy(CONTENT["predictions"])
    for detection in (found for image in others for found in image["detections"]):
        joints = torch.tensor(detection["keypoints"]).view(-1, 3).tolist()
        detection["keypoints"] = [dict(zip("xyv", joint, strict=True)) for joint in joints]
    dump(others, path)
    torch.testing.assert_close(read_frames(path).keypoints, objects.keypoints)


@pytest.mark.skipif(find_spec("yolozu") is None, reason="its validator is not installed")
def test_yolozu_takes_them(tmp_path: Path) -> None:
    dump(CONTENT, tmp_path / "a.json")
    command = [sys.executable, "-m", "yolozu", "validate", "predictions", str(tmp_path / "a.json")]
    done = subprocess.run([*command, "--strict", "--json"], capture_output=True, text=True)
    found = json.loads(done.stdout)
    assert (done.returncode, found["ok"], found["errors"]) == (0, True, [])


def entry(content: Any) -> Any:
    return content["predictions"][0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(predictions=[]), "predictions: expected at least one image"),
        (lambda c: c["predictions"].pop(), "expected 3 images, as many as frames, found 2"),
        (
            lambda c: c["predictions"][1].update(image="frame_000000.png"),
            r"\[1\]\.image: expected each image once",
        ),
        (
            lambda c: entry(c)["detections"][0].update(score=7),
            r"score: expected a number in 0\.\.1",
        ),
        (lambda c: entry(c)["detections"][1].update(class_id=2), r"class_id: .*0\.\.1"),
        (lambda c: entry(c)["detections"][0]["bbox"].update(w=0), "a box of some width"),
        (
            lambda c: entry(c)["detections"][0].update(keypoints=[0, 0, 1]),
            "keypoints: expected 9 numbers",
        ),
        (lambda c: entry(c).update(image_size={"width": 9, "height": 9}), "of one input size"),
        (lambda c: c["labels"].update(skeleton=[[0, 3]]), r"skeleton\[0\]\[1\]: .*0\.\.2"),
        (lambda c: c["labels"].update(skeleton=[[0]]), r"skeleton\[0\]: expected two keypoints"),
        (lambda c: c["labels"].update(bounds=[None]), "bounds: expected 2 entries"),
        (lambda c: c["labels"].update(class_names=[1, 2]), r"class_names\[0\]: expected a text"),
    ],
)
def test_malformed_files(change: Callable[[Any], Any], message: str, tmp_path: Path) -> None:
    content = copy.deepcopy(CONTENT)
    change(content)
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=message) as caught:
        read_frames(tmp_path / "a.json", frames=3)
    assert "a.json" in str(caught.value)


def test_names_that_a_file_has_already(tmp_path: Path) -> None:
    dump(CONTENT, tmp_path / "a.json")
    with pytest.raises(InputError, match=r"class_names: a\.json names its classes \(cup, book\)"):
        read_frames(tmp_path / "a.json", classes="a, b")


def test_objects_that_no_file_can_hold() -> None:
    objects = made_objects()
    assert objects.translation is not None
    behind = replace(objects, translation=-objects.translation)
    with pytest.raises(InputError, match="translation: expected z above 0, before the camera"):
        to_predictions(behind)
    broken = replace(objects, keypoints=objects.keypoints / 0)
    with pytest.raises(InputError, match="keypoints: found NaN or infinity"):
        to_predictions(broken)


def test_frames_are_numbered_and_sized() -> None:
    images = [image["image"] for image in CONTENT["predictions"]]
    assert images == ["frame_000000.png", "frame_000001.png", "frame_000002.png"]
    assert entry(CONTENT)["image_size"] == {"width": SIZE[1], "height": SIZE[0]}
    assert CONTENT["labels"]["class_names"] == list(LABELS.classes)
    assert [len(image["detections"]) for image in CONTENT["predictions"]] == [2, 2, 1]
