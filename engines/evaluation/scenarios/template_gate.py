"""Detections whose pose does not explain their box are rejected."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ...datasets.records import Array, Records
from ..judge.found import Found
from ..judge.pairs import overlaps
from .setting import Row, Scenario, Setting, Watch, plain, row

_ON = "detections are rejected whose box is not that of the class's shape in the pose they tell"
_OFF = "all images, without a gate"
_SAME = 1e-6  # m, between the points of one shape


def _on(setting: Setting) -> Row:
    shapes = shapes_of(setting.data)
    if isinstance(shapes, str):
        return Row.unmeasured("template_gate_on", _ON, shapes)
    if not any(np.isfinite(some.translation).any() for some in setting.found):
        reason = "no detection tells its place in space"
        return Row.unmeasured("template_gate_on", _ON, reason)
    watch = Watch()
    gates = [fits(some, shapes, setting.tau) for some in setting.found]
    return row(setting, "template_gate_on", _ON, gates=gates, seconds=watch.seconds)


def shapes_of(data: Records) -> Mapping[int, Array] | str:
    """Return the shape [V,3] of each class that has one, or why no class has one."""
    shapes: dict[int, Array] = {}
    differing = set()
    for truth in data.images:
        for kind, points in zip(truth.classes.tolist(), truth.cad_points, strict=False):
            first = shapes.setdefault(kind, points)
            if first.shape != points.shape or np.abs(first - points).max() > _SAME:
                differing.add(kind)
    shapes = {kind: points for kind, points in shapes.items() if kind not in differing}
    if shapes:
        return shapes
    return "objects of a class differ in shape" if differing else "the labels tell no shapes"


def fits(found: Found, shapes: Mapping[int, Array], tau: float) -> NDArray[np.bool_]:
    """Return [P], whether the box of each detection overlaps the box of its shape by `tau`.

    A detection of a class without a shape passes; one without a pose, or behind the camera, does
    not.
    """
    passed = np.ones(len(found), bool)
    for kind, points in shapes.items():
        of_kind = np.flatnonzero(found.classes == kind)
        if found.size is None or found.intrinsics is None:
            passed[of_kind] = False
            continue
        turned = np.einsum("pij,vj->pvi", found.rotation[of_kind], points)
        placed = turned + found.translation[of_kind, None]
        ahead = (placed[..., 2] > 0).all(-1)  # also not NaN
        with np.errstate(divide="ignore", invalid="ignore"):
            seen = placed[..., :2] / placed[..., 2:] * found.intrinsics[:2] + found.intrinsics[2:]
        low, high = (np.clip(ends / found.size[::-1], 0, 1) for ends in (seen.min(1), seen.max(1)))
        outlines = np.concatenate([(low + high) / 2, high - low], -1)
        iou = np.diagonal(overlaps(np.nan_to_num(outlines), found.boxes[of_kind]))
        passed[of_kind] = ahead & (iou >= tau)
    return passed


SCENARIOS = (
    Scenario("template_gate_on", _on),
    plain("template_gate_off", _OFF),
)
