"""Legs that reach for a place: two bones, solved in closed form."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..geometry import rotations

_STRAIGHT = 0.999  # of the length of a leg, how far it reaches
_LEAST = 1e-6
_BENT = 0.02  # m, how far a knee is from the line between hip and ankle to show how it bends


def reach(
    hip: Tensor, knee: Tensor, ankle: Tensor, target: Tensor, front: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the turns [...,3,3] of thigh and calf, in the axes of the world, that bring the ankle
    from where it is to `target`, or as near as the leg reaches.

    hip, knee, ankle, target: [...,3] m
    front: [...,3] the direction in which the knee of a straight leg bends

    The leg swings as a whole, and the knee bends in the plane in which it is bent. The turns come
    after those that the bones have.
    """
    upper, lower = knee - hip, ankle - knee
    first, second = upper.norm(dim=-1, keepdim=True), lower.norm(dim=-1, keepdim=True)
    way = target - hip
    length = way.norm(dim=-1, keepdim=True)
    # A triangle of these sides: not longer than the leg, not shorter than its bones differ.
    far = torch.minimum(length, _STRAIGHT * (first + second))
    far = torch.maximum(far, (first - second).abs() + _LEAST)
    along = way / length.clamp(min=_LEAST)
    before = F.normalize(ankle - hip, dim=-1)
    swing = _between(before, along)
    aside = upper - before * (upper * before).sum(-1, keepdim=True)
    front = front - before * (front * before).sum(-1, keepdim=True)
    bent_so = (aside.norm(dim=-1, keepdim=True) > _BENT) & (
        (aside * front).sum(-1, keepdim=True) > 0
    )
    aside = F.normalize((swing @ torch.where(bent_so, aside, front)[..., None])[..., 0], dim=-1)
    cosine = ((first**2 + far**2 - second**2) / (2 * first * far)).clamp(-1, 1)
    sine = (1 - cosine**2).clamp(min=0).sqrt()
    bent = first * (along * cosine + aside * sine)
    thigh = _between(upper, bent)
    reached = along * far - bent
    calf = _between((thigh @ lower[..., None])[..., 0], reached) @ thigh
    return thigh, calf


def _between(start: Tensor, end: Tensor) -> Tensor:
    """Return the least rotations [...,3,3] from the directions of vectors [...,3] to others."""
    ways = (F.normalize(vector, dim=-1) for vector in (start, end))
    return rotations.to_matrices(rotations.shortest(*ways))
