"""Hands and faces against annotations: found, missed, invented, and distances."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from hand_pictures import PICTURES, people
from kinograph.engines.errors import InputError
from kinograph.engines.evaluation.part_annotations import read_part_annotations
from kinograph.engines.evaluation.parts import evaluate_parts
from kinograph.engines.pose.poses import Poses

ANNOTATIONS = PICTURES / "annotations.json"


def annotations(folder: Path, *parts: dict[str, Any], **changes: Any) -> Path:
    """Write two pictures of 64x48 with these annotations."""
    document = {
        "images": [
            {"id": 5, "file_name": "a.jpg", "width": 64, "height": 48},
            {"id": 7, "file_name": "b.jpg", "width": 64, "height": 48},
        ],
        "categories": [{"id": 1, "name": "hand"}, {"id": 2, "name": "face"}],
        "annotations": list(parts),
        **changes,
    }
    path = folder / "annotations.json"
    path.write_text(json.dumps(document))
    return path


def hand(image: int, x: float, y: float, marks: dict[int, tuple[float, float]], ignored: int = 0):  # type: ignore[no-untyped-def]
    keypoints = [0.0] * 63
    for number, at in marks.items():
        keypoints[3 * number : 3 * number + 3] = [*at, 2]
    return {
        "image_id": image,
        "category_id": 1,
        "bbox": [x, y, 10, 20],
        "keypoints": keypoints,
        "iscrowd": ignored,
    }


def with_hands(*hands: tuple[int, str, float, float]) -> Poses:
    """One person in each of two pictures, with hands (frame, part, x, y): all points at x, y."""
    poses = people({}, canvas=(48, 64), frames=2).whole()
    for frame, part, x, y in hands:
        points, sure = torch.zeros(2, 1, 21, 2), torch.zeros(2, 1, 21)
        points[frame] = torch.tensor([x, y])
        sure[frame] = 0.8
        poses = poses.with_part(part, points, sure)
    return poses


def test_found_missed_and_invented(tmp_path: Path) -> None:
    truth = read_part_annotations(
        annotations(
            tmp_path,
            hand(5, 0, 0, {0: (5, 14), 8: (5, 6)}),
            hand(7, 30, 10, {0: (35, 20)}),
            hand(7, 0, 0, {}, ignored=1),
        )
    )
    poses = with_hands((0, "left_hand", 5, 10), (1, "right_hand", 50, 40))
    assert evaluate_parts(poses, truth)["hand"] == {
        **{"annotated": 2, "found": 1, "missed": 1, "invented": 1},
        **{"points": 2, "mean_px": 4.0, "mean_relative": pytest.approx(0.2)},
    }
    poses = with_hands((0, "left_hand", 5, 10), (1, "right_hand", 5, 10))  # the ignored one
    found = evaluate_parts(poses, truth)["hand"]
    assert [found[key] for key in ("found", "missed", "invented")] == [1, 1, 0]
    assert evaluate_parts(with_hands(), truth)["face"]["mean_px"] is None


def test_the_annotated_pictures() -> None:
    truth = read_part_annotations(ANNOTATIONS)
    assert len(truth.images) == 12
    assert all(path.exists() for path in truth.images)
    assert truth.size == (640, 640)
    counts = {kind: sum(not p.ignored for p in some) for kind, some in truth.parts.items()}
    assert counts == {"hand": 22, "face": 7}
    for part in (part for parts in truth.parts.values() for part in parts):
        marked = part.points[part.marked]
        assert (marked >= part.box[:2] - 5).all()
        assert (marked <= part.box[2:] + 5).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"categories": [{"id": 1, "name": "foot"}]}, "expected one of hand, face"),
        ({"annotations": [hand(6, 0, 0, {})]}, "expected the id of an image"),
        ({"annotations": [{**hand(5, 0, 0, {}), "category_id": 9}]}, "the id of a category"),
        ({"annotations": [{**hand(5, 0, 0, {}), "keypoints": [1, 2]}]}, "keypoints"),
        ({"annotations": [{**hand(5, 0, 0, {}), "bbox": [0, 0, 0, 5]}]}, "a width and a height"),
        ({"images": []}, "images of one size"),
    ],
)
def test_bad_annotations(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        read_part_annotations(annotations(tmp_path, **changes))


def test_poses_of_other_pictures(tmp_path: Path) -> None:
    truth = read_part_annotations(annotations(tmp_path))
    with pytest.raises(InputError, match=r"expected those of 2 pictures of 64x48, found 1 frames"):
        evaluate_parts(people({}, canvas=(48, 64)).whole(), truth)
    with pytest.raises(InputError, match="expected hands and faces, found bodies"):
        evaluate_parts(people({}, canvas=(48, 64), frames=2), truth)
