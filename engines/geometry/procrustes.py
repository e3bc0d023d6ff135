"""Weighted orthogonal Procrustes: the similarity that carries points onto others best."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Similarity:
    """y = scale R x + t, a batch of them: scale [...], rotation [...,3,3], translation [...,3]."""

    scale: Tensor
    rotation: Tensor
    translation: Tensor


def fit_similarity(source: Tensor, target: Tensor, weights: Tensor) -> Similarity:
    """Return the similarities that carry `source` onto `target` with the least weighted square
    error.

    source, target: [...,K,3], one of them may be broadcast
    weights:        [K] or [...,K], at least three of them above 0

    By singular values (Umeyama, PAMI 1991); the rotation is always a proper one. Computed in
    float64, as depths are large relative to the differences of poses.
    """
    source, target, weights = source.double(), target.double(), weights.double()
    weights = (weights / weights.sum(-1, keepdim=True))[..., None]
    middle, aim = (weights * source).sum(-2), (weights * target).sum(-2)
    x, y = source - middle[..., None, :], target - aim[..., None, :]
    covariance = (weights * y).mT @ x  # [...,3,3]
    u, singular, vh = torch.linalg.svd(covariance)
    sign = torch.linalg.det(u @ vh).sign()
    flip = torch.stack([torch.ones_like(sign), torch.ones_like(sign), sign], -1)
    rotation = u * flip[..., None, :] @ vh
    scale = (singular * flip).sum(-1) / (weights * x * x).sum((-1, -2)).clamp(min=1e-12)
    moved = scale[..., None] * (rotation @ middle[..., None])[..., 0]
    return Similarity(scale, rotation, aim - moved)
