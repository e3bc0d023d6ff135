"""Bodies in 3D against bodies that are known, and the same body seen by two cameras."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..body.bodies import Bodies
from ..body.ik.chain import SIDES, mannequin_chain
from ..body.kinematics import pose_joints
from ..body.rig import mannequin
from ..errors import InputError
from ..geometry import rotations
from ..geometry.procrustes import fit_similarity

# By the names of people's joints; hips count, as they are what the others are relative to.
_PARTS = {
    "shoulders": "upperarm",
    "elbows": "lowerarm",
    "wrists": "hand",
    "hips": "thigh",
    "knees": "calf",
    "ankles": "foot",
}


def joints_of(bodies: Bodies) -> Tensor:
    """Return where the twelve joints of the limbs are [F,P,12,3] m, from the middle of the hips.

    By the order of `_PARTS`, the left one first. Raises `InputError` for another rig.
    """
    rig = mannequin()
    if bodies.rig != rig.name:
        raise InputError(f"bodies: expected the rig {rig.name}, found {bodies.rig}")
    posed = pose_joints(
        rig,
        bodies.rotation.flatten(0, 1).cpu(),
        bodies.translation.flatten(0, 1).cpu(),
        bodies.shape.flatten(0, 1).cpu(),
    )
    names = [f"{bone}_{side}" for bone in _PARTS.values() for _, side in SIDES]
    joints = posed.position[:, [rig.index(name) for name in names]]
    hips = list(_PARTS).index("hips") * len(SIDES)
    middle = joints[:, hips : hips + len(SIDES)].mean(1, keepdim=True)
    relative: Tensor = (joints - middle).unflatten(0, bodies.scores.shape)
    return relative


def seen(bodies: Bodies) -> Tensor:
    """Return in which frames [F] bool the first place holds a body whose points are seen."""
    return (bodies.present & (bodies.confidence.amax(-1) > 0))[:, 0].cpu()


def compare_bodies(truth: Bodies, found: Bodies) -> dict[str, Any]:
    """Judge the first body of every frame by one that is known.

    Returns `bodies` and how many were `found`; of these the mean distance of the joints of the
    limbs from the middle of the hips, `mpjpe_mm`, the same after the similarity that fits best,
    `pa_mpjpe_mm`, and by joint, `joints_mm`; the mean angle between turns relative to the parent,
    `angle_deg`, between turns of the pelvis, `pelvis_deg`; by how much the trunk leans too far to
    the body's front, `lean_deg`, and its standard deviation; and the mean error of the size,
    `size_percent`. None where nobody was found. Raises `InputError` for other frames.
    """
    if len(truth) != len(found):
        raise InputError(f"bodies: expected {len(truth)} frames, found {len(found)}")
    at = seen(found)
    counts = {"bodies": len(truth), "found": int(at.sum())}
    if not bool(at.any()):
        return {**counts, **dict.fromkeys(_MEASURES), "joints_mm": dict.fromkeys(_PARTS)}
    right, ours = joints_of(truth)[at, 0], joints_of(found)[at, 0]
    apart = (right - ours).norm(dim=-1)
    chain, rig = mannequin_chain(), mannequin()
    turns = [bodies.rotation[:, 0].cpu()[at] for bodies in (truth, found)]
    angle = rotations.geodesic(*(turn[:, chain.joints] for turn in turns)).rad2deg()
    lean = _lean(right, ours, turns[0][:, 0])
    number = rig.shapes.index("size")
    sizes = [1 + bodies.shape[:, 0, number].cpu()[at] for bodies in (truth, found)]
    values = (
        1000 * apart.mean(),
        1000 * _aligned(ours, right).mean(),
        angle[:, 1:].mean(),
        angle[:, 0].mean(),
        lean.mean(),
        lean.std(correction=0),
        100 * (sizes[1] / sizes[0] - 1).abs().mean(),
    )
    by_joint = 1000 * apart.unflatten(1, (-1, len(SIDES))).mean((0, 2))
    return {
        **counts,
        **{name: float(value) for name, value in zip(_MEASURES, values, strict=True)},
        "joints_mm": dict(zip(_PARTS, by_joint.tolist(), strict=True)),
    }


_MEASURES = (
    *("mpjpe_mm", "pa_mpjpe_mm", "angle_deg", "pelvis_deg"),
    *("lean_deg", "lean_std_deg", "size_percent"),
)


def compare_cameras(cameras: Mapping[str, Bodies]) -> list[dict[str, Any]]:
    """Judge by each other what several cameras see of one body: the first of every frame.

    Returns for each pair of `cameras` the number of `frames` in which both see it, and the mean
    distance of the joints of the limbs after the similarity that fits the clip best, `clip_mm`, and
    after the one that fits each frame best, `frame_mm`; None where there is no such frame. Cameras
    may have different numbers of frames: those from the first one on are compared.
    """
    joints = {name: (joints_of(bodies)[:, 0], seen(bodies)) for name, bodies in cameras.items()}
    rows = []
    for one, two in combinations(joints, 2):
        (a, at), (b, there) = joints[one], joints[two]
        count = min(len(a), len(b))
        both = at[:count] & there[:count]
        first, second = a[:count][both], b[:count][both]
        row: dict[str, Any] = {"cameras": [one, two], "frames": int(both.sum())}
        row |= {"clip_mm": None, "frame_mm": None}
        if len(first):
            whole = _aligned(first.flatten(0, 1), second.flatten(0, 1))
            row["clip_mm"] = 1000 * float(whole.mean())
            row["frame_mm"] = 1000 * float(_aligned(first, second).mean())
        rows.append(row)
    return rows


def mean_of(rows: Sequence[Mapping[str, Any]], name: str) -> float | None:
    """Return the mean of what rows have, by their frames; None without any."""
    there = [(row[name], row["frames"]) for row in rows if row[name] is not None]
    total = sum(frames for _, frames in there)
    return sum(value * frames for value, frames in there) / total if total else None


def _aligned(source: Tensor, target: Tensor) -> Tensor:
    """Return how far points [...,K,3] are from others after the similarity that fits best."""
    fit = fit_similarity(source, target, torch.ones(source.shape[-2]))
    moved = fit.scale[..., None, None] * (source.double() @ fit.rotation.mT)
    away: Tensor = (moved + fit.translation[..., None, :] - target).norm(dim=-1)
    return away


def _lean(right: Tensor, ours: Tensor, facing: Tensor) -> Tensor:
    """Return by how many degrees [N] the trunk of `ours` [N,12,3] leans further to the front than
    that of `right`, which faces the way of `facing` [N,3,3]."""
    trunk, found = (F.normalize(joints[:, :2].mean(1), dim=-1) for joints in (right, ours))
    front = facing[:, :, 2] - trunk * (facing[:, :, 2] * trunk).sum(-1, keepdim=True)
    front = F.normalize(front, dim=-1)
    return torch.atan2((found * front).sum(-1), (found * trunk).sum(-1)).rad2deg()
