"""How sure POCO is of each joint, from the variances of its turns."""

import torch
from torch import Tensor

from ..smpl.read import PARENTS

_LOST = 0.8  # variance of the pelvis' turn from which on nothing about a body is sure
_MOST = 0.99


def confidence(variance: Tensor) -> Tensor:
    """Return how sure the place of each joint is, [N,24] 0.01..1.

    variance: [N,24] of the turns of SMPL's joints by themselves

    As POCO sums them up: a joint is as unsure as all joints from the pelvis to it together, and
    all of them are if the pelvis is.
    """
    above = torch.eye(len(PARENTS), dtype=variance.dtype, device=variance.device)
    for joint, parent in enumerate(PARENTS[1:], 1):  # parents stand before their children
        above[joint] += above[parent]
    along = variance @ above.T
    lost = along[:, :1] > _LOST
    return 1 - torch.where(lost, 1.0, along).clamp(max=_MOST)
