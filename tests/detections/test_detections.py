"""`Detections`: what is refused, and what is done with frames."""

from typing import Any

import pytest
import torch

from kinograph.engines.detections.detections import Detections
from kinograph.engines.errors import InputError
from kinograph.engines.pose.poses import Poses
from kinograph.engines.sequence import FrameSequence


def made(frames: int = 3, places: int = 2, count: int = 1) -> Detections:
    random = torch.Generator().manual_seed(frames)
    low = torch.rand(frames, places, 2, generator=random)
    found = Detections(
        boxes=torch.cat([low, low + 1], 2),
        scores=torch.rand(frames, places, generator=random),
        classes=torch.arange(frames * places).view(frames, places),
        count=torch.full((frames,), count),
        canvas=(10, 20),
    )
    return found


_EMPTY: dict[str, Any] = {
    "boxes": torch.zeros(3, 2, 4),
    "scores": torch.zeros(3, 2),
    "classes": torch.zeros(3, 2, dtype=torch.int64),
    "count": torch.zeros(3, dtype=torch.int64),
    "canvas": (10, 20),
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": torch.zeros(3, 4)}, r"Detections.boxes: expected the shape \[frames,places,4\]"),
        ({"scores": torch.zeros(3, 3)}, r"Detections.scores: expected the shape \[3,2\]"),
        ({"classes": torch.zeros(3, 2)}, "Detections.classes: expected int64, found torch.float32"),
        ({"count": torch.zeros(2, dtype=torch.int64)}, r"Detections.count: expected .* \[3\]"),
        ({"count": torch.zeros(3)}, "Detections.count: expected int64"),
        ({"scores": torch.zeros(3, 2, device="meta")}, "Detections.scores: expected on cpu, found"),
        ({"canvas": (0, 20)}, r"Detections.canvas: expected height and width >= 1, found \(0, 20"),
    ],
)
def test_what_does_not_fit_together(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Detections(**{**_EMPTY, **change})


def test_frames_are_cut_and_joined() -> None:
    found = made(5)
    assert isinstance(found, FrameSequence)
    assert found.frame_count == len(found) == 5
    parts = [found.slice(0, 2), found.slice(2, 5).with_places(4)]
    again = Detections.cat(parts)
    assert again.scores.shape == (5, 4)
    torch.testing.assert_close(again.boxes[:, :2], found.boxes)
    assert not again.boxes[:, 2:].any()
    assert torch.equal(again.count, found.count)
    with pytest.raises(InputError, match="the chunks differ in canvas"):
        Detections.cat([found, Detections.empty(1, (10, 10))])


def test_places_up_to_the_count_are_present() -> None:
    assert made(2, 3, 2).present.tolist() == [[True, True, False]] * 2
    assert not Detections.empty(2, (4, 4), places=3).present.any()
    assert made().to("cpu").count.tolist() == [1, 1, 1]


def test_as_people_without_joints() -> None:
    found = made(4, 3, 2)
    poses = Poses.from_detections(found)
    assert poses.canvas == found.canvas
    assert torch.equal(poses.boxes, found.boxes)
    assert torch.equal(poses.scores, found.scores)
    assert torch.equal(poses.present, found.present)
    assert not poses.confidence.any()
    assert bool((poses.track_ids == -1).all())
