"""Whether two networks found the same people, in whatever order they name them."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ..geometry.boxes import iou, sides
from ..runtime.parity import TOLERANCES, Verdict
from .family import Candidates

_SURE = 0.3  # people below come and go with the last bit
_SAME = 0.9  # IoU of what is the same person

Decode = Callable[[Mapping[str, Tensor], int, float], Candidates]
Compare = Callable[[Mapping[str, Tensor], Mapping[str, Tensor], str], Verdict]


def same_people(decode: Decode) -> Compare:
    """A comparison for networks that suppress doubles themselves.

    Whom they keep of near doubles, and in which order, turns on the last bit. So for everybody
    whom either is sure of, the other must have a box of the same place (IoU 0.9) with a score,
    joints (mean distance by the box's diagonal) and their confidence (mean difference) within the
    tolerance of the precision.
    """

    def compare(
        reference: Mapping[str, Tensor], outputs: Mapping[str, Tensor], precision: str
    ) -> Verdict:
        for name, wanted in reference.items():
            if name not in outputs:
                return Verdict(False, f"the output {name!r} is missing", {})
            found = outputs[name]
            if _sizes(name, found) != _sizes(name, wanted):
                shapes = f"expected {list(wanted.shape)}, found {list(found.shape)}"
                return Verdict(False, f"{name}: {shapes}", {})
            if found.is_floating_point() != wanted.is_floating_point():
                kinds = f"expected {wanted.dtype}, found {found.dtype}"
                return Verdict(False, f"{name}: {kinds}", {})
            if not bool(found.isfinite().all()):
                return Verdict(False, f"{name}: NaN or infinity", {})
        frames = max(_frames(reference), _frames(outputs))
        ours = decode({n: v.cpu() for n, v in outputs.items()}, frames, 0.0)
        theirs = decode({n: v.cpu() for n, v in reference.items()}, frames, 0.0)
        error = max(_worst(theirs, ours), _worst(ours, theirs))
        people = int((theirs.scores > _SURE).sum())
        errors = dict.fromkeys(reference, error)
        tolerance = TOLERANCES[precision]
        if error > tolerance:
            reason = f"people differ by {error:.2g}, at most {tolerance:g} allowed"
            return Verdict(False, reason, errors)
        seen = f"{people} people alike, worst {error:.2g}" if people else "both see nobody"
        return Verdict(True, seen, errors)

    return compare


def _sizes(name: str, values: Tensor) -> tuple[int, ...]:
    """The shape without the number of people: rows of "flat", places of a frame otherwise."""
    people = 0 if name == "flat" else 1
    return (*values.shape[:people], *values.shape[people + 1 :])


def _frames(outputs: Mapping[str, Tensor]) -> int:
    if "flat" in outputs:  # one row a person, the first column says where
        rows = outputs["flat"]
        return int(rows[:, 0].max()) + 1 if len(rows) else 1
    return len(next(iter(outputs.values())))


def _worst(wanted: Candidates, found: Candidates) -> float:
    """The largest difference between a sure person of `wanted` and the same in `found`; 1 where
    there is no such person."""
    worst = 0.0
    for frame in range(len(wanted.scores)):
        sure = wanted.scores[frame] > _SURE + 0.05
        if not bool(sure.any()):
            continue
        if frame >= len(found.scores) or found.scores.shape[1] == 0:
            return 1.0
        boxes = wanted.boxes[frame][sure].float()
        overlap = iou(boxes[:, None], found.boxes[frame].float())
        overlap = overlap * (found.scores[frame] > 0)
        best, which = overlap.max(1)
        if bool((best < _SAME).any()):
            return 1.0
        diagonal = sides(boxes).norm(dim=1).clamp(min=1)
        apart = wanted.keypoints[frame][sure] - found.keypoints[frame][which]
        joints = apart.norm(dim=2).mean(1) / diagonal
        scores = (wanted.scores[frame][sure] - found.scores[frame][which]).abs()
        seen = wanted.confidence[frame][sure] - found.confidence[frame][which]
        errors = torch.stack([joints, scores, seen.abs().mean(1)])
        worst = max(worst, float(errors.max()))
    return worst
