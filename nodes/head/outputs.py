"""Outputs that nodes of heads share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..streaming import Outputs
from ..types import BoundingBox, FaceLandmarks, KinoHeads

if TYPE_CHECKING:
    from ...engines.head.heads import Heads

FACE_LANDMARKS = 1
"""The slot that is not made in chunks: it is not one value per frame."""


def head_outputs() -> list[Any]:
    """Return the outputs for heads, and for the same heads as other packs take them."""
    return [
        KinoHeads.Output(display_name="heads", tooltip="For Kinograph's nodes."),
        FaceLandmarks.Output(
            display_name="face_landmarks",
            tooltip="Points and matrices as ComfyUI's MediaPipe nodes take them. Not made in "
            "chunks.",
        ),
        BoundingBox.Output(
            display_name="bounding_box", tooltip="The boxes of the faces in each frame."
        ),
    ]


def head_values(heads: Heads) -> Outputs:
    """Return the values for `head_outputs`."""
    from ...engines.detections.bounding_boxes import to_bounding_boxes
    from ...engines.head.face_landmarks import to_face_landmarks

    return heads, to_face_landmarks(heads), to_bounding_boxes(heads, "face")
