"""Denoising queries: true boxes and classes, disturbed, that the decoder learns to restore.

They teach every layer without waiting for the assignment to settle (Zhang et al., ICLR 2023).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .decode import to_corners
from .matcher import Pairs
from .model import Extra
from .targets import Targets

_LABELS = 0.25  # part of the classes that are replaced by chance
_BOXES = 0.4  # of half a side, how far corners are moved at most; those of negatives up to twice
_LEAST = 1e-3  # of a side, as part of the image


@dataclass(frozen=True)
class Noised:
    """Extra queries with what they are to find.

    extra:  the queries, in groups of M positives and M negatives
    groups: how many groups
    taken:  [B,N] bool, whether a query is of an object that exists
    positive: [B,N] bool, whether it is to find that object; others are to find nothing
    place:  [N] int64, the object of each query
    """

    extra: Extra
    groups: int
    taken: Tensor
    positive: Tensor
    place: Tensor

    def pairs(self, layers: int) -> Pairs:
        """Return which query is to find which object, in each of so many layers."""
        image, query = self.positive.nonzero().unbind(1)
        layer = torch.arange(layers, device=image.device).repeat_interleave(len(image))
        image, query = image.repeat(layers), query.repeat(layers)
        return Pairs(layer, image, query, self.place[query])


def noised(targets: Targets, labels: nn.Embedding, groups: int) -> Noised | None:
    """Return `groups` groups of disturbed objects; None if there are no objects, or no groups.

    labels: of the network, one token for each class

    Random numbers are those of the device.
    """
    places = targets.present.shape[1]
    if not groups or not places:
        return None
    classes = targets.classes.clamp(min=0).repeat(1, 2 * groups)  # [B,N]
    others = torch.randint_like(classes, labels.num_embeddings)
    swapped = torch.rand(classes.shape, device=classes.device) < _LABELS
    classes = torch.where(swapped, others, classes)
    boxes = targets.boxes.nan_to_num(0.5).repeat(1, 2 * groups, 1)
    number = torch.arange(2 * groups * places, device=classes.device)
    negative = number // places % 2 == 1
    corners = to_corners(boxes)
    step = boxes[..., 2:].repeat(1, 1, 2) / 2 * _BOXES
    by = torch.rand_like(corners) + negative[:, None]
    sign = torch.randint_like(corners, 2) * 2 - 1
    corners = (corners + sign * by * step).clamp(0, 1)
    low, high = corners.split(2, -1)
    moved = torch.cat([(low + high) / 2, (high - low).abs().clamp(min=_LEAST)], -1)
    taken = targets.present.repeat(1, 2 * groups)
    return Noised(
        extra=Extra(labels(classes), moved, number // (2 * places)),
        groups=groups,
        taken=taken,
        positive=taken & ~negative,
        place=number % places,
    )
