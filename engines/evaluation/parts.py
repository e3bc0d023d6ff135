"""Evaluate hands and faces of poses: found, missed, invented, and how far off their points are."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from ..pose.poses import Poses
from ..pose.skeletons import SKELETONS
from .part_annotations import AnnotatedPart, PartAnnotations

_PARTS = {"hand": ("left_hand", "right_hand"), "face": ("face",)}
_MARGIN = 0.1  # of an annotated box, by which the middle of what is found may lie beside it


@dataclass
class _Tally:
    found: int = 0
    missed: int = 0
    invented: int = 0


def evaluate_parts(poses: Poses, truth: PartAnnotations) -> dict[str, Any]:
    """Judge the hands and faces of poses, whose frames are the pictures of `truth`.

    A found part is an annotated one if the middle of its points lies in the box, grown by a tenth.
    Others are invented. Distances are those of marked points, relative to the longer side of the
    box.

    Returns by kind ("hand", "face"): `annotated`, `found`, `missed`, `invented`, `points` (how many
    were compared), `mean_px` and `mean_relative` (None if there were none). Raises `InputError`
    for poses of other frames and for bodies without hands and face.
    """
    if (len(poses), poses.canvas) != (len(truth.images), truth.size):
        raise InputError(
            f"poses: expected those of {len(truth.images)} pictures of {truth.size[1]}x"
            f"{truth.size[0]}, found {len(poses)} frames of {poses.canvas[1]}x{poses.canvas[0]}"
        )
    parts = SKELETONS[poses.skeleton].parts
    if "face" not in parts:
        raise InputError(f"poses: expected hands and faces, found bodies ({poses.skeleton})")
    return {
        kind: _judged(
            [_found(poses, [parts[name] for name in names], i) for i in range(len(poses))],
            truth.parts[kind],
        )
        for kind, names in _PARTS.items()
    }


def _found(poses: Poses, places: list[slice], frame: int) -> list[tuple[Tensor, Tensor]]:
    """Return points [K,2] px and which of them are seen [K], of the parts found in a frame."""
    people = range(int(poses.count[frame]))
    found = [
        (poses.keypoints[frame, person, place].cpu(), poses.confidence[frame, person, place].cpu())
        for person in people
        for place in places
    ]
    return [(points, sure > 0) for points, sure in found if bool((sure > 0).any())]


def _judged(
    found: list[list[tuple[Tensor, Tensor]]], annotated: list[AnnotatedPart]
) -> dict[str, Any]:
    tally = _Tally()
    pixels: list[Tensor] = []
    relative: list[Tensor] = []
    left = [list(some) for some in found]
    for part in annotated:
        sides = part.box[2:] - part.box[:2]
        low, high = part.box[:2] - _MARGIN * sides, part.box[2:] + _MARGIN * sides
        here = left[part.image]
        inside = [
            number
            for number, (points, seen) in enumerate(here)
            if bool(((middle := _middle(points[seen])) >= low).all() and (middle <= high).all())
        ]
        if not inside:
            tally.missed += not part.ignored
            continue
        points, seen = here.pop(inside[0])
        if part.ignored:
            continue
        tally.found += 1
        compared = part.marked & seen
        apart = (points - part.points).norm(dim=1)[compared]
        pixels.append(apart)
        relative.append(apart / sides.amax())
    tally.invented = sum(map(len, left))
    compared_points = torch.cat([*pixels, torch.zeros(0)])
    count = len(compared_points)
    return {
        "annotated": sum(not part.ignored for part in annotated),
        "found": tally.found,
        "missed": tally.missed,
        "invented": tally.invented,
        "points": count,
        "mean_px": float(compared_points.mean()) if count else None,
        "mean_relative": float(torch.cat(relative).mean()) if count else None,
    }


def _middle(points: Tensor) -> Tensor:
    return (points.amin(0) + points.amax(0)) / 2
