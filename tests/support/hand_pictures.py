"""Pictures of people whose hands can be seen, and made arms for them."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.skeletons import COCO_17

PICTURES = Path(__file__).parents[1] / "data" / "pose" / "hands"
Joints = dict[str, tuple[float, float]]


def hand_picture(number: int) -> Tensor:
    """Return a picture [1,640,640,3]."""
    with Image.open(PICTURES / f"{number:02d}.jpg") as image:
        return torch.from_numpy(np.array(image)).float()[None] / 255


def people(*joints: Joints, canvas: tuple[int, int] = (640, 640), frames: int = 1) -> Poses:
    """Return the people of whom these joints of COCO's are seen, px, in each of `frames`."""
    keypoints = torch.zeros(frames, len(joints), 17, 2)
    confidence = torch.zeros(frames, len(joints), 17)
    for place, seen in enumerate(joints):
        for name, at in seen.items():
            number = COCO_17.joints.index(name)
            keypoints[:, place, number] = torch.tensor(at)
            confidence[:, place, number] = 0.8
    count = len(joints)
    return Poses(
        keypoints=keypoints,
        confidence=confidence,
        boxes=torch.tensor([0.0, 0, canvas[1], canvas[0]]).expand(frames, count, 4),
        scores=torch.full((frames, count), 0.9),
        track_ids=torch.arange(count).expand(frames, count) + 3,
        count=torch.full((frames,), count),
        canvas=canvas,
        skeleton=COCO_17.name,
    )


# The woman in picture 7, joints as MoveNet finds them.
WOMAN: Joints = {
    **{"left_shoulder": (332.0, 166), "left_elbow": (383.0, 247), "left_wrist": (423.0, 312)},
    **{"right_shoulder": (217.0, 213), "right_elbow": (233.0, 295), "right_wrist": (242.0, 371)},
}
