"""Rotations as matrices [...,3,3] and unit quaternions [...,4], w first.

q and -q are the same rotation. Matrices turn column vectors: v' = R v.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

_SMALL = 1e-6  # rad, below which a series stands for sin(x) / x
_STRAIGHT = 1e-2  # by which the columns of a rotation may be off: turned by half a degree


def are_rotations(matrices: Tensor) -> Tensor:
    """Return which matrices [...,3,3] are rotations, within a hundredth: [...] bool."""
    m = matrices.float()
    off = m.mT @ m - torch.eye(3, device=m.device)
    right: Tensor = (off.abs().amax((-2, -1)) <= _STRAIGHT) & (torch.linalg.det(m) > 0)
    return right


def to_quaternions(matrices: Tensor) -> Tensor:
    """Return rotation matrices [...,3,3] as unit quaternions [...,4] with w >= 0."""
    m = matrices.flatten(-2).unbind(-1)  # row by row
    trace = m[0] + m[4] + m[8]
    # Four times each product of two components; the row of the largest one is the best conditioned.
    products = torch.stack(
        [
            *(1 + trace, m[7] - m[5], m[2] - m[6], m[3] - m[1]),
            *(m[7] - m[5], 1 + m[0] - m[4] - m[8], m[1] + m[3], m[2] + m[6]),
            *(m[2] - m[6], m[1] + m[3], 1 - m[0] + m[4] - m[8], m[5] + m[7]),
            *(m[3] - m[1], m[2] + m[6], m[5] + m[7], 1 - m[0] - m[4] + m[8]),
        ],
        -1,
    ).unflatten(-1, (4, 4))
    largest = products.diagonal(dim1=-2, dim2=-1).argmax(-1)
    row = products.gather(-2, largest[..., None, None].expand(*largest.shape, 1, 4)).squeeze(-2)
    return canonical(F.normalize(row, dim=-1))


def to_matrices(quaternions: Tensor) -> Tensor:
    """Return unit quaternions [...,4] as rotation matrices [...,3,3]."""
    w, x, y, z = quaternions.unbind(-1)
    rows = [
        *(1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        *(2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        *(2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    ]
    matrices: Tensor = torch.stack(rows, -1).unflatten(-1, (3, 3))
    return matrices


def canonical(quaternions: Tensor) -> Tensor:
    """Return the same rotations with w >= 0."""
    return torch.where(quaternions[..., :1] < 0, -quaternions, quaternions)


def product(a: Tensor, b: Tensor) -> Tensor:
    """Return the rotations [...,4] that turn by `b` first and then by `a`."""
    (aw, ax, ay, az), (bw, bx, by, bz) = a.unbind(-1), b.unbind(-1)
    parts = [
        aw * bw - ax * bx - ay * by - az * bz,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    ]
    return torch.stack(parts, -1)


def inverse(quaternions: Tensor) -> Tensor:
    """Return the rotations [...,4] that undo unit quaternions."""
    return quaternions * quaternions.new_tensor([1.0, -1.0, -1.0, -1.0])


def log_map(quaternions: Tensor) -> Tensor:
    """Return rotation vectors [...,3] in rad, at most pi long, of unit quaternions [...,4]."""
    nearest = canonical(quaternions)
    axis = nearest[..., 1:]
    sine = axis.norm(dim=-1, keepdim=True)
    angle = 2 * torch.atan2(sine, nearest[..., :1])
    return axis * torch.where(sine < _SMALL, 2.0, angle / sine.clamp(min=_SMALL))


def exp_map(vectors: Tensor) -> Tensor:
    """Return rotation vectors [...,3] in rad as unit quaternions [...,4]."""
    angle = vectors.norm(dim=-1, keepdim=True)
    scale = torch.where(angle < _SMALL, 0.5, (angle / 2).sin() / angle.clamp(min=_SMALL))
    return F.normalize(torch.cat([(angle / 2).cos(), vectors * scale], -1), dim=-1)


def between(start: Tensor, end: Tensor) -> Tensor:
    """Return the rotation vectors [...,3] in rad that lead from `start` to `end`, the short way."""
    return log_map(product(inverse(start), end))


def slerp(start: Tensor, end: Tensor, part: Tensor) -> Tensor:
    """Return the rotations [...,4] that lie `part` [...,1] of the short way from `start` to `end`.

    0 gives `start`, 1 gives `end`.
    """
    return product(start, exp_map(between(start, end) * part))


def shortest(start: Tensor, end: Tensor) -> Tensor:
    """Return the rotations [...,4] by the least angle that turn unit vectors [...,3] to others.

    Opposite vectors are turned about an axis across them.
    """
    cosine = (start * end).sum(-1, keepdim=True)
    across = torch.linalg.cross(start, end, dim=-1)
    least = start.abs().argmin(-1, keepdim=True)
    aside = torch.linalg.cross(start, torch.zeros_like(start).scatter(-1, least, 1.0), dim=-1)
    opposite = cosine < -1 + _SMALL
    axis = torch.where(opposite, aside, across)
    return F.normalize(torch.cat([torch.where(opposite, 0.0, 1 + cosine), axis], -1), dim=-1)


def turn_by(vectors: Tensor) -> Tensor:
    """Return rotation vectors [...,3] in rad as matrices [...,3,3]."""
    return to_matrices(exp_map(vectors))


def turn_of(matrices: Tensor) -> Tensor:
    """Return rotation matrices [...,3,3] as rotation vectors [...,3] in rad."""
    return log_map(to_quaternions(matrices))


def from_two_rows(values: Tensor) -> Tensor:
    """Return the rotations [...,3,3] whose first two rows `values` [...,6] come close to.

    The first row has the direction of the first three numbers, the second lies in the plane of
    both (Zhou et al., CVPR 2019), the third is their cross product.
    """
    first, other = values.split(3, -1)
    first = F.normalize(first, dim=-1)
    second = F.normalize(other - (first * other).sum(-1, keepdim=True) * first, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], -2)


def geodesic(a: Tensor, b: Tensor) -> Tensor:
    """Return the angles [...] in rad, 0..pi, between rotation matrices [...,3,3].

    By atan2, which stays exact where acos of a trace loses half its digits and its gradient.
    """
    angles: Tensor = turn_of(a.mT @ b).norm(dim=-1)
    return angles
