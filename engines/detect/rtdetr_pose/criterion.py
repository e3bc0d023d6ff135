"""The loss of a batch: every layer matched, every term by its head's name."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ...errors import TrainingError
from ...geometry.rotations import from_two_rows
from ..symmetry import Symmetries
from .decode import to_corners
from .denoising import Noised
from .matcher import Costs, Pairs, match
from .model import Layers, Outputs
from .targets import Targets
from .terms import giou, keypoint_distance, laplace, oks, plain_iou, varifocal, visibility

WEIGHTS: Mapping[str, float] = {
    # Of class, box and overlap as in RT-DETR; the others bring every term to the size of these.
    "logits": 1.0,
    "bbox": 5.0,
    "giou": 2.0,
    "rot6d": 4.0,
    "log_z": 2.0,
    "offsets": 2.0,
    "keypoints": 2.0,
    "oks": 1.0,
    "keypoint_scores": 0.5,
    "log_sigma_z": 0.1,
    "log_sigma_rot": 0.1,
    "k_delta": 1.0,
}
"""Weights of the terms."""


@dataclass(frozen=True)
class Losses:
    """The loss of a batch.

    total:   what is minimised
    terms:   each term before its weight, summed over the layers, by name
    degrees: mean angle between found and true rotations in the last layer; NaN without any
    """

    total: Tensor
    terms: dict[str, Tensor]
    degrees: Tensor


@dataclass(frozen=True)
class Criterion:
    """How outputs are judged.

    size:       height and width of the network's input, px
    symmetries: of the classes
    sigmas:     [K] of the keypoints
    """

    size: tuple[int, int]
    symmetries: Symmetries
    sigmas: Tensor
    costs: Costs = field(default_factory=Costs)
    weights: Mapping[str, float] = field(default_factory=lambda: WEIGHTS)

    def __call__(
        self,
        layers: Layers,
        targets: Targets,
        count: Tensor | float,
        noised: Noised | None = None,
    ) -> Losses:
        """Return the loss.

        count:  objects in all that one step of the optimiser sees, also in other batches; terms
                are divided by it, at least by 1
        noised: what the extra queries of `layers` were made of

        Raises `TrainingError` that names head and image for outputs that are not finite, and the
        term for such a loss.
        """
        check_finite([layers.encoder, *layers.decoder, *layers.extra], targets.names)
        check_finite([{"k_delta": layers.k_delta}], targets.names)
        decoder = _stacked(layers.decoder)
        last: Pairs | None = None
        total: dict[str, Tensor] = {"k_delta": self._cameras(layers.k_delta, targets)}
        for outputs in (_stacked([layers.encoder]), decoder):
            last = match(outputs, targets, self.costs, self.symmetries, self.sigmas, self.size)
            _add(total, self._terms(outputs, targets, last))
        if noised is not None:
            extra = _stacked(layers.extra)
            pairs = noised.pairs(len(layers.extra))
            found = self._terms(extra, targets, pairs, noised.taken)
            _add(total, {name: value / noised.groups for name, value in found.items()})
        assert last is not None
        divisor = torch.as_tensor(count, device=targets.present.device).clamp(min=1)
        terms = {name: value / divisor for name, value in total.items()}
        _check_terms(terms)
        weighted = torch.stack([self.weights[name] * value for name, value in terms.items()])
        return Losses(weighted.sum(), terms, self._degrees(decoder, targets, last))

    def _terms(
        self, outputs: Outputs, targets: Targets, pairs: Pairs, taken: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return the sum of each term over all pairs.

        outputs: [L,B,Q,...]
        taken:   [B,Q] bool, the queries that count; None: all
        """
        found, true = pairs.of(outputs["bbox"]).sigmoid(), pairs.true(targets.boxes)
        kinds = pairs.true(targets.classes)
        corners = to_corners(found), to_corners(true)
        quality = torch.zeros_like(outputs["logits"][..., :-1])
        at = pairs.layer, pairs.image, pairs.query
        quality[(*at, kinds)] = plain_iou(*corners).detach()
        matched = torch.zeros(quality.shape[:3], dtype=torch.bool, device=quality.device)
        matched[at] = True
        classes = varifocal(outputs["logits"], quality, matched)
        terms = {
            "logits": (classes if taken is None else classes * taken).sum(),
            "bbox": (found - true).abs().sum(),
            "giou": (1 - giou(*corners)).sum(),
        }
        if "rot6d" in outputs:
            terms |= self._poses(outputs, targets, pairs, kinds, true)
        if "keypoints" in outputs:
            points, joints = pairs.of(outputs["keypoints"]), pairs.true(targets.keypoints)
            any_ = (joints[..., 2] > 0).any(-1)
            alike = oks(points, joints, true, self.sigmas, self.size)
            terms["keypoints"] = keypoint_distance(points, joints, true).sum()
            terms["oks"] = ((1 - alike) * any_).sum()
            if "keypoint_scores" in outputs:
                scores = pairs.of(outputs["keypoint_scores"])
                terms["keypoint_scores"] = visibility(scores, joints).sum()
        return terms

    def _poses(
        self, outputs: Outputs, targets: Targets, pairs: Pairs, kinds: Tensor, boxes: Tensor
    ) -> dict[str, Tensor]:
        """Return the sums of the terms of 6D poses, each over the pairs where it is known."""
        turns, depth, moves = (
            pairs.true(values) for values in (targets.rotation, targets.z, targets.offsets)
        )
        turned, deep, moved = _known(turns), _known(depth), _known(moves)
        rot6d = pairs.of(outputs["rot6d"])[turned]
        trace = self.symmetries.trace(from_two_rows(rot6d), turns[turned], kinds[turned])
        apart = (3 - trace) / 4  # the squared chord, 0..1
        wrong = (pairs.of(outputs["log_z"])[deep, 0] - depth[deep].log()).abs()
        sides = boxes[moved, 2:] * boxes.new_tensor(self.size).flip(0)
        shift = (pairs.of(outputs["offsets"])[moved] - moves[moved]) / sides.clamp(min=1)
        terms = {
            "rot6d": apart.sum(),
            "log_z": wrong.sum(),
            "offsets": shift.abs().sum(),
        }
        if "log_sigma_z" in outputs:
            spread = pairs.of(outputs["log_sigma_z"])[deep, 0]
            terms["log_sigma_z"] = laplace(wrong, spread).sum()
            angle = self.symmetries.angle(
                from_two_rows(rot6d.detach()), turns[turned], kinds[turned]
            )
            spread = pairs.of(outputs["log_sigma_rot"])[turned, 0]
            terms["log_sigma_rot"] = laplace(angle, spread).sum()
        return terms

    def _cameras(self, k_delta: Tensor, targets: Targets) -> Tensor:
        """Return how wrongly cameras are changed, of those that are known."""
        known = _known(targets.intrinsics)
        size = k_delta.new_tensor([1, 1, self.size[1], self.size[0]])
        off = k_delta if targets.k_delta is None else k_delta - targets.k_delta
        return (off[known] / size).abs().sum()

    @torch.no_grad()
    def _degrees(self, outputs: Outputs, targets: Targets, pairs: Pairs) -> Tensor:
        last = pairs.layer == len(outputs["logits"]) - 1
        turns = pairs.true(targets.rotation)
        which = last & _known(turns)
        found = from_two_rows(pairs.of(outputs["rot6d"])[which])
        kinds = pairs.true(targets.classes)[which]
        return self.symmetries.angle(found, turns[which], kinds).rad2deg().mean()


def check_finite(layers: Sequence[Outputs], names: Sequence[str]) -> None:
    """Raise `TrainingError` that names head and image for outputs [B,...] that are not finite."""
    named = [(name, values) for outputs in layers for name, values in outputs.items()]
    sound = torch.stack([values.isfinite().all() for _, values in named]).tolist()  # one wait
    if all(sound):
        return
    name, values = next(pair for pair, fine in zip(named, sound, strict=True) if not fine)
    image = int((~values.isfinite()).flatten(1).any(1).nonzero()[0])
    raise TrainingError(
        f"head {name}, image {names[image]}: found NaN or infinity; lower the learning rate, or "
        "train in bf16 or without mixed precision"
    )


def _check_terms(terms: Mapping[str, Tensor]) -> None:
    values = torch.stack([value.detach() for value in terms.values()]).tolist()
    for name, value in zip(terms, values, strict=True):
        if not math.isfinite(value):
            raise TrainingError(f"loss {name}: found {value}; lower the learning rate")


def _stacked(layers: Sequence[Outputs]) -> Outputs:
    return {name: torch.stack([layer[name] for layer in layers]) for name in layers[0]}


def _known(values: Tensor) -> Tensor:
    """Return [N] bool, whether all numbers of each row are known."""
    return ~values.flatten(1).isnan().any(1) if values.ndim > 1 else ~values.isnan()


def _add(total: dict[str, Tensor], terms: Mapping[str, Tensor]) -> None:
    for name, value in terms.items():
        total[name] = total[name] + value if name in total else value
