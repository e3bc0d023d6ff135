"""The terms of the loss, each for pairs of a prediction and the truth."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ...geometry.boxes import areas, intersections

_ALPHA, _GAMMA = 0.75, 2.0  # of the varifocal loss (Zhang et al., CVPR 2021)
_LEAST = 1e-7  # of an area or a side, as parts of the image

Size = tuple[int, int]


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Return the generalised IoU [...], -1..1, of boxes [...,4] as corners (Rezatofighi et al.,
    CVPR 2019)."""
    both = intersections(a, b)
    union = areas(a) + areas(b) - both
    low, high = torch.minimum(a[..., :2], b[..., :2]), torch.maximum(a[..., 2:], b[..., 2:])
    around = (high - low).prod(-1).clamp(min=_LEAST)
    return both / union.clamp(min=_LEAST) - (around - union) / around


def plain_iou(a: Tensor, b: Tensor) -> Tensor:
    """Return the IoU [...], 0..1, of boxes [...,4] as corners in parts of the image."""
    both = intersections(a, b)
    return both / (areas(a) + areas(b) - both).clamp(min=_LEAST)


def varifocal(logits: Tensor, quality: Tensor, matched: Tensor) -> Tensor:
    """Return the IoU-aware varifocal loss [...] of a softmax.

    logits:  [...,C+1], the last of the background
    quality: [...,C], the IoU of the box where a query is to find an object of that class, else 0
    matched: [...] bool, which queries are to find one

    A query that is to find something is held to its IoU, the rest of the probability being the
    background's; every other one to the background, the less the surer it is already. It is the
    divergence from what is wanted, and 0 where that is reached; with one class and a logit of 0
    for the background it is the binary loss.
    """
    wanted = torch.cat([quality, 1 - quality.sum(-1, keepdim=True)], -1)
    told = logits.log_softmax(-1)
    divergence = (torch.xlogy(wanted, wanted) - wanted * told).sum(-1)
    seen = (1 - told[..., -1].exp()).detach()
    return torch.where(matched, divergence, _ALPHA * seen**_GAMMA * divergence)


def oks(points: Tensor, true: Tensor, boxes: Tensor, sigmas: Tensor, size: Size) -> Tensor:
    """Return the object keypoint similarity [...], 0..1, as COCO defines it.

    points: [...,K,2] as parts of the image
    true:   [...,K,3] with visibility; those of 0 do not count. Without any the result is 0
    boxes:  [...,4] cx, cy, w, h, whose areas stand for those of the objects
    sigmas: [K]
    size:   height and width of the image, px
    """
    scale = points.new_tensor([size[1], size[0]])
    squared = ((points - true[..., :2]) * scale).square().sum(-1)
    area = (boxes[..., 2:] * scale).prod(-1, keepdim=True).clamp(min=1)
    near = torch.exp(-squared / (2 * area * (2 * sigmas).square()))
    labelled = (true[..., 2] > 0).to(near.dtype)
    return (near * labelled).sum(-1) / labelled.sum(-1).clamp(min=1)


def keypoint_distance(points: Tensor, true: Tensor, boxes: Tensor) -> Tensor:
    """Return the mean distance [...] of labelled keypoints along x and y, in sides of the box."""
    sides = boxes[..., None, 2:].clamp(min=_LEAST)
    apart = ((points - true[..., :2]) / sides).abs().sum(-1)
    labelled = (true[..., 2] > 0).to(apart.dtype)
    return (apart * labelled).sum(-1) / labelled.sum(-1).clamp(min=1)


def visibility(scores: Tensor, true: Tensor) -> Tensor:
    """Return the mean cross entropy [...] of keypoint scores [...,K] with being visible, over the
    labelled ones."""
    labelled = (true[..., 2] > 0).to(scores.dtype)
    seen = (true[..., 2] > 1).to(scores.dtype)
    entropy = F.binary_cross_entropy(scores.clamp(1e-6, 1 - 1e-6), seen, reduction="none")
    return (entropy * labelled).sum(-1) / labelled.sum(-1).clamp(min=1)


def laplace(error: Tensor, log_sigma: Tensor) -> Tensor:
    """Return how badly a spread fits errors [...]: the negative logarithm of a Laplace density.

    Only the spread learns from it: an error does not shrink by being sure of it.
    """
    return error.detach().abs() * torch.exp(-log_sigma) + log_sigma
