"""ComfyUI's BOUNDING_BOX, as other packs' detectors give it and other packs' nodes take it."""

import math
from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from ..errors import InputError
from .detections import Detections


class Boxed(Protocol):
    """Whatever has boxes [F,P,4] px with scores [F,P], `count` [F] of them in each frame."""

    @property
    def boxes(self) -> Tensor: ...
    @property
    def scores(self) -> Tensor: ...
    @property
    def count(self) -> Tensor: ...
    def to(self, device: torch.device | str) -> "Boxed": ...


def from_bounding_boxes(boxes: Any, frames: int, canvas: tuple[int, int]) -> Detections:
    """Return ComfyUI's BOUNDING_BOX as `Detections` of people.

    boxes:  as ComfyUI's nodes give and take them: a list of boxes for each frame, or boxes that
            serve for all frames: such a list of one frame, its list alone, or one box. Each has x,
            y, width and height in pixels of the canvas, and may have a score (default 1)
    frames: how many frames there are
    canvas: height and width of the frames in pixels

    Raises `InputError`, which names the place, for malformed boxes and another number of frames.
    """
    boxes = boxes_by_frame(boxes)
    if not boxes and frames == 1:
        boxes = [[]]
    if len(boxes) == 1:
        boxes = boxes * frames
    if len(boxes) != frames:
        raise InputError(
            f"bounding_box: expected boxes for {frames} frame{'s' if frames != 1 else ''}, found "
            f"them for {len(boxes)}"
        )
    for f, people in enumerate(boxes):
        if not isinstance(people, list):
            kind = type(people).__name__
            raise InputError(f"bounding_box[{f}]: expected a list of boxes, found {kind}")
    most = max((len(people) for people in boxes), default=0)
    found = Detections.empty(frames, canvas, places=max(1, most))
    for f, people in enumerate(boxes):
        rows = [_row(box, f"bounding_box[{f}][{p}]") for p, box in enumerate(people)]
        rows.sort(key=lambda row: -row[4])
        if rows:
            values = torch.tensor(rows)
            found.boxes[f, : len(rows)] = values[:, :4]
            found.scores[f, : len(rows)] = values[:, 4]
            found.count[f] = len(rows)
    return found


def boxes_by_frame(boxes: Any) -> list[Any]:
    """Return a BOUNDING_BOX as a list with one list of boxes per frame; of one frame where they
    serve for all. Raises `InputError` for what is neither a box nor a list."""
    if isinstance(boxes, Mapping):
        return [[boxes]]
    if not isinstance(boxes, list):
        raise InputError(
            f"bounding_box: expected a list of boxes for each frame, found {type(boxes).__name__}"
        )
    return [boxes] if boxes and isinstance(boxes[0], Mapping) else boxes


def to_bounding_boxes(found: Boxed, label: str) -> list[list[dict[str, Any]]]:
    """Return the boxes of each frame as ComfyUI's BOUNDING_BOX: x, y, width, height in pixels of
    the canvas, with label and score."""
    here = found.to("cpu")
    boxes, scores, counts = here.boxes.tolist(), here.scores.tolist(), here.count.tolist()
    return [
        [
            {
                "x": x0,
                "y": y0,
                "width": x1 - x0,
                "height": y1 - y0,
                "label": label,
                "score": scores[f][p],
            }
            for p, (x0, y0, x1, y1) in enumerate(boxes[f][: counts[f]])
        ]
        for f in range(len(counts))
    ]


def _row(box: Any, where: str) -> tuple[float, ...]:
    if not isinstance(box, Mapping):
        raise InputError(f"{where}: expected x, y, width, height, found {type(box).__name__}")
    values = []
    for key in ("x", "y", "width", "height"):
        values.append(_number(box.get(key), f"{where}.{key}", "a number of pixels"))
    x, y, width, height = values
    if width <= 0 or height <= 0:
        raise InputError(f"{where}: expected a box of some size, found {width:g}x{height:g}")
    score = 1.0
    if box.get("score") is not None:
        score = _number(box["score"], f"{where}.score", "a number in 0..1")
        if not 0 <= score <= 1:
            raise InputError(f"{where}.score: expected a number in 0..1, found {score:g}")
    return x, y, x + width, y + height, score


def _number(value: Any, where: str, what: str) -> float:
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, bool) or not isinstance(plain, int | float) or not math.isfinite(plain):
        raise InputError(f"{where}: expected {what}, found {value!r}")
    return float(plain)
