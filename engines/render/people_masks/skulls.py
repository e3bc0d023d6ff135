"""Heads as spheres in space, and as discs in the picture."""

from functools import cache

import torch

from ...head.heads import Heads
from .hulls import HullTable
from .limbs import Figures

# Spheres of a head with hair, cm, in the axes of the canonical face, whose origin lies between the
# eyes inside the head: forehead, crown, back of the head, jaw at both sides, chin, nose.
_SPHERES = (
    (0.0, 4.3, -0.5, 8.6),
    (0.0, 6.0, -5.0, 9.4),
    (0.0, 3.0, -7.5, 9.0),
    (5.0, -4.0, -1.5, 2.6),
    (-5.0, -4.0, -1.5, 2.6),
    (0.0, -6.8, 3.4, 2.4),
    (0.0, -1.5, 5.8, 1.6),
)
_TALL = 175.0  # cm, of who has such a head


def skulls(heads: Heads, margin: float = 0.0) -> Figures:
    """Return the heads of all frames, frame by frame, as discs.

    margin: added to every radius, in parts of it
    """
    at = heads.present.nonzero(as_tuple=True)
    spheres = torch.tensor(_SPHERES, device=heads.device)
    places, radius = spheres[:, :3], spheres[:, 3] * (1 + margin)
    turn, origin = heads.rotation[at].float(), heads.translation[at].float()
    x, y, z = ((turn[:, None] * places[:, None]).sum(-1) + origin[:, None]).unbind(-1)
    lens = heads.camera.table(torch.float32).to(heads.device)
    fx, fy, cx, cy = (lens if lens.shape[1] == 1 else lens[:, at[0]])[..., None].unbind(0)
    down = 1.0 if heads.camera.axes == "y_down" else -1.0
    depth = down * z
    before = depth > heads.camera.near
    away = torch.where(before, depth, 1.0)
    discs = torch.stack(
        [cx + fx * x / away, cy + fy * down * y / away, (fx * fy).sqrt() * radius / away], -1
    )
    height = (fy * _TALL).expand_as(z[:, :1])[:, 0] / away[:, 0]
    return Figures(discs, before, _table(), torch.where(before[:, 0], height, 0.0))


@cache
def _table() -> HullTable:
    return HullTable.of(tuple(range(len(_SPHERES))))
