"""Objects as ComfyUI's BOUNDING_BOX, for other packs."""

from dataclasses import replace
from typing import Any

from ..detections.bounding_boxes import to_bounding_boxes
from ..geometry.boxes import clipped
from .objects import Objects


def objects_to_bounding_boxes(found: Objects) -> list[list[dict[str, Any]]]:
    """Return the boxes of each frame, cut at its edges, labelled by their classes."""
    boxes = replace(found.detections, boxes=clipped(found.boxes, found.canvas))
    rows = to_bounding_boxes(boxes, "")
    for row, classes in zip(rows, found.classes.tolist(), strict=True):
        for box, number in zip(row, classes, strict=False):  # further places are empty
            box["label"] = found.labels.name(number)
    return rows
