"""Evaluate masks of people: how near limbs come to silhouettes that are known, and how long it
takes."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..body.as_poses import as_poses
from ..datasets.made_bodies import posed_bodies
from ..errors import InputError
from ..geometry.placement import Size
from ..pose.poses import Poses
from ..pose.skeletons import COCO_17
from ..render.bodies.draw import draw_bodies
from ..render.people_masks.limbs import figures
from ..render.people_masks.masker import Masker
from ..vace.masks import boxes_mask
from .report import report

SCHEMA = 1
MARGIN = 0.1  # what Masks of People adds unless told otherwise
_FIRST = 1000  # of the made bodies: the radii of limbs are fitted to others
_REPEATS = 3
_TIMED = 16  # frames
# Lines of the baseline in parts of a person's height, as thick as limbs are.
_LINES = {("shoulder", "elbow"): 0.06, ("elbow", "wrist"): 0.045, ("hip", "knee"): 0.09}
_LINES |= {("knee", "ankle"): 0.06}
_SKULL = 0.065


def evaluate_masks(
    *,
    count: int = 64,
    seed: int = 0,
    size: Size = (464, 832),
    about: Mapping[str, Any] | None = None,
    progress: Callable[[str, int], Callable[[int], None]] | None = None,
) -> dict[str, Any]:
    """Compare masks by the true joints of made bodies with the silhouettes of their surfaces.

    count:    bodies, one a picture
    seed:     with another one all bodies are others
    size:     height and width of the pictures in px
    about:    further entries of `meta`
    progress: called with a title and the number of methods; returns what is called with 1 after
              each

    Returns the report, which is JSON. `methods` has for limbs without and with the margin of Masks
    of People, for the people's boxes, and for lines, polygons and circles drawn by OpenCV one after
    the other:

    iou:       mean over all bodies
    worst:     the least
    precision: the share of the mask that lies on the body
    recall:    the share of the body that lies in the mask
    ms:        per frame of two people, the median of three runs over 16 frames

    Raises `InputError` for fewer than two bodies.
    """
    if count < 2:
        raise InputError(f"masks: expected at least 2 bodies, found {count}")
    bodies = posed_bodies(torch.arange(_FIRST, _FIRST + count), seed, size)
    true = draw_bodies(bodies, samples=1).mask > 0
    joints = as_poses(bodies)
    tracks = torch.zeros_like(joints.track_ids)
    people = replace(joints, track_ids=tracks, boxes=_boxes_of(true))
    pairs = _paired(people, min(_TIMED, count))
    shown = progress("methods", len(_METHODS)) if progress else None
    methods = {}
    for name, method in _METHODS.items():
        methods[name] = _figures(method(people) > 0, true)
        times = []
        for _ in range(_REPEATS):
            start = time.perf_counter()
            method(pairs)
            times.append(time.perf_counter() - start)
        methods[name]["ms"] = float(np.median(times)) * 1000 / len(pairs)
        if shown:
            shown(1)
    settings = {"count": count, "seed": seed, "size": list(size)}
    return report(
        "masks",
        SCHEMA,
        {"methods": methods},
        about={**settings, **(about or {})},
        packages=("numpy",),
    )


def _limbs(poses: Poses) -> Tensor:
    return Masker().update({"poses": poses}).mask()


def _wider_limbs(poses: Poses) -> Tensor:
    return Masker(margin=MARGIN).update({"poses": poses}).mask()


def _boxes(poses: Poses) -> Tensor:
    return boxes_mask(poses, poses.canvas)


def _by_opencv(poses: Poses) -> Tensor:
    """Return masks [F,H,W] of lines, a polygon and a circle for each person."""
    import cv2

    masks = np.zeros((len(poses), *poses.canvas), np.uint8)
    heights = iter(figures(poses).height.tolist())
    number = {name: index for index, name in enumerate(COCO_17.joints)}
    for frame, mask in enumerate(masks):
        for points in poses.keypoints[frame, : int(poses.count[frame])].numpy():
            tall = next(heights)
            at = np.rint(points - 0.5).astype(np.int32)
            trunk = ("left_shoulder", "right_shoulder", "right_hip", "left_hip")
            cv2.fillConvexPoly(mask, cv2.convexHull(at[[number[name] for name in trunk]]), 255)
            for side in ("left", "right"):
                for (one, two), part in _LINES.items():
                    begin, end = (at[number[f"{side}_{name}"]].tolist() for name in (one, two))
                    cv2.line(mask, begin, end, 255, max(1, round(part * tall)))
            middle = points[:5].mean(0)
            cv2.circle(mask, np.rint(middle).astype(int).tolist(), round(_SKULL * tall), 255, -1)
    return torch.from_numpy(masks).float() / 255


_METHODS: dict[str, Callable[[Poses], Tensor]] = {
    "limbs": _limbs,
    "limbs, margin 10 %": _wider_limbs,
    "boxes": _boxes,
    "opencv": _by_opencv,
}


def _figures(found: Tensor, true: Tensor) -> dict[str, float]:
    both, any_ = ((found & true).sum((1, 2)), (found | true).sum((1, 2)))
    iou = both / any_.clamp(min=1)
    return {
        "iou": float(iou.mean()),
        "worst": float(iou.min()),
        "precision": float(both.sum() / found.sum().clamp(min=1)),
        "recall": float(both.sum() / true.sum().clamp(min=1)),
    }


def _boxes_of(true: Tensor) -> Tensor:
    """Return the boxes [F,1,4] px of silhouettes [F,H,W], as a perfect detector finds them."""
    sides = []
    for axis in (1, 2):  # over rows: columns that hold something
        held = true.any(axis).float()
        first = held.argmax(1)
        sides.append((first, held.shape[1] - held.flip(1).argmax(1)))
    (x0, x1), (y0, y1) = sides
    return torch.stack([x0, y0, x1, y1], -1)[:, None].float()


def _paired(people: Poses, frames: int) -> Poses:
    """Return frames with the people of two pictures each, of tracks 0 and 1."""
    one, two = people.slice(0, frames), people.slice(len(people) - frames, len(people))

    def beside(name: str) -> Tensor:
        return torch.cat([getattr(one, name), getattr(two, name)], 1)

    return replace(
        one,
        keypoints=beside("keypoints"),
        confidence=beside("confidence"),
        boxes=beside("boxes"),
        scores=beside("scores"),
        track_ids=torch.tensor([[0, 1]]).repeat(frames, 1),
        count=torch.full((frames,), 2),
    )
