"""Object keypoint similarity: how near two poses of a person are, as COCO measures it."""

import numpy as np
from numpy.typing import NDArray

from .skeletons import COCO_17, SKELETONS

# How far annotators of COCO disagree on a joint, by the square root of the person's area:
# https://cocodataset.org/#keypoints-eval
_COCO_SIGMAS = (
    *(0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062),
    *(0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
)
_SMALL = 0.03  # feet, face and fingers, and what COCO has no number for
_NECK = 0.079  # as the shoulders it lies between


def sigmas(skeleton: str) -> NDArray[np.float32]:
    """Return the per-joint standard deviation of `skeleton`, [K]."""
    known = dict(zip(COCO_17.joints, _COCO_SIGMAS, strict=True)) | {"neck": _NECK}
    return np.array([known.get(j, _SMALL) for j in SKELETONS[skeleton].joints], np.float32)
