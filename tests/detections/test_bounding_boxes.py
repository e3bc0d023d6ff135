"""Every form of BOUNDING_BOX that ComfyUI 0.33's nodes give and take."""

from typing import Any

import pytest
import torch
from torch import Tensor

from kinograph.engines.detections.bounding_boxes import from_bounding_boxes, to_bounding_boxes
from kinograph.engines.detections.detections import Detections
from kinograph.engines.errors import InputError

Box = dict[str, Any]
CANVAS = (240, 360)
ONE = {"x": 10, "y": 20, "width": 30, "height": 40}
TWO = {"x": 1.5, "y": 2.0, "width": 8.25, "height": 9.0, "label": "person", "score": 0.75}


@pytest.mark.parametrize(
    ("boxes", "counts"),
    [
        (ONE, [1, 1, 1]),  # Bounding Box (PrimitiveBoundingBox)
        ([[ONE]], [1, 1, 1]),  # Create Bounding Boxes
        ([ONE, TWO], [2, 2, 2]),  # a flat list: the same for every frame, as Draw BBoxes has it
        ([[ONE], [], [TWO, ONE]], [1, 0, 2]),  # RT-DETR, MediaPipe, SAM3, SDPose's faces
        ([[], [], []], [0, 0, 0]),
        ([[]], [0, 0, 0]),
    ],
)
def test_what_comes(boxes: Any, counts: list[int]) -> None:
    found = from_bounding_boxes(boxes, 3, CANVAS)
    assert found.count.tolist() == counts
    for f, count in enumerate(counts):
        assert all(
            row in ([10, 20, 40, 60], [1.5, 2, 9.75, 11]) for row in found.boxes[f, :count].tolist()
        )
    same = from_bounding_boxes(boxes, 3, CANVAS)
    assert torch.equal(found.boxes, same.boxes)  # what comes is not changed


def test_the_surest_comes_first() -> None:
    found = from_bounding_boxes([TWO, ONE], 2, CANVAS)
    assert found.scores.tolist() == [[1.0, 0.75]] * 2


def test_boxes_of_fewer_frames_are_refused() -> None:
    """ComfyUI's nodes repeat the last frame's boxes or leave the rest without, each its own way."""
    with pytest.raises(InputError, match="expected boxes for 3 frames, found them for 2"):
        from_bounding_boxes([[ONE], [TWO]], 3, CANVAS)
    with pytest.raises(InputError, match="expected boxes for 3 frames, found them for 0"):
        from_bounding_boxes([], 3, CANVAS)


def drawn(frames: list[list[Box]]) -> list[Tensor]:
    """ComfyUI 0.33, nodes_rtdetr.py, DrawBBoxes: x0, y0, x1, y1 of each box of each frame."""
    assert isinstance(frames[0], list)
    for box in (box for frame in frames for box in frame):
        assert torch.tensor([box.get("score", 1.0)]).isfinite()
    return [
        torch.tensor([[b["x"], b["y"], b["x"] + b["width"], b["y"] + b["height"]] for b in frame])
        for frame in frames
    ]


def cropped(frames: list[list[Box]]) -> list[list[list[int]]]:
    """nodes_sdpose.py, SDPoseKeypointExtractor and CropByBBoxes: whole px within the picture."""
    return [
        [
            [
                *(max(0, int(b["x"])), max(0, int(b["y"]))),
                *(min(360, int(b["x"] + b["width"])), min(240, int(b["y"] + b["height"]))),
            ]
            for b in frame
        ]
        for frame in frames
    ]


def segmented(frames: list[list[Box]]) -> list[Tensor | None]:
    """nodes_sam3.py: centre and size as fractions of the picture; a frame without boxes is None."""
    return [
        torch.tensor(
            [[(b["x"] + b["width"] / 2) / 360, (b["y"] + b["height"] / 2) / 240] for b in frame]
        )
        if frame
        else None
        for frame in frames
    ]


def test_what_goes() -> None:
    found = Detections.empty(2, CANVAS, places=2)
    found.boxes[0] = torch.tensor([[10.0, 20, 40, 60], [300, 200, 380, 250]])
    found.scores[0] = torch.tensor([0.9, 0.5])
    found.count[0] = 2
    given = to_bounding_boxes(found, "person")
    assert torch.equal(drawn(given)[0], found.boxes[0])
    assert cropped(given) == [[[10, 20, 40, 60], [300, 200, 360, 240]], []]
    first, second = segmented(given)
    assert second is None
    assert first is not None
    torch.testing.assert_close(first[0], torch.tensor([25 / 360, 40 / 240]))
