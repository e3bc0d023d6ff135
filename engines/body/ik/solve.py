"""Turning the bones of many bodies at once until their points lie where they were found."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ...geometry import rotations
from ..rig import Rig
from .chain import Chain
from .start import first_pose

STEPS = 4
NOISE = 0.03  # m, of a network's points: how strongly they pull beside rest and limits
_ALIGNED = 16  # numbers
_ON_CPU, _ON_GPU = 16, 256  # bodies that are fitted together
_STEP = 0.5  # rad, most that a bone turns in a step
_FAR = 0.15  # m; points much further from where they should be count little
_LIMIT = 0.05  # rad: what is beyond a limit counts as much as a point that is NOISE away
_DAMPING, _LESS, _MORE = 1e-3, 4.0, 16.0  # at first, and divided and multiplied by
_LEVER = 1e-3  # m², of a bone that no point shows: damping holds it like one of 3 cm
_LEAST = 1e-6  # so that a body without any point has an answer


@dataclass(frozen=True)
class Solved:
    """N bodies that were fitted.

    rotation: [N,B,3,3] each bone's turn relative to its parent, in the axes of the rest pose
    pelvis:   [N,3] m, where it lies
    points:   [N,M,3] m, where the chain's points lie
    residual: [N] m, the weighted mean distance of the points from those given
    """

    rotation: Tensor
    pelvis: Tensor
    points: Tensor
    residual: Tensor


def solve(
    chain: Chain,
    rig: Rig,
    points: Tensor,
    weights: Tensor,
    *,
    start: tuple[Tensor, Tensor] | None = None,
    steps: int = STEPS,
    noise: float = NOISE,
    along: Tensor | None = None,
) -> Solved:
    """Return the poses in which the chain's points lie nearest to `points` [N,M,3] m.

    rig:     of the chain, of the size of the points
    weights: [N,M] 0..1, how much each point counts
    start:   rotations [N,B,3,3] and pelvis [N,3] m to begin with; None = read from the points
    steps:   of Gauss and Newton's method
    noise:   m, of the points: the larger, the nearer the pose stays to rest
    along:   [N,3] unit vectors of the directions in which it is not known where the points lie, as
             in a picture; None = it is known in every direction

    Damped least squares with weights that fall with the distance (Geman and McClure), a pull of
    every bone towards rest, limits of what joints turn, and steps of at most 0.5 rad per bone.
    """
    count = len(points)
    if not count:
        turns = points.new_zeros(0, len(chain.bones), 3, 3)
        return Solved(turns, points.new_zeros(0, 3), points, points.new_zeros(0))
    chain = chain.to(points.device)
    weights = weights * chain.counts
    # Libraries choose their kernels by the number of matrices: every batch has the same, so that a
    # body's pose does not depend on how a clip is divided.
    each = _ON_CPU if points.device.type == "cpu" else _ON_GPU
    filled = torch.arange(-(-count // each) * each, device=points.device).clamp(max=count - 1)
    parts = []
    for at in filled.split(each):
        here = None if start is None else (start[0][at], start[1][at])
        view = None if along is None else along[at]
        parts.append(_solve(chain, rig, points[at], weights[at], here, steps, noise, view))
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return Solved(*(torch.cat(values)[:count] for values in columns))


def _solve(
    chain: Chain,
    rig: Rig,
    points: Tensor,
    weights: Tensor,
    start: tuple[Tensor, Tensor] | None,
    steps: int,
    noise: float,
    along: Tensor | None,
) -> Solved:
    """Do what `solve` does for one batch."""
    if start is None:
        rotation = first_pose(chain, rig, points)
        there = _forward(chain, rotation, points.new_zeros(len(points), 3)).points
        start = rotation, _mean(points - there, weights)
    held = _forward(chain, *start)
    cost = _cost(chain, held, points, weights, noise, along)
    damping = torch.full_like(cost, _DAMPING)
    for _ in range(steps):
        turns, shift = _step(chain, held, points, weights, noise, damping, along)
        tried = _forward(chain, rotations.turn_by(turns) @ held.rotation, held.pelvis + shift)
        new = _cost(chain, tried, points, weights, noise, along)
        better = new < cost
        held = _Held(*(_where(better, one, two) for one, two in zip(tried, held, strict=True)))
        cost = torch.where(better, new, cost)
        damping = torch.where(better, damping / _LESS, damping * _MORE)
    apart = across(points - held.points, along).norm(dim=-1)
    residual = (apart * weights).sum(1) / weights.sum(1).clamp(min=1e-6)
    return Solved(held.rotation, held.pelvis, held.points, residual)


class _Held(NamedTuple):
    """A pose of N bodies, and what follows from it.

    rotation [N,B,3,3] relative to parents; pelvis [N,3] m; above [N,B,3,3], turn of the parents in
    the world; start [N,B,3] m of bones; points [N,M,3] m; about [N,B,3] rad, by how much bones are
    turned about their axes; beyond [N,B,3] rad, by how much of that beyond their limits
    """

    rotation: Tensor
    pelvis: Tensor
    above: Tensor
    start: Tensor
    points: Tensor
    about: Tensor
    beyond: Tensor


def _forward(chain: Chain, rotation: Tensor, pelvis: Tensor) -> _Held:
    """Return where bones and points lie. The chain is short: bone by bone, for all bodies."""
    whole = torch.eye(3, dtype=rotation.dtype, device=rotation.device).expand_as(rotation[:, 0])
    turns, aboves, starts = [rotation[:, 0]], [whole], [pelvis]
    parents = list(enumerate(chain.parent_of))[1:]
    for bone, parent in parents:
        aboves.append(turns[parent])
        turns.append(turns[parent] @ rotation[:, bone])
    turn, above = torch.stack(turns, 1), torch.stack(aboves, 1)
    arms = chain.rest - chain.rest[chain.parents.clamp(min=0)]
    reach = (above @ arms[..., None])[..., 0].unbind(1)
    for bone, parent in parents:
        starts.append(starts[parent] + reach[bone])
    start = torch.stack(starts, 1)
    points = start[:, chain.bone] + (turn[:, chain.bone] @ chain.offset[..., None])[..., 0]
    about = (chain.axes @ rotations.turn_of(rotation)[..., None])[..., 0]
    low, high = chain.limits.unbind(-1)
    return _Held(rotation, pelvis, above, start, points, about, about - about.clamp(low, high))


def across(vectors: Tensor, along: Tensor | None) -> Tensor:
    """Return vectors [N,...,3] without what they have in the direction `along` [N,3]."""
    if along is None:
        return vectors
    unit = along.view(len(along), *[1] * (vectors.ndim - 2), 3)
    return vectors - unit * (vectors * unit).sum(-1, keepdim=True)


def _cost(
    chain: Chain,
    held: _Held,
    points: Tensor,
    weights: Tensor,
    noise: float,
    along: Tensor | None,
) -> Tensor:
    """Return what is minimised [N], m²."""
    square = across(points - held.points, along).square().sum(-1)
    apart = (weights * square / (1 + square / _FAR**2)).sum(1)
    stiff, stop = _stiffness(chain, held, noise)
    return apart + (stiff * held.about**2 + stop * held.beyond**2).sum((1, 2))


def _step(
    chain: Chain,
    held: _Held,
    points: Tensor,
    weights: Tensor,
    noise: float,
    damping: Tensor,
    along: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Return by how much to turn the bones [N,B,3] rad and to move the pelvis [N,3] m.

    damping: [N], added to the normal equations in parts of their diagonal
    """
    count, bones = held.rotation.shape[:2]
    away = across(points - held.points, along)  # [N,M,3]
    far = away.square().sum(-1) / _FAR**2
    weight = weights / (1 + far) ** 2
    # A turn d of bone b, in its parent's axes, moves point m by (A d) x arm, A the parent's turn.
    arm = held.points[:, None] - held.start[:, :, None]  # [N,B,M,3]
    arm = arm * chain.moves[..., None]
    columns = torch.linalg.cross(
        held.above.mT[:, :, None].expand(-1, -1, arm.shape[2], -1, -1), arm[..., None, :], dim=-1
    )  # [N,B,M,axis of d,3]
    columns = across(columns, along)
    slope = columns.permute(0, 2, 4, 1, 3).flatten(3)  # [N,M,3,B*3]
    # Unknowns that move nothing fill up the matrices, so that each of them lies on a boundary of
    # memory and is solved by the same instructions wherever in the batch it is.
    wide = 3 + -(bones * 3 + 3) % _ALIGNED
    shift = torch.eye(3, wide, dtype=slope.dtype, device=slope.device)
    shift = shift.expand(*slope.shape[:3], wide)
    if along is not None:
        shift = torch.cat([across(shift[..., :3], along), shift[..., 3:]], -1)
    slope = torch.cat([slope, shift], 3).flatten(1, 2)  # [N,M*3,B*3+3+...]
    each = weight.repeat_interleave(3, 1)[..., None]
    normal = slope.mT @ (slope * each)
    towards = (slope.mT @ (each * away.flatten(1)[..., None]))[..., 0]
    pull, back = _at_rest(chain, held, noise)
    size = bones * 3
    blocks = normal[:, :size, :size].unflatten(1, (bones, 3)).unflatten(3, (bones, 3))
    blocks.diagonal(dim1=1, dim2=3).add_(pull.permute(0, 2, 3, 1))
    towards[:, :size] += back.flatten(1)
    diagonal = normal.diagonal(dim1=1, dim2=2)
    diagonal += damping[:, None] * (diagonal + _LEVER) + _LEAST
    change = torch.linalg.solve(normal, towards)
    turns = change[:, :size].view(count, bones, 3)
    length = turns.norm(dim=-1, keepdim=True)
    return turns * (_STEP / length.clamp(min=_STEP)), change[:, size : size + 3]


def _stiffness(chain: Chain, held: _Held, noise: float) -> tuple[Tensor, Tensor]:
    """Return how stiffly bones are held at rest [B,3], and within their limits [N,B,3] where they
    are beyond them, m² / rad²."""
    return (noise / chain.spread) ** 2, (held.beyond != 0) * (noise / _LIMIT) ** 2


def _at_rest(chain: Chain, held: _Held, noise: float) -> tuple[Tensor, Tensor]:
    """Return how stiffly bones are held [N,B,3,3], and how strongly they are pulled back [N,B,3].

    About each axis of a bone, by the spread of its turns, and more beyond its limits.
    """
    stiff, stop = _stiffness(chain, held, noise)
    back = -(stiff * held.about + stop * held.beyond)
    pull = chain.axes.mT @ ((stiff + stop)[..., None] * chain.axes)
    return pull, (chain.axes.mT @ back[..., None])[..., 0]


def _where(better: Tensor, one: Tensor, two: Tensor) -> Tensor:
    return torch.where(better.view(-1, *[1] * (one.ndim - 1)), one, two)


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean [N,3] of values [N,M,3]."""
    return (values * weights[..., None]).sum(1) / weights.sum(1, keepdim=True).clamp(min=1e-6)
