"""A camera that is held by hand: every picture as it would be if the camera had turned a little."""

from dataclasses import replace

import numpy as np

from ...datasets.records import Array, Record
from ..judge.turns import about
from .setting import Row, Scenario, Setting, part, plain, row

_DEGREES = 1.5  # standard deviation of the camera's turns to the side and up
_WIDE = 1.2  # focal length as a part of the longer side, where it is not known
_LEFT = 0.5  # part of its box that an object keeps to be still there
_ON = f"pictures turned about the camera by {_DEGREES} degrees (standard deviation), no roll"
_OFF = "pictures as they are"


def _on(setting: Setting) -> Row:
    truths = setting.data.images
    turns = turns_of(len(truths), setting.seed)
    pairs = [moved(truth, turn) for truth, turn in zip(truths, turns, strict=True)]
    told = setting.finder.find(truths, [warp for _, warp in pairs])
    if isinstance(told, str):
        return Row.unmeasured("handheld_jitter_on", _ON, told)
    found, seconds = told
    return row(
        setting,
        "handheld_jitter_on",
        _ON,
        found=found,
        truths=[truth for truth, _ in pairs],
        seconds=seconds,
    )


def turns_of(count: int, seed: int) -> Array:
    """Return rotations [F,3,3] of the camera, about its x and y axes."""
    angles = np.radians(_DEGREES) * np.random.default_rng(seed).standard_normal((2, count))
    return about(np.array([1.0, 0, 0]), angles[0]) @ about(np.array([0, 1.0, 0]), angles[1])


def moved(truth: Record, turn: Array) -> tuple[Record, Array]:
    """Return what is known after the world has turned about the camera, and the homography [3,3]
    that moves the pixels.

    An object's box is that of its shape where that is how it was labelled, else that of the old
    box's corners. Objects of whose box less than half is left are gone.
    """
    height, width = truth.size
    fx, fy, cx, cy = (
        np.array([_WIDE * max(truth.size)] * 2 + [width / 2, height / 2])
        if truth.intrinsics is None
        else truth.intrinsics
    )
    lens = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])
    warp = lens @ turn @ np.linalg.inv(lens)
    sides = np.array([width, height], np.float64)
    boxes = np.zeros_like(truth.boxes)
    left = np.zeros(len(truth))
    for number, box in enumerate(truth.boxes):
        points = _outline(truth, number, lens)
        points = points if points is not None else _corners(box) * sides
        at = _seen(points, warp) / sides
        low, high = at.min(0), at.max(0)
        inside = np.clip([low, high], 0, 1)
        boxes[number] = np.concatenate([inside.mean(0), inside[1] - inside[0]])
        left[number] = (inside[1] - inside[0]).prod() / (high - low).prod()
    joints = truth.keypoints.copy()
    joints[..., :2] = _seen(joints[..., :2] * sides, warp) / sides
    gone = (joints[..., :2] < 0).any(-1) | (joints[..., :2] > 1).any(-1)
    joints[gone | (truth.keypoints[..., 2] == 0)] = 0
    place = None if truth.translation is None else truth.translation @ turn.T
    changed = replace(
        truth,
        boxes=boxes,
        keypoints=joints,
        rotation=None if truth.rotation is None else turn @ truth.rotation,
        translation=place,
        depth=place[:, 2] if place is not None else truth.depth,
        offsets=None,
    )
    return part(changed, left >= _LEFT), warp


def _outline(truth: Record, number: int, lens: Array) -> Array | None:
    """Return where the points of an object's shape appear, if its box is theirs; else None."""
    if not truth.cad_points or truth.rotation is None or truth.translation is None:
        return None
    if truth.intrinsics is None:
        return None
    points = truth.cad_points[number] @ truth.rotation[number].T + truth.translation[number]
    if points[:, 2].min() <= 0:
        return None
    at = _seen(points[:, :2] / points[:, 2:], lens)
    sides = np.array(truth.size[::-1], np.float64)
    inside = np.clip([at.min(0), at.max(0)], 0, sides)
    box = _corners(truth.boxes[number])[[0, 3]] * sides
    return at if bool((np.abs(inside - box) < 1).all()) else None


def _corners(box: Array) -> Array:
    """Return [4,2] of a box cx, cy, w, h, the first and the last being opposite."""
    signs = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]]) / 2
    corners: Array = box[:2] + signs * box[2:]
    return corners


def _seen(points: Array, warp: Array) -> Array:
    """Return where a homography moves points [...,2]."""
    moved = points @ warp[:, :2].T + warp[:, 2]
    seen: Array = moved[..., :2] / moved[..., 2:]
    return seen


SCENARIOS = (
    Scenario("handheld_jitter_on", _on),
    plain("handheld_jitter_off", _OFF),
)
