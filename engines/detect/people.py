"""People among objects: those whose keypoints are the joints of a skeleton that is known."""

import torch
from torch import Tensor

from ..pose.poses import Poses
from ..pose.skeletons import SKELETONS, Skeleton
from .labels import Labels
from .objects import Objects

_PERSON = "person"


def skeleton_of(labels: Labels) -> Skeleton | None:
    """Return the skeleton whose joints are these keypoints, in any order and however the words are
    separated; None if there is none."""
    names = {_plain(name) for name in labels.keypoints}
    for skeleton in SKELETONS.values():
        if len(labels.keypoints) == len(skeleton) and names == set(skeleton.joints):
            return skeleton
    return None


def people_in(objects: Objects) -> Poses:
    """Return the people as poses without tracks; nobody where `skeleton_of` knows no skeleton.

    They are the objects of the class "person", or all of them if no class is called so.
    """
    skeleton = skeleton_of(objects.labels)
    if skeleton is None:
        return Poses.empty(len(objects), objects.canvas, device=objects.device)
    chosen = objects.present
    names = [name.casefold() for name in objects.labels.classes]
    if _PERSON in names:
        chosen = chosen & (objects.classes == names.index(_PERSON))
    order = chosen.int().sort(dim=1, descending=True, stable=True).indices  # people first
    frame = torch.arange(len(order), device=order.device)[:, None]
    keep = chosen[frame, order]

    def placed(values: Tensor) -> Tensor:  # [F,P,...]
        kept = keep.view(*keep.shape, *[1] * (values.ndim - 2))
        return torch.where(kept, values[frame, order], 0)

    names = [_plain(name) for name in objects.labels.keypoints]
    joints = torch.tensor([names.index(joint) for joint in skeleton.joints], device=order.device)
    return Poses(
        keypoints=placed(objects.keypoints)[:, :, joints],
        confidence=placed(objects.confidence)[:, :, joints].clamp(0, 1),
        boxes=placed(objects.boxes),
        scores=placed(objects.scores),
        track_ids=torch.full_like(objects.classes, -1),
        count=keep.sum(1),
        canvas=objects.canvas,
        skeleton=skeleton.name,
    )


def _plain(name: str) -> str:
    return "_".join(name.casefold().replace("-", " ").replace("_", " ").split())
