"""The report on masks of people."""

import pytest

from kinograph.engines.errors import InputError
from kinograph.engines.evaluation.masks import evaluate_masks


def test_limbs_are_nearer_to_bodies_than_boxes_and_lines() -> None:
    report = evaluate_masks(count=4, size=(240, 320))
    assert report["kind"] == "masks"
    limbs, wider, boxes, lines = report["methods"].values()
    assert limbs["iou"] > 0.75
    assert limbs["iou"] > lines["iou"] + 0.05 > boxes["iou"]
    assert wider["recall"] > limbs["recall"]
    assert boxes["recall"] == 1
    assert all(figures["ms"] > 0 for figures in report["methods"].values())
    with pytest.raises(InputError, match="expected at least 2 bodies, found 1"):
        evaluate_masks(count=1)
