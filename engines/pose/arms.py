"""The arms of people: where their hands must be, and how large."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .poses import Poses
from .skeletons import COCO_17

SIDES = ("left", "right")

# Lengths in forearms, elbow to wrist, which are 0.146 of the body's height; the upper arm is 0.186,
# the shoulders are 0.259 apart (Winter, Biomechanics and Motor Control of Human Movement, 2009,
# figure 4.1).
_OF_UPPER_ARM, _OF_SHOULDERS = 0.146 / 0.186, 0.146 / 0.259
_LEAST = 4.0  # px, of a forearm whose hand is looked for


@dataclass(frozen=True)
class Arms:
    """N arms of people whose wrists are seen.

    frame:  [N] int64, of the pose
    place:  [N] int64, of the person in it
    side:   [N] int64, of `SIDES`
    wrist:  [N,2] px
    along:  [N,2] the direction in which the forearm points, of length 1
    length: [N] px, that of the forearm if it lay in the plane of the picture
    shown:  [N] 0..1, how much of that is seen; 0 where the elbow is not seen
    """

    frame: Tensor
    place: Tensor
    side: Tensor
    wrist: Tensor
    along: Tensor
    length: Tensor
    shown: Tensor

    def __len__(self) -> int:
        return len(self.frame)


def arms_of(poses: Poses) -> Arms:
    """Return the arms of everybody whose wrist is seen, and with it the elbow or the shoulder.

    A forearm that points towards the camera is short in the picture; its length follows from the
    longest of forearm, upper arm and shoulders.
    """
    body = poses.as_coco().body()

    def joint(name: str) -> tuple[Tensor, Tensor]:  # [F,P,2 sides,2], [F,P,2 sides]
        numbers = [COCO_17.joints.index(f"{side}_{name}") for side in SIDES]
        return body.keypoints[:, :, numbers], body.confidence[:, :, numbers] > 0

    (wrist, wrist_seen), (elbow, elbow_seen) = joint("wrist"), joint("elbow")
    shoulder, shoulder_seen = joint("shoulder")
    forearm = (wrist - elbow).norm(dim=-1) * (wrist_seen & elbow_seen)
    upper = (elbow - shoulder).norm(dim=-1) * (elbow_seen & shoulder_seen)
    wide = (shoulder[:, :, 0] - shoulder[:, :, 1]).norm(dim=-1) * shoulder_seen.all(-1)
    length = torch.maximum(forearm, _OF_UPPER_ARM * upper)
    length = torch.maximum(length, _OF_SHOULDERS * wide[..., None])
    usable = wrist_seen & (elbow_seen | shoulder_seen) & (length >= _LEAST)
    usable &= body.present[..., None]
    frame, place, side = at = usable.nonzero(as_tuple=True)
    from_elbow = elbow_seen[at][:, None]
    along = wrist[at] - torch.where(from_elbow, elbow[at], shoulder[at])
    return Arms(
        frame=frame,
        place=place,
        side=side,
        wrist=wrist[at],
        along=along / along.norm(dim=-1, keepdim=True).clamp(min=1e-6),
        length=length[at],
        shown=forearm[at] / length[at],
    )
