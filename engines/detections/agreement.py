"""Whether two networks found the same people, in whatever order they list them."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ..geometry.boxes import iou
from ..runtime.parity import TOLERANCES, Verdict
from .candidates import Candidates

_SURE = 0.3  # candidates below come and go with the last bit of a score
_MARGIN = 0.05  # people this far above _SURE must be found by the other network, too
_SAME = 0.9  # IoU of two boxes of the same person

Outputs = Mapping[str, Tensor]
Decode = Callable[[Outputs, int, float], Candidates]
Compare = Callable[[Outputs, Outputs, str], Verdict]


def frames_of_rows(outputs: Outputs) -> int:
    """Return the number of frames of outputs [F,N,...]."""
    return len(next(iter(outputs.values())))


def same_people(
    decode: Decode, *, axis: int = 1, frames: Callable[[Outputs], int] = frames_of_rows
) -> Compare:
    """Return a comparison for networks that suppress duplicates themselves.

    Which of several near duplicates such a network keeps, and in which order, depends on the last
    bit. So for every person that either network is sure of, the other must have a box in the same
    place (IoU 0.9) whose score and other values are within the tolerance of the precision.

    decode: as in the head of the family
    axis:   dimension of the outputs that counts candidates, where sizes may differ
    frames: outputs -> number of frames
    """

    def compare(reference: Outputs, outputs: Outputs, precision: str) -> Verdict:
        for name, wanted in reference.items():
            if reason := _unlike(name, wanted, outputs.get(name), axis):
                return Verdict(False, reason, {})
        count = max(frames(reference), frames(outputs))
        ours, theirs = (decode(o, count, 0.0).on_cpu() for o in (outputs, reference))
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


def _unlike(name: str, wanted: Tensor, found: Tensor | None, axis: int) -> str:
    """Return why an output cannot be compared with the reference's; "" if it can."""
    if found is None:
        return f"the output {name!r} is missing"
    shapes = [[*values.shape[:axis], *values.shape[axis + 1 :]] for values in (found, wanted)]
    if shapes[0] != shapes[1]:
        return f"{name}: expected {list(wanted.shape)}, found {list(found.shape)}"
    if found.is_floating_point() != wanted.is_floating_point():
        return f"{name}: expected {wanted.dtype}, found {found.dtype}"
    if not bool(found.isfinite().all()):
        return f"{name}: NaN or infinity"
    return ""


def _worst(wanted: Candidates, found: Candidates) -> float:
    """Return the largest difference between a sure candidate of `wanted` and its counterpart.

    It is 1 if a sure candidate has no counterpart in `found`.
    """
    frame, place = (wanted.scores > _SURE + _MARGIN).nonzero(as_tuple=True)
    if not len(frame):
        return 0.0
    if int(frame.max()) >= len(found.scores) or found.scores.shape[1] == 0:
        return 1.0
    boxes = wanted.boxes[frame, place].float()
    others = found.boxes[frame].float()  # [M,N,4]
    best, which = (iou(boxes[:, None], others) * (found.scores[frame] > 0)).max(1)
    if bool((best < _SAME).any()):
        return 1.0
    mine, theirs = torch.stack([frame, place], 1), torch.stack([frame, which], 1)
    scores = (wanted.scores[frame, place] - found.scores[frame, which]).abs()
    errors = torch.stack([scores, *wanted.differences(mine, found, theirs)])
    return float(errors.max())
