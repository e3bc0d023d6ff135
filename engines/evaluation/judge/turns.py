"""Rotations: from what a network says, and how far they are apart."""

import numpy as np

from ...datasets.records import Array, RecordKinds


def from_two_rows(rows: Array) -> Array:
    """Return the rotations [...,3,3] whose first rows are nearest to `rows` [...,6]."""
    first, second = rows[..., :3], rows[..., 3:]
    first = first / np.linalg.norm(first, axis=-1, keepdims=True)
    second = second - (first * second).sum(-1, keepdims=True) * first
    second = second / np.linalg.norm(second, axis=-1, keepdims=True)
    return np.stack([first, second, np.cross(first, second)], -2)


def between(one: Array, other: Array) -> Array:
    """Return the angles [...] in degrees between rotations [...,3,3], exact also near 0."""
    # The Frobenius norm of the difference is the root of 8 times the sine of half the angle.
    square = np.square(one - other).sum((-2, -1))
    angles: Array = 2 * np.arctan2(np.sqrt(square), np.sqrt(np.maximum(8 - square, 0)))
    return np.degrees(angles)


def alike(wanted: Array, found: Array, kinds: RecordKinds, kind: int) -> Array:
    """Return the rotations [S,3,3] that look like `wanted` [3,3] of a class.

    Of a class that may be turned about an axis by any angle, each is turned about it so that it is
    nearest to `found` [3,3].
    """
    turned: Array = wanted @ kinds.rotations[kind]
    axis = kinds.axes[kind]
    if not axis.any():
        return turned
    apart = turned.swapaxes(1, 2) @ found
    twist = apart - apart.swapaxes(1, 2)
    sine = twist[:, 2, 1] * axis[0] + twist[:, 0, 2] * axis[1] + twist[:, 1, 0] * axis[2]
    along = np.einsum("i,sij,j->s", axis, apart, axis)
    across = np.trace(apart, axis1=1, axis2=2) - along
    nearest: Array = turned @ about(axis, np.arctan2(sine, across))
    return nearest


def about(axis: Array, angles: Array) -> Array:
    """Return the rotations [N,3,3] about a unit vector [3] by `angles` [N] in rad."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    sine, rest = np.sin(angles)[:, None, None], (1 - np.cos(angles))[:, None, None]
    turns: Array = np.eye(3) + sine * cross + rest * (cross @ cross)
    return turns
