"""Files of predictions: what is written is read, and nothing malformed passes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from kinograph.engines.detect.files.predictions import entries_of, wrapped
from kinograph.engines.detect.files.read_predictions import read_predictions
from kinograph.engines.detect.rtdetr_pose.decode import decode
from kinograph.engines.errors import InputError

SIZE = (64, 96)
NAMES = ("images/val/a.png", "images/val/b.png")
CAMERA = torch.tensor([100.0, 110.0, 48.0, 32.0])


def outputs() -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(0)
    shapes = {"logits": 3, "bbox": 4, "log_z": 1, "rot6d": 6, "offsets": 2}
    found = {n: torch.randn(2, 5, size, generator=random) for n, size in shapes.items()}
    return {
        **found,
        "k_delta": torch.randn(2, 4, generator=random) * 0.1,
        "keypoints": torch.rand(2, 5, 3, 2, generator=random),
        "keypoint_scores": torch.rand(2, 5, 3, generator=random),
    }


@pytest.mark.parametrize("wrap", [False, True])
def test_predictions_read_back_as_decoded(tmp_path: Path, wrap: bool) -> None:
    entries: Any = entries_of(
        outputs(), NAMES, SIZE, intrinsics=[CAMERA, CAMERA], threshold=0.1, most=4
    )
    content = wrapped(entries, config="a", checkpoint="a.pt") if wrap else entries
    path = tmp_path / "p.json"
    path.write_text(json.dumps(content))
    found = read_predictions(path, NAMES[::-1], classes=2, keypoints=3)
    wanted = decode(
        outputs(), SIZE, intrinsics=CAMERA.expand(2, 4), threshold=0.1, most=found.scores.shape[1]
    )
    assert torch.equal(found.count, wanted.count.flip(0))
    for name in ("boxes", "scores", "classes", "keypoints", "confidence", "translation"):
        ours, theirs = getattr(found, name), getattr(wanted, name).flip(0)
        torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-4)
    assert found.rotation is not None
    assert wanted.rotation is not None
    there = found.present
    torch.testing.assert_close(found.rotation[there], wanted.rotation.flip(0)[there])


def test_without_intrinsics_there_are_no_poses(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps(entries_of(outputs(), NAMES, SIZE, threshold=0.1)))
    found = read_predictions(path, NAMES, classes=2, keypoints=3)
    assert found.rotation is None
    path.write_text(json.dumps(entries_of(outputs(), NAMES, SIZE, threshold=0.999)))
    assert read_predictions(path, NAMES, classes=2, keypoints=3).count.tolist() == [0, 0]


def test_outputs_that_are_not_finite_are_named() -> None:
    broken = outputs()
    broken["log_z"][1, 3] = torch.inf
    with pytest.raises(InputError, match=r"image images/val/b\.png: log_z: found NaN or infinity"):
        entries_of(broken, NAMES, SIZE)


def first(content: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = content[0]["detections"][0]
    return found


Change = Callable[[list[dict[str, Any]]], Any]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda c: first(c).update(score=7),
            r"\[0\]\.detections\[0\]\.score: expected a number in",
        ),
        (lambda c: first(c).update(score=float("nan")), "expected numbers, found NaN"),
        (lambda c: first(c)["bbox"].update(w=-0.1), r"bbox\.w: expected a number in 0\.\.1"),
        (lambda c: first(c)["bbox"].update(w=0), "bbox: expected a box of some width and height"),
        (lambda c: first(c)["bbox"].pop("h"), 'bbox: expected an object with "h"'),
        (lambda c: first(c).update(class_id=2), r"class_id: expected a whole number in 0\.\.1"),
        (lambda c: first(c).update(rot6d=[0] * 6), "rot6d: expected two rows with a direction"),
        (lambda c: first(c).update(rot6d=[1] * 5), "rot6d: expected 6 numbers, found 5"),
        (lambda c: first(c).update(log_z=400), r"log_z: expected a number in -20\.\.20"),
        (lambda c: first(c).update(keypoints=[0] * 6), "keypoints: expected 9 numbers, found 6"),
        (lambda c: c[0].pop("detections"), r'\[0\]: expected an object with "detections"'),
        (lambda c: c[0].pop("image_size"), r'\[0\]: expected an object with "image_size"'),
        (
            lambda c: c[0].update(image="x.png"),
            r"image: expected an image of the data set, found 'x",
        ),
        (
            lambda c: c.append(c[0]),
            r"\[2\]\.image: expected each image once, found .*a\.png' twice",
        ),
        (lambda c: c.pop(), r"expected predictions for all 2 images, found none for images/val/b"),
        (lambda c: c[0]["image_size"].update(width=64), "expected images of one input size"),
        (lambda c: c[0]["intrinsics"].update(fx=0), "intrinsics: expected focal lengths above 0"),
    ],
)
def test_malformed_predictions_are_named(tmp_path: Path, change: Change, message: str) -> None:
    content = entries_of(outputs(), NAMES, SIZE, intrinsics=[CAMERA, CAMERA], threshold=0.0)
    change(content)
    path = tmp_path / "p.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        read_predictions(path, NAMES, classes=2, keypoints=3)
