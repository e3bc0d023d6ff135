"""Whether two runs of the network found the same, in whatever order the queries stand."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ...runtime.parity import Verdict, compare
from .decode import scores_of

_SURE = 0.3  # what queries below say comes and goes with the last bit of a score


def same_objects(
    reference: Mapping[str, Tensor], outputs: Mapping[str, Tensor], precision: str
) -> Verdict:
    """Compare every output in order and, where that fails, query by query as matched sets.

    Scores of neighbouring queries lie closer together than fp16 resolves, so their order may
    differ. Matched sets are compared where either side is sure of an object, a score above 0.3.
    Where both see nothing, which places were selected is chance: the sorted scores are compared.
    """
    verdict = compare(reference, outputs, precision)
    return verdict if verdict.passed else as_matched_sets(reference, outputs, precision)


def as_matched_sets(
    reference: Mapping[str, Tensor], outputs: Mapping[str, Tensor], precision: str
) -> Verdict:
    """Compare every output query by query, each with the one of the other run most like it.

    What is missing, of another shape or not finite fails as in `compare`.
    """
    if not _comparable(reference, outputs):
        return compare(reference, outputs, precision)
    theirs, moved = _side_by_side(reference, outputs)
    sure = [scores_of(some["logits"])[0] > _SURE for some in (moved, theirs)]
    which = sure[0] | sure[1]
    if not bool(which.any()):
        scores = [_ranked(some) for some in (theirs, moved)]
        ranked = compare(scores[0], scores[1], precision)
        return Verdict(ranked.passed, f"both see nothing; {ranked.reason}", ranked.errors)
    kept = [
        {n: (v if n == "k_delta" else v[which]).float() for n, v in some.items()}
        for some in (theirs, moved)
    ]
    matched = compare(kept[0], kept[1], precision)
    told = f"as matched sets, {int(which.sum())} objects: {matched.reason}"
    return Verdict(matched.passed, told, matched.errors)


def largest_differences(
    reference: Mapping[str, Tensor], outputs: Mapping[str, Tensor]
) -> dict[str, float] | None:
    """Return how far `score` and `bbox` of matched queries are apart at most, where either side is
    sure of an object; None for outputs that cannot be compared.

    Boxes are parts of the picture.
    """
    if not _comparable(reference, outputs):
        return None
    theirs, moved = _side_by_side(reference, outputs)
    scores = [scores_of(some["logits"])[0] for some in (moved, theirs)]
    which = (scores[0] > _SURE) | (scores[1] > _SURE)
    if not bool(which.any()):
        return {"score": 0.0, "bbox": 0.0}
    boxes = [some["bbox"].sigmoid() for some in (moved, theirs)]
    return {
        "score": float((scores[0] - scores[1])[which].abs().max()),
        "bbox": float((boxes[0] - boxes[1])[which].abs().max()),
    }


def _comparable(reference: Mapping[str, Tensor], outputs: Mapping[str, Tensor]) -> bool:
    return not reference.keys() - outputs.keys() and all(
        outputs[name].shape == values.shape and bool(outputs[name].isfinite().all())
        for name, values in reference.items()
    )


def _side_by_side(
    reference: Mapping[str, Tensor], outputs: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the reference and, in the order of its queries, the outputs, in double precision."""
    ours, theirs = (
        {name: values.detach().cpu().double() for name, values in some.items()}
        for some in (outputs, reference)
    )
    order = _matched(theirs, ours)  # [B,Q]
    rows = torch.arange(len(order))[:, None]
    return theirs, {n: v if n == "k_delta" else v[rows, order] for n, v in ours.items()}


def _ranked(outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    scores = scores_of(outputs["logits"])[0].sort(1).values
    return {"logits": scores, "k_delta": outputs["k_delta"].float()}


def _matched(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> Tensor:
    """Return for every query of `wanted` the one of `found` that is most like it, [B,Q]."""
    from scipy.optimize import linear_sum_assignment

    parts = [
        torch.cat([some["bbox"].sigmoid(), some["logits"].softmax(-1)], -1)
        for some in (wanted, found)
    ]
    cost = torch.cdist(parts[0], parts[1], p=1).numpy()
    return torch.stack([torch.from_numpy(linear_sum_assignment(image)[1]) for image in cost])
