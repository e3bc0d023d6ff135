"""Glasses that fit the canonical face, made of tubes."""

import math

import torch
from torch import Tensor

from ..mesh.mesh import Mesh
from ..mesh.tubes import joined, smooth_curve, tube

# All in cm, in the axes of the canonical face, for its right half (x > 0).
_LENS = (3.1, 2.35)  # the middle of a lens; the pupils are 6.3 cm apart
_HALF = (2.5, 2.0)  # of its width and its height
_SQUARE = 3.0  # exponent of the rim's superellipse: 2 is an ellipse
_FRONT = 6.15  # z of the bridge, which rests on the nose at 5.8
_WRAP = 0.035  # how the front bends back: z falls by this times x²
_TILT = 0.1  # the lower rim lies closer to the cheeks
_RIM = (0.17, 0.13)  # radii of its section: across the lens, and in the plane of the lens
_ARM = ((5.55, 3.2, 5.05), (6.4, 3.2, 4.5), (7.2, 3.15, 2.6), (7.75, 3.0, -0.8), (7.85, 2.7, -3.6))
_HOOK = ((7.75, 1.9, -5.4), (7.6, 0.6, -6.5), (7.5, -0.6, -6.9))  # behind the ear
_FRAME_COLOUR = (0.09, 0.075, 0.07, 1.0)
_GLASS_COLOUR = (0.02, 0.03, 0.03, 0.2)


def glasses() -> tuple[Mesh, Mesh]:
    """Return the frame and the two lenses, which let light through."""
    rim, lens = _rim(), _lens()
    bridge = _fronted(smooth_curve(torch.tensor([[-0.75, 2.75], [0.0, 3.05], [0.75, 2.75]]), 13))
    arm = smooth_curve(torch.tensor([*_ARM, *_HOOK]), 40)
    parts = [
        tube(bridge, (0.15, 0.15), (0.0, 0.0, 1.0)),
        *(tube(_mirrored(rim, side), _RIM, (0.0, 0.0, 1.0), closed=True) for side in (1, -1)),
        *(tube(_mirrored(arm, side), (0.09, 0.19), (1.0, 0.0, 0.0)) for side in (1, -1)),
    ]
    panes = [_pane(_mirrored(lens, side)) for side in (1, -1)]
    return (
        joined(parts, _FRAME_COLOUR, "glasses: frame"),
        joined(panes, _GLASS_COLOUR, "glasses: lenses"),
    )


def _rim() -> Tensor:
    """Return the curve [64,3] of the right rim."""
    return _fronted(_outline(64, 1.0))


def _lens() -> Tensor:
    """Return the right lens as rings [4,64,3] from its edge inwards."""
    return torch.stack([_fronted(_outline(64, part)) for part in (1.0, 0.66, 0.33, 0.0)])


def _outline(count: int, part: float) -> Tensor:
    """Return x, y [count,2] of the lens' outline, or of a `part` of it."""
    angle = torch.arange(count) * (2 * math.pi / count)
    cos, sin = angle.cos(), angle.sin()
    reach = (cos.abs() ** _SQUARE + sin.abs() ** _SQUARE) ** (-1 / _SQUARE) * part
    flat = torch.stack([cos * reach * _HALF[0], sin * reach * _HALF[1]], 1)
    return flat + torch.tensor(_LENS)


def _fronted(flat: Tensor) -> Tensor:
    """Return points [N,3] of the front from x, y [N,2]."""
    x, y = flat.unbind(1)
    z = _FRONT - _WRAP * x * x + _TILT * (y - _LENS[1])
    return torch.stack([x, y, z], 1)


def _mirrored(points: Tensor, side: int) -> Tensor:
    """Return points [...,3] for the side 1 or -1, a curve in the opposite order."""
    if side > 0:
        return points
    return (points * points.new_tensor([-1.0, 1.0, 1.0])).flip(-2)


def _pane(rings: Tensor) -> Mesh:
    """Return a disc from rings [R,S,3], the last of which is one point."""
    count, sides = rings.shape[:2]
    row, column = torch.meshgrid(torch.arange(count - 1), torch.arange(sides), indexing="ij")
    other = (column + 1) % sides
    corners = [row * sides + column, row * sides + other, (row + 1) * sides + other]
    fourth = (row + 1) * sides + column
    a, b, c, d = (corner.flatten() for corner in (*corners, fourth))
    triangles = torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)[:-sides]])
    return Mesh(rings.flatten(0, 1), triangles, name="lens")
