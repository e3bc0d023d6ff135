"""The class and the keypoints of people, as COCO has them."""

from dataclasses import replace

import numpy as np

from ..pose.oks import sigmas
from ..pose.skeletons import COCO_17
from .records import RecordKinds, plain_kinds

_SKELETON = (
    # Pairs of keypoints from 1, as COCO's annotations list them.
    *((16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9)),
    *((8, 10), (9, 11), (2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7)),
)


def person_kinds() -> RecordKinds:
    """Return the class `person` with COCO's 17 keypoints; bodies mirror their left in their
    right."""
    plain = plain_kinds(
        ("person",),
        COCO_17.joints,
        sigmas(COCO_17.name).astype(np.float64),
        COCO_17.flip,
        tuple((a - 1, b - 1) for a, b in _SKELETON),
    )
    return replace(plain, mirrors=np.array([[1.0, 0.0, 0.0]]))
