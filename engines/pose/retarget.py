"""Retarget poses to another canvas, or to a body of other proportions."""

from dataclasses import replace

import torch
from torch import Tensor

from ..errors import InputError
from ..geometry.boxes import corners, from_corners
from ..geometry.placement import scale_and_shift
from .poses import Poses
from .skeletons import OPENPOSE_134, SKELETONS
from .tracks import by_track, to_poses


def onto_canvas(poses: Poses, size: tuple[int, int], fit: str = "letterbox") -> Poses:
    """Map `poses` onto a canvas of `size` (height, width) px that the frames are fitted to.

    fit: each side by itself (stretch), whole with empty borders (letterbox), filled and cut (crop)
    """
    if min(size) < 1:
        raise InputError(f"size: expected at least 1x1, found {size[1]}x{size[0]}")
    (high, wide), (down, right) = scale_and_shift(poses.canvas, size, fit)
    scale = poses.keypoints.new_tensor([wide, high])
    shift = poses.keypoints.new_tensor([right, down])
    boxes = from_corners(corners(poses.boxes) * scale + shift)
    return replace(poses, keypoints=poses.keypoints * scale + shift, boxes=boxes, canvas=size)


# Limbs of OpenPose's body from the neck outwards: parent, child, and who mirrors the child, whose
# length is as good where one side is not seen.
_LIMBS = (
    *((1, 0, 0), (0, 14, 15), (0, 15, 14), (14, 16, 17), (15, 17, 16)),
    *((1, 2, 5), (1, 5, 2), (2, 3, 6), (5, 6, 3), (3, 4, 7), (6, 7, 4)),
    *((1, 8, 11), (1, 11, 8), (8, 9, 12), (11, 12, 9), (9, 10, 13), (12, 13, 10)),
)
_NECK, _HIPS, _ANKLES = 1, (8, 11), (10, 13)
# What hangs on a joint of the body, and whose length it grows with: part, joint, child of the limb.
_HANGS = (
    ("left_hand", slice(None), 7, 7),
    ("right_hand", slice(None), 4, 4),
    ("feet", slice(0, 3), 13, 13),
    ("feet", slice(3, 6), 10, 10),
    ("face", slice(None), 0, 0),
)
_LONGEST = 0.9  # quantile of a limb's lengths over a clip: foreshortened ones say nothing


def with_proportions(poses: Poses, reference: Poses, *, strength: float = 1.0) -> Poses:
    """Give everybody the limb lengths of the person in `reference`.

    Limbs keep their directions and take the reference's lengths, by the torso's, so that a person
    stays as large in the picture as they are; feet stay on the ground where they were. A limb that
    the reference does not show keeps its length.

    reference: the first person of its first frame that has anybody
    strength:  0 = as they are, 1 = the reference's proportions

    Only people with tracks are changed, as a limb's true length is the longest of a clip. Gives
    OpenPose's skeleton. Raises `InputError` where the reference shows no torso.
    """
    if not 0 <= strength <= 1:
        raise InputError(f"strength: expected 0..1, found {strength}")
    like = poses.as_openpose()
    tracks = by_track(like)
    model, shown = _reference(reference.to(poses.device))
    model_torso = _torso(model[None, None], shown[None, None])
    if not bool(model_torso.isfinite().all()):
        raise InputError("reference: expected a person whose neck and hips are seen, found none")
    if not len(tracks.ids):
        return like
    points, seen = tracks.keypoints, tracks.seen
    ours = _lengths(points, seen)  # [F,T,L]
    true = _longest(ours)  # [T,L]
    own_torso = _longest(_torso(points, seen)[..., None])[:, 0]  # [T]
    wanted = _lengths(model[None, None], shown[None, None])[0, 0] / model_torso[0, 0]  # [L]
    wanted = _either_side(wanted)
    ratio = wanted * own_torso[:, None] / _either_side(true)
    ratio = torch.where(ratio.isfinite(), ratio, 1.0).clamp(0.2, 5.0)
    ratio = 1 + (ratio - 1) * strength  # [T,L]

    moved = points.clone()
    grown = torch.ones(*ratio.shape[:1], points.shape[2], device=points.device)
    for number, (parent, child, _) in enumerate(_LIMBS):  # outwards, seventeen limbs
        limb = points[:, :, child] - points[:, :, parent]
        by = torch.where(ours[..., number].isfinite(), ratio[:, number], 1.0)  # [F,T]
        moved[:, :, child] = moved[:, :, parent] + limb * by[..., None]
        grown[:, child] = ratio[:, number]
    if like.skeleton == OPENPOSE_134.name:
        for part, joints, hangs, limb_of in _HANGS:
            where = OPENPOSE_134.parts[part]
            index = range(where.start, where.stop)[joints]
            rest = points[:, :, index] - points[:, :, hangs, None]
            rest = rest * grown[None, :, limb_of, None, None]
            moved[:, :, index] = moved[:, :, hangs, None] + rest
    moved = moved + _to_the_ground(points, moved, seen)
    boxes = _boxes(tracks.boxes, points, moved, seen)
    return to_poses(replace(tracks, keypoints=moved, boxes=boxes), like)


def _reference(reference: Poses) -> tuple[Tensor, Tensor]:
    """Return keypoints [K,2] and whether seen [K] of the person that gives the proportions."""
    somebody = reference.count.nonzero()
    if not len(somebody):
        raise InputError("reference: expected a person, found nobody in any frame")
    one = reference.as_openpose()
    frame = int(somebody[0])
    body = SKELETONS[one.skeleton].parts["body"]
    return one.keypoints[frame, 0, body], one.confidence[frame, 0, body] > 0


def _lengths(points: Tensor, seen: Tensor) -> Tensor:
    """Return the limb lengths [...,L] px of joints [...,K,2], NaN where an end is not seen."""
    parents, children = ([limb[end] for limb in _LIMBS] for end in (0, 1))
    length = (points[..., children, :] - points[..., parents, :]).norm(dim=-1)
    both = seen[..., children] & seen[..., parents]
    return torch.where(both, length, torch.nan)


def _torso(points: Tensor, seen: Tensor) -> Tensor:
    """Return the distance [...] px from the neck to the middle of the hips, NaN where not seen."""
    hips = points[..., _HIPS, :].mean(-2)
    whole = seen[..., [_NECK, *_HIPS]].all(-1)
    return torch.where(whole, (points[..., _NECK, :] - hips).norm(dim=-1), torch.nan)


def _longest(lengths: Tensor) -> Tensor:
    """Return a high quantile of the lengths over the frames, [F,T,L] -> [T,L]."""
    return lengths.float().nanquantile(_LONGEST, dim=0)


def _either_side(lengths: Tensor) -> Tensor:
    """Return the lengths [...,L], with the other side's where one is missing."""
    number = {child: n for n, (_, child, _) in enumerate(_LIMBS)}
    other = lengths[..., [number[mirror] for _, _, mirror in _LIMBS]]
    return torch.where(lengths.isfinite(), lengths, other)


def _to_the_ground(before: Tensor, after: Tensor, seen: Tensor) -> Tensor:
    """Return the shift [F,T,1,2] px that brings the lower ankle back to where it was; 0 if none is
    seen."""
    shown = seen[..., _ANKLES]
    low_before = torch.where(shown, before[..., _ANKLES, 1], -torch.inf).amax(-1)
    low_after = torch.where(shown, after[..., _ANKLES, 1], -torch.inf).amax(-1)
    down = torch.where(shown.any(-1), low_before - low_after, 0.0)
    return torch.stack([torch.zeros_like(down), down], -1)[..., None, :]


def _boxes(boxes: Tensor, before: Tensor, after: Tensor, seen: Tensor) -> Tensor:
    """Return the boxes [F,T,4], grown as the extent of the joints has."""

    def extent(points: Tensor) -> Tensor:
        low = torch.where(seen[..., None], points, torch.inf).amin(2)
        high = torch.where(seen[..., None], points, -torch.inf).amax(2)
        return torch.cat([low, high], -1)

    change = extent(after) - extent(before)
    return boxes + torch.where(change.isfinite(), change, 0.0)
