"""How a camera turns and zooms: rotations and focal lengths that explain most of a clip's flow.

The scale of a camera's translation cannot be seen in flow, and flow alone does not tell a small
rotation from a small shift: all motion that the picture shares is taken for rotation and zoom.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from ..geometry.rotations import turn_by
from ..sequence import state_type
from .camera import samples, weights
from .flow import Flow
from .speeds import fastest

_POINTS = 1024  # of each picture
_ROUNDS = 15
_RIDGE = 1e-9


@state_type("MotionSamples")
@dataclass(frozen=True)
class Samples:
    """The motion of a clip at a few places.

    places: [2,S] x, y px from the picture's centre
    motion: [N,2,S] px
    size:   height and width of the pictures in px
    """

    places: Tensor
    motion: Tensor
    size: tuple[int, int]

    @classmethod
    def of(cls, flow: Flow) -> "Samples":
        """Return those of the forward flow. Raises `InputError` for flow without it, and for flow
        that is not finite."""
        there = flow.one("forward")
        fastest(there)
        places, motion = samples(there, _POINTS)
        return cls(places.float().cpu(), motion.float().cpu(), flow.size)

    @classmethod
    def cat(cls, chunks: "Sequence[Samples]") -> "Samples":
        """Return successive chunks as one."""
        first = chunks[0]
        return cls(first.places, torch.cat([chunk.motion for chunk in chunks]), first.size)


@dataclass(frozen=True)
class Turning:
    """A camera in each of F frames.

    to_world: [F,3,3] float64: from the camera's axes (x right, y down, z forward) to those of the
              first frame
    zoom:     [F] float64: focal length, as a multiple of that of the first frame
    focal:    px of the first frame's focal length
    size:     height and width of the pictures in px
    """

    to_world: Tensor
    zoom: Tensor
    focal: float
    size: tuple[int, int]


def turning(found: Samples, field_of_view: float = 55.0) -> Turning:
    """Fit rotation and zoom to the motion of a clip.

    field_of_view: horizontal, degrees, of the first frame; it cannot be seen in flow

    The fit is by iteratively reweighted least squares on the exact projection, all pairs at once,
    so that moving objects which fill less than about half of the picture hardly count. Raises
    `InputError` for an angle beyond 1..170 degrees and for a clip of one frame.
    """
    if not 1 <= field_of_view <= 170:
        raise InputError(f"field of view: expected 1 to 170 degrees, found {field_of_view:g}")
    count = len(found.motion)
    if not count:
        raise InputError("flow: expected a clip of at least 2 frames, found 1")
    focal = found.size[1] / 2 / math.tan(math.radians(field_of_view) / 2)
    start = found.places.double()  # [2,S]
    ends = start + found.motion.double()  # [N,2,S]
    middle = (ends - start).median(2).values / focal
    turn = turn_by(torch.stack([-middle[:, 1], middle[:, 0], torch.zeros(count)], 1).double())
    zoom = torch.zeros(count, dtype=torch.float64)  # logarithms
    for _ in range(_ROUNDS):
        before = (zoom.cumsum(0) - zoom).exp() * focal  # [N] px, of the first frame of each pair
        rays = torch.cat(
            [start / before[:, None, None], torch.ones_like(ends[:, :1])], 1
        )  # [N,3,S]
        x, y, z = (turn @ rays).unbind(1)
        x, y = x / z, y / z
        after = (before * zoom.exp())[:, None]
        at = torch.stack([x, y], 1) * after[..., None]  # px
        rest = ends - at
        weight = weights(torch.hypot(rest[:, 0], rest[:, 1]))
        weight = weight * (z > 0)
        none = torch.zeros_like(x)
        right = torch.stack([-x * y, 1 + x * x, -y, none], -1) * after[..., None]
        down = torch.stack([-1 - y * y, x * y, x, none], -1) * after[..., None]
        right[..., 3], down[..., 3] = at[:, 0], at[:, 1]
        basis = torch.cat([right, down], 1)  # [N,2S,4]
        weighed = basis * torch.cat([weight, weight], 1)[..., None]
        squares = basis.transpose(1, 2) @ weighed
        ridge = squares.diagonal(dim1=1, dim2=2).amax(1) * _RIDGE + _RIDGE
        squares = squares + ridge[:, None, None] * torch.eye(4, dtype=torch.float64)
        sums = (weighed * rest.flatten(1)[..., None]).sum(1)
        change = torch.linalg.solve(squares, sums)
        turn = turn_by(change[:, :3]) @ turn
        zoom = zoom + change[:, 3].clamp(-0.5, 0.5)
    return Turning(_path(turn), _path_of_zoom(zoom), focal, found.size)


def _path(turn: Tensor) -> Tensor:
    """Return the cameras [N+1,3,3] of rotations [N,3,3] from each to the next."""
    places = [torch.eye(3, dtype=torch.float64)]
    for one in turn:
        places.append(places[-1] @ one.T)
    return torch.stack(places)


def _path_of_zoom(zoom: Tensor) -> Tensor:
    return torch.cat([zoom.new_zeros(1), zoom.cumsum(0)]).exp()
