"""Inputs and outputs that nodes of objects share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..streaming import Outputs
from ..types import BoundingBox, KinoDetections, KinoPoses

if TYPE_CHECKING:
    from ...engines.detect.objects import Objects


def detections_input(
    tooltip: str = "From Detect Objects or any other node that outputs detections.",
) -> Any:
    """Return the input for objects."""
    return KinoDetections.Input("detections", tooltip=tooltip)


def detection_outputs() -> list[Any]:
    """Return the outputs for objects, and for the same objects as other nodes take them."""
    return [
        KinoDetections.Output(
            display_name="detections",
            tooltip="Classes, scores, boxes, poses in space and keypoints, for Kinograph's nodes.",
        ),
        KinoPoses.Output(
            display_name="poses",
            tooltip="The people, for Track Poses and others, if the keypoints are the joints of "
            "people; otherwise nobody.",
        ),
        BoundingBox.Output(
            display_name="bounding_box", tooltip="The boxes of the objects in each frame."
        ),
    ]


def detection_values(objects: Objects) -> Outputs:
    """Return the values for `detection_outputs`."""
    from ...engines.detect.bounding_boxes import objects_to_bounding_boxes
    from ...engines.detect.people import people_in

    return objects, people_in(objects), objects_to_bounding_boxes(objects)
