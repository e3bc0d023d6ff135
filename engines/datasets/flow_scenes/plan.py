"""What pairs are to show: layers from back to front, where they are and how they move.

Plans are tables of a few hundred numbers per pair, made on the CPU in double precision, so that
they are the same for every device, and a GPU need not be asked how many layers there are.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...geometry.placement import Size
from ..seeded import normal, uniform
from . import looks, own_motion
from .bank import WINDOW
from .camera import camera_motion
from .deformation import STEEPEST
from .magnitudes import REFERENCE
from .own_motion import OwnMotion

WAVES = 4  # of a deformation

_STREAM = 30
_STILL = 0.06  # share of pairs in which nothing moves
_RIGID = 0.25  # share in which only the camera moves
_SIDEWAYS = 0.12  # share, of all, in which it moves to the side and nothing else
_WITH_PEOPLE = 0.35  # share of pairs with people
_OF_THOSE = 0.4  # what a standard normal number exceeds of layers that are people in these: a third
_HEIGHTS = (0.25, 0.95)  # of pictures of people, halves, in shorter sides
_LEAN = 0.1  # rad
_FEW = 1.5  # power of a uniform draw: pairs with few layers are more frequent
_BEHIND = (0.1, 0.5)  # of the nearest layer's inverse depth, of the background
_SLANTED, _SLANTED_BEHIND = 0.3, 0.6  # most change of a plane's inverse depth per focal length
_RADII, _LARGE = (0.035, 0.4), (0.4, 1.3)  # of the shorter side
_LARGE_SHARE = 0.15
_ASPECT = 0.5  # spread of the logarithm of height over width
_PLACES = 1.1  # of the picture, in which the middles lie halfway through the motion
_BENT, _BENT_BEHIND = 0.5, 0.3  # shares of layers that are deformed
_BEND, _BEND_SPREAD = 2.0, 0.9  # px, median of the largest shift; spread of its logarithm
_LENGTHS, _LENGTHS_BEHIND = (0.7, 3.0), (0.25, 1.2)  # lengths in radii; in diagonals of the picture
_ASKEW = 1.0  # rad, most between a wave and what moves across its direction
_RELIEF = 0.5  # of the motion of a layer before a camera that moves sideways


@dataclass(frozen=True)
class Plan:
    """M layers of N pairs. Rows are sorted by how far in front layers are, and then as `order`.

    order:    [N] int64, the pairs with most layers first
    heights:  how many pairs, the first ones of `order`, have a layer at the back, one in front of
              it, and so on
    forward:  [M,3,3] px of the first frame, after the deformation, to px of the second one; from
              the middle of the picture, and positive in the last row for what is before the camera
    backward: [M,3,3] the reverse
    bent:     [B] int64, the rows that are deformed; waves: [B,`WAVES`,5], see `deformed`
    texture:  [M] int64; texture_map: [M,2,3] px of the first frame to -1..1
    shape:    [M] int64; shape_map: [M,2,3] px of the first frame to -1..1 of what is stored
    people:   [B] int64, the rows that are people, without another shape; person: [B] int64, which
    units:    [M,2] px of a shape's unit in the first and in the second frame; 0: a layer without
              an outline, which fills the picture
    colours:  [M,3,4], see `colouring`
    """

    order: Tensor
    heights: tuple[int, ...]
    forward: Tensor
    backward: Tensor
    bent: Tensor
    waves: Tensor
    people: Tensor
    person: Tensor
    texture: Tensor
    texture_map: Tensor
    shape: Tensor
    shape_map: Tensor
    units: Tensor
    colours: Tensor

    @classmethod
    def drawn(
        cls,
        index: Tensor,
        *,
        size: Size,
        layers: tuple[int, int],
        motion: float,
        seed: int,
        textures: int,
        shapes: int,
        side: int,
        people: int,
    ) -> "Plan":
        """Return a plan of the pairs with these numbers [N] int64.

        layers:   the fewest and the most of a pair, with the background
        motion:   factor of all motion
        textures, shapes, people: how many there are; side: px of textures
        """
        pairs, most = len(index), layers[1]
        columns = 8 + own_motion.COLUMNS + looks.COLUMNS + 3 * WAVES
        gauss = 3 + own_motion.NORMALS + looks.NORMALS + 1
        draws = uniform(seed, index, most * columns, _STREAM).double().view(pairs, most, -1)
        normals = normal(seed, index, most * gauss, _STREAM + 1).double().view(pairs, most, -1)
        whole = uniform(seed, index, 5, _STREAM + 2).double()
        place, move, look, waves = draws.split(
            [8, own_motion.COLUMNS, looks.COLUMNS, 3 * WAVES], -1
        )
        form, drift, tint, bend = normals.split([3, own_motion.NORMALS, looks.NORMALS, 1], -1)
        count = layers[0] + ((most - layers[0] + 1) * whole[:, 0] ** _FEW).long()
        relative = (size[0] * size[1] / (REFERENCE[0] * REFERENCE[1])) ** 0.5
        scale = torch.where(whole[:, 1] < _STILL, 0.0, relative * motion)[:, None].double()
        free = scale * (whole[:, 2:3] >= _RIGID)
        sideways = whole[:, 2] < _SIDEWAYS

        behind = torch.arange(most) == 0  # [L]
        person = (whole[:, 3:4] < _WITH_PEOPLE) & (form[..., 2] > _OF_THOSE) & ~behind
        person = person & (people > 0) & (scale > 0)
        radius = torch.where(
            person, _heights(place[..., 0], size), _radii(place[..., 0], place[..., 1], size)
        )
        planes = _planes(place[..., 2:5], behind)
        homography = camera_motion(index, size, planes, scale[:, 0], sideways, seed)
        own = OwnMotion.drawn(move, drift, radius, free)
        extent = torch.tensor([size[1], size[0]]).double()
        halfway = (place[..., 5:7] - 0.5) * extent * _PLACES
        way = own.shift + _applied(homography, halfway) - halfway
        middle = halfway - way / 2
        forward = torch.where(behind[:, None, None], homography, homography @ own.about(middle))
        middle = torch.where(behind[:, None], torch.zeros_like(middle), middle)
        forward = forward / _depth(forward, middle)[..., None, None]
        after = _applied(forward, middle)
        backward = torch.linalg.inv(forward)
        backward = backward / _depth(backward, after)[..., None, None]
        grown = _growth(forward, middle)
        bent = place[..., 7] < torch.where(behind, _BENT_BEHIND, _BENT)
        bent = bent & ~person & ((free > 0) | (sideways[:, None] & (scale > 0)))
        length = torch.where(behind, extent.norm(), radius)
        bends = _waves(waves, bend[..., 0], length, behind, scale, sideways, way)
        units = torch.stack([radius, radius * grown], -1) * ~behind[:, None]
        number = uniform(seed, index, 3 * most, _STREAM + 3).double().view(pairs, most, 3)
        outline = torch.where(
            person[..., None, None],
            _standing_map(radius, form, middle),
            _shape_map(radius, form, middle),
        )

        order = count.argsort(descending=True, stable=True)
        here = (torch.arange(most)[:, None] < count[order]).flatten()  # [L*N], row by row

        def rows(values: Tensor) -> Tensor:
            return values[order].transpose(0, 1).flatten(0, 1)[here]

        bent_rows, people_rows = (rows(chosen).nonzero()[:, 0] for chosen in (bent, person))
        return cls(
            order=order,
            heights=tuple((torch.arange(most)[:, None] < count).sum(1).tolist()),
            forward=rows(forward),
            backward=rows(backward),
            waves=rows(bends)[bent_rows],
            bent=bent_rows,
            people=people_rows,
            person=rows((number[..., 2] * people).long())[people_rows],
            texture=rows((number[..., 0] * textures).long()),
            texture_map=rows(looks.texture_map(look, grown, middle, side)),
            shape=rows((number[..., 1] * shapes).long()),
            shape_map=rows(outline),
            units=rows(units),
            colours=rows(looks.colouring(look, tint)),
        )


def _radii(draw: Tensor, large: Tensor, size: Size) -> Tensor:
    small, big = (low * (high / low) ** draw for low, high in (_RADII, _LARGE))
    return torch.where(large < _LARGE_SHARE, big, small) * min(size)


def _heights(draw: Tensor, size: Size) -> Tensor:
    low, high = _HEIGHTS
    return low * (high / low) ** draw * min(size)


def _planes(draws: Tensor, behind: Tensor) -> Tensor:
    """Return the normals [N,L,3] of planes, see `camera_motion`, the farthest first."""
    low, high = _BEHIND
    back = low + (high - low) * draws[:, :1, 0]
    near = back + (1 - back) * draws[..., 0]
    near = torch.where(behind, back, near).sort(1).values
    slant = (2 * draws[..., 1:] - 1) * torch.where(behind, _SLANTED_BEHIND, _SLANTED)[:, None]
    return torch.cat([slant, torch.ones_like(near)[..., None]], -1) * near[..., None]


def _waves(
    draws: Tensor,
    bend: Tensor,
    length: Tensor,
    behind: Tensor,
    scale: Tensor,
    sideways: Tensor,
    way: Tensor,
) -> Tensor:
    """Return waves [N,L,`WAVES`,5], see `deformed`.

    draws:    [N,L,3 * WAVES]; bend: [N,L] standard normal
    length:   [N,L] px that waves relate to; behind: [L] bool; scale: [N,1]
    sideways: [N] bool: cameras that show the relief of layers, which shifts as these do, by `way`
              [N,L,2] px
    """
    angle, phase, wave = draws.unflatten(-1, (WAVES, 3)).unbind(-1)
    # Directions are spread over half a turn, so that no two waves are alike.
    angle = (angle + torch.arange(WAVES)) * (torch.pi / WAVES)
    low, high = (
        torch.where(behind, there, here)[:, None]
        for here, there in zip(_LENGTHS, _LENGTHS_BEHIND, strict=True)
    )
    period = length[..., None] * low * (high / low) ** wave
    shift = _BEND * torch.exp(_BEND_SPREAD * bend) * scale
    shift = torch.where(sideways[:, None], _RELIEF / WAVES * way[..., 0].abs(), shift)
    shift = torch.minimum(shift[..., None], STEEPEST * period / (2 * torch.pi))
    cycles = 2 * torch.pi / period
    askew = angle + torch.pi / 2 + _ASKEW * torch.sin(3 * phase)
    askew = torch.where(sideways[:, None, None], 0.0, askew)
    return torch.stack(
        [
            angle.cos() * cycles,
            angle.sin() * cycles,
            phase * 2 * torch.pi,
            askew.cos() * shift,
            askew.sin() * shift,
        ],
        -1,
    )


def _shape_map(radius: Tensor, normals: Tensor, middle: Tensor) -> Tensor:
    """Return affine maps [N,L,2,3] from px to the stored part of a shape, which is turned and
    stretched."""
    aspect = torch.exp(_ASPECT * normals[..., 0].clamp(-2, 2) / 2)
    angle = normals[..., 1] * torch.pi  # more than a whole turn: as good as uniform
    cos, sin = angle.cos(), angle.sin()
    unit = 1 / (radius * WINDOW)
    linear = torch.stack(
        [
            torch.stack([cos * unit * aspect, sin * unit * aspect], -1),
            torch.stack([-sin * unit / aspect, cos * unit / aspect], -1),
        ],
        -2,
    )
    return torch.cat([linear, -linear @ middle[..., None]], -1)


def _standing_map(radius: Tensor, normals: Tensor, middle: Tensor) -> Tensor:
    """Return affine maps [N,L,2,3] from px to pictures of people, upright, mirrored or not."""
    angle = normals[..., 0] * _LEAN
    cos, sin = angle.cos() / radius, angle.sin() / radius
    side = torch.where(normals[..., 1] < 0, -1.0, 1.0)
    linear = torch.stack(
        [torch.stack([cos * side, -sin * side], -1), torch.stack([sin, cos], -1)], -2
    )
    return torch.cat([linear, -linear @ middle[..., None]], -1)


def _applied(matrix: Tensor, points: Tensor) -> Tensor:
    """Return where points [...,2] go by homographies [...,3,3]."""
    flat = (matrix[..., :2] @ points[..., None])[..., 0] + matrix[..., 2]
    return flat[..., :2] / flat[..., 2:]


def _depth(matrix: Tensor, points: Tensor) -> Tensor:
    """Return the third coordinate [...] that points [...,2] get."""
    return (matrix[..., 2, :2] * points).sum(-1) + matrix[..., 2, 2]


def _growth(matrix: Tensor, points: Tensor) -> Tensor:
    """Return by how much homographies that are 1 in depth at points [...,2] enlarge there."""
    to = _applied(matrix, points)
    slope = matrix[..., :2, :2] - to[..., None] * matrix[..., 2:, :2]
    area: Tensor = torch.linalg.det(slope).abs()
    return area.sqrt()
