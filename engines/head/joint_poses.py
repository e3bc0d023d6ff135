"""The poses of heads from the joints of people: nose, eyes and ears, where nothing else is seen."""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from ..geometry import rotations
from ..geometry.camera import Camera
from .canonical import canonical_face

LEAST = 3  # joints that have to be seen
# In the axes of the canonical face, cm; its ears lie behind the edge of the mesh. The person's left
# is at the right of the picture.
_JOINTS = {
    "nose": (0.0, -0.8, 7.5),
    "left_eye": (3.15, 2.6, 3.9),
    "right_eye": (-3.15, 2.6, 3.9),
    "left_ear": (7.7, 1.0, -3.5),
    "right_ear": (-7.7, 1.0, -3.5),
}
_NOISE = 1.0  # cm on the head, of a joint
# Standard deviations of how a head is held, as the sine of the angle by which its up leans: to a
# side of the picture, and towards the camera or away. Few joints say little of either.
_ROLL, _PITCH = 0.5, 0.3
_STARTS = 8  # directions in which a head may face at first
_STEPS = 10  # of Gauss and Newton's method, damped
_TURN = 0.5  # rad, most in a step
_DAMPING = 1e-3
_FAR = 2.5  # of the noise; joints further off count little
_MOST = 3.0  # of the noise, root mean square: what is further off is no head


@dataclass(frozen=True)
class JointHeads:
    """The poses of N heads: rotation [N,3,3], translation [N,3] cm, see `Heads`; right [N] bool,
    whether at least three joints are seen and a head can have them there; score [N] 0..1."""

    rotation: Tensor
    translation: Tensor
    right: Tensor
    score: Tensor


def heads_of_joints(
    joints: Tensor, confidence: Tensor, camera: Camera, frame: Tensor
) -> JointHeads:
    """Return the poses of the heads whose nose, eyes and ears (left, right) are at [N,5,2] px.

    confidence: [N,5] 0..1; 0 = not seen
    frame:      [N] int64, the camera's frame that each lies on

    The canonical face's joints, seen through the camera, are brought onto them by damped least
    squares from eight directions, of which the best one counts, with heads held more or less
    upright. The score is the mean confidence of the joints that are seen.
    """
    count = len(joints)
    if not count:
        return JointHeads(
            joints.new_zeros(0, 3, 3), joints.new_zeros(0, 3), frame > 0, joints.new_zeros(0)
        )
    fx, fy, cx, cy = camera.of_frames(frame, torch.float64)[..., None]  # [N,1]
    points = joints.double()
    seen = torch.stack(
        [
            (points[..., 0] - cx) / fx,
            (cy - points[..., 1]) / fy,
        ],
        -1,
    )
    weights = confidence.double()
    number = (weights > 0).sum(1)
    enough = number >= LEAST
    some = enough[:, None].expand_as(weights)
    # Heads without enough joints take part with all of theirs, and count for nothing.
    weights = torch.where(some, weights, 1.0)
    model = torch.tensor(list(_JOINTS.values()), dtype=torch.float64, device=joints.device)
    model = model.expand(count * _STARTS, -1, -1)
    seen, weights = (values.repeat_interleave(_STARTS, 0) for values in (seen, weights))
    turn, place = _first(model, seen, weights)
    turn, place = _fitted(model, seen, weights, turn, place)
    cost = _cost(model, seen, weights, turn, place)
    best = cost.view(count, _STARTS).argmin(1) + torch.arange(count, device=cost.device) * _STARTS
    away = _residual(model, seen, turn, place)[best].square().sum(-1)
    off = ((away * weights[best]).sum(1) / weights[best].sum(1)).sqrt()
    right = enough & (place[best, 2] < -1) & (off < _MOST)
    score = confidence.sum(1) / number.clamp(min=1)
    dtype = joints.dtype
    return JointHeads(turn[best].to(dtype), place[best].to(dtype), right, score)


def landmarks_of(rotation: Tensor, translation: Tensor, camera: Camera, frame: Tensor) -> Tensor:
    """Return where the points of the canonical face in poses [N,3,3] and [N,3] cm appear, with
    their depth [N,468,3] px, see `Heads`."""
    face = canonical_face().vertices.to(rotation)
    there = face @ rotation.mT + translation[:, None]
    fx, fy, cx, cy = camera.of_frames(frame, rotation.dtype)[..., None]  # [N,1]
    depth = (-there[..., 2]).clamp(min=1e-3)
    across, up = fx / depth, fy / depth
    middle = (-translation[:, None, 2]).clamp(min=1e-3)
    away = (depth - middle) * fx / middle
    return torch.stack([cx + there[..., 0] * across, cy - there[..., 1] * up, away], -1)


@cache
def _yaws(device: torch.device) -> Tensor:
    """Return rotations [S,3,3] that face the camera, sideways and away."""
    angle = torch.arange(_STARTS, dtype=torch.float64, device=device) * 2 * torch.pi / _STARTS
    return rotations.turn_by(torch.stack([angle * 0, angle, angle * 0], -1))


def _first(model: Tensor, seen: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return where heads begin: every start of every head, as large as it appears."""
    turn = _yaws(seen.device).repeat(len(seen) // _STARTS, 1, 1)
    flat = model @ turn.mT
    share = (weights / weights.sum(1, keepdim=True))[..., None]
    middle, aim = (share * flat).sum(1), (share * seen).sum(1)
    wide = (share * (flat - middle[:, None])[..., :2] ** 2).sum((1, 2)).sqrt()
    appears = (share * (seen - aim[:, None]) ** 2).sum((1, 2)).sqrt()
    depth = wide.clamp(min=1.0) / appears.clamp(min=1e-6)
    place = torch.cat([aim * depth[:, None], -depth[:, None]], 1) - middle
    return turn, place


def _there(model: Tensor, turn: Tensor, place: Tensor) -> Tensor:
    """Return where the joints are [M,5,3] cm, in front of the camera."""
    at = model @ turn.mT + place[:, None]
    return torch.cat([at[..., :2], at[..., 2:].clamp(max=-1.0)], -1)


def _residual(model: Tensor, seen: Tensor, turn: Tensor, place: Tensor) -> Tensor:
    """Return how far joints appear from where they were seen [M,5,2], in the noise."""
    at = _there(model, turn, place)
    depth = (-place[:, None, 2:]).clamp(min=1.0)
    return (at[..., :2] / -at[..., 2:] - seen) * depth / _NOISE


def _held(turn: Tensor) -> tuple[Tensor, Tensor]:
    """Return the up of heads [M,3] in the camera's axes, and how it leans [M,2]: to a side and
    towards the camera, in standard deviations."""
    up = turn[:, :, 1]
    return up, up[:, [0, 2]] / up.new_tensor([_ROLL, _PITCH])


def _cost(model: Tensor, seen: Tensor, weights: Tensor, turn: Tensor, place: Tensor) -> Tensor:
    square = _residual(model, seen, turn, place).square().sum(-1)
    away = (weights * square / (1 + square / _FAR**2)).sum(1)
    up, lean = _held(turn)
    return away + lean.square().sum(1) + (up[:, 1] < 0) * 100.0


def _fitted(
    model: Tensor, seen: Tensor, weights: Tensor, turn: Tensor, place: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the poses after steps of damped least squares, each of which is taken if it helps."""
    cost = _cost(model, seen, weights, turn, place)
    damping = torch.full_like(cost, _DAMPING)
    for _ in range(_STEPS):
        change = _step(model, seen, weights, turn, place, damping)
        length = change[:, :3].norm(dim=1, keepdim=True)
        about = change[:, :3] * (_TURN / length.clamp(min=_TURN))
        tried = rotations.turn_by(about) @ turn, place + change[:, 3:]
        new = _cost(model, seen, weights, *tried)
        better = new < cost
        turn = torch.where(better[:, None, None], tried[0], turn)
        place = torch.where(better[:, None], tried[1], place)
        cost = torch.where(better, new, cost)
        damping = torch.where(better, damping / 4, damping * 16).clamp(1e-9, 1e9)
    return turn, place


def _step(
    model: Tensor, seen: Tensor, weights: Tensor, turn: Tensor, place: Tensor, damping: Tensor
) -> Tensor:
    """Return by how much to turn, rad, and to move, cm: [M,6]."""
    at, arm = _there(model, turn, place), model @ turn.mT
    away = _residual(model, seen, turn, place)
    inverse = 1 / -at[..., 2]  # [M,5]
    scale = (-place[:, 2:]).clamp(min=1.0) / _NOISE
    zero = torch.zeros_like(inverse)
    # How x / -z and y / -z change with the place of the joint: [M,5,2,3].
    by_place = torch.stack(
        [
            torch.stack([inverse, zero, at[..., 0] * inverse**2], -1),
            torch.stack([zero, inverse, at[..., 1] * inverse**2], -1),
        ],
        -2,
    )
    jacobian = torch.cat([by_place @ -_cross(arm), by_place], -1) * scale[..., None, None]
    square = away.square().sum(-1)
    counted = weights / (1 + square / _FAR**2) ** 2
    rows, right = jacobian.flatten(1, 2), away.flatten(1)
    both = counted.repeat_interleave(2, 1)[..., None]
    up, lean = _held(turn)
    spread = lean.new_tensor([_ROLL, _PITCH])[:, None]
    held = -_cross(up)[:, [0, 2]] / spread  # [M,2,3]
    normal = rows.mT @ (both * rows)
    towards = -(rows.mT @ (both * right[..., None]))[..., 0]
    normal[:, :3, :3] += held.mT @ held
    towards[:, :3] -= (held.mT @ lean[..., None])[..., 0]
    diagonal = normal.diagonal(dim1=1, dim2=2)
    diagonal += damping[:, None] * diagonal + 1e-9
    solved: Tensor = torch.linalg.solve(normal, towards)
    return solved


def _cross(vectors: Tensor) -> Tensor:
    """Return the matrices [...,3,3] that multiply by vectors [...,3] from the left: v x w."""
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    rows = ([zero, -z, y], [z, zero, -x], [-y, x, zero])
    return torch.stack([torch.stack(row, -1) for row in rows], -2)
