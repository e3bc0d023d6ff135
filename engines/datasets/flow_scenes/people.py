"""People who move: the embedded body in two poses, drawn once, with the motion of its surface."""

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ...body.rig import mannequin
from ...body.skinning import skin
from ...geometry.camera import Camera
from ...geometry.rotations import turn_by, turn_of
from ...render.mesh.instances import Instances
from ...render.mesh.mesh import Mesh
from ...render.mesh.pixels import Pixels
from ...render.mesh.raster import Hits, Raster
from ...render.mesh.soup import Soup, project
from ..outfits import OUTFITS, outfits
from ..person_poses import drawn_poses
from ..seeded import normal, uniform

_STREAM = 40
_AT_ONCE = 16  # people
_SAMPLES = 4  # per pixel
_STANDING = 1.66  # m, the mannequin
_TALL = 0.74  # of the picture, standing; arms may reach higher
_LOW = 0.08  # m, that the middle of a body lies below its pelvis
_DISTANCES = (1.6, 7.0)  # m, from the camera
_STEP, _STEP_SPREAD, _MOST_STEP = 0.06, 1.0, 0.3  # of the way to another pose, median
_TURN = 0.4  # of that, for the whole body
_SIZES, _BUILD = (0.85, 1.15), 0.8  # see `make_people`
_CALM = 0.1  # share of people who do not change their pose
_CLOTH, _SKIN = 0.9, 0.25  # strength of the textures
_PER_METRE = (60.0, 160.0)  # texels
_BARE = ("head", "hand", "neck")
_DEEP = 0.04  # m, that a point lies behind what is seen, if it is hidden
_SPREAD = 4  # px, that what is known is continued beyond the outline


@dataclass(frozen=True)
class People:
    """K people, in pictures of S px.

    looks:  [K,2,4,S,S] red, green, blue (continued beyond the outline) and the part of each px that
            is covered, in the first and in the second frame
    shift:  [K,2,2,S,S], from px of each frame to the other one, as parts of half a picture
    hidden: [K,1,S,S] 1 where the second frame does not show what the first one does
    """

    looks: Tensor
    shift: Tensor
    hidden: Tensor

    @classmethod
    def made(cls, count: int, textures: Tensor, seed: int, motion: float = 1.0) -> "People":
        """Draw people with textures [T,3,S,S] on their clothes, in pictures of half that size.

        motion: factor of how much their poses change
        """
        side = textures.shape[-1] // 2
        empty = textures.new_zeros(0, 2, 4, side, side)
        drawn = [(empty, empty[:, :, :2].float(), empty[:, 0, :1])]
        for start in range(0, count, _AT_ONCE):
            numbers = torch.arange(start, min(start + _AT_ONCE, count), device=textures.device)
            drawn.append(_drawn(numbers, textures, seed, motion))
        return cls(*map(torch.cat, zip(*drawn, strict=True)))


def _drawn(
    numbers: Tensor, textures: Tensor, seed: int, motion: float
) -> tuple[Tensor, Tensor, Tensor]:
    side = textures.shape[-1] // 2
    rig = mannequin().to(numbers.device)
    draws = uniform(seed, numbers, 8 + len(rig.shapes), _STREAM)
    one, other = _poses(numbers, seed, motion)
    low, high = _DISTANCES
    away = low * (high / low) ** draws[:, 0]
    place = torch.stack([torch.zeros_like(away), torch.full_like(away, _LOW), -away], 1)
    shape = draws[:, 8:] * (draws[:, 8:] > 0.5) * _BUILD
    least, most = _SIZES
    shape[:, rig.shapes.index("size")] = least + (most - least) * draws[:, 0] - 1
    shape[:, rig.shapes.index("child")] = 0.0
    surfaces = [skin(rig, turns, place, shape).vertices for turns in (one, other)]
    focal = _TALL * side * away / _STANDING
    middle = focal.new_full((1,), side / 2)
    camera = Camera(focal, focal, middle, middle, (side, side))
    looks = _Looks.of(numbers, draws, textures, seed)
    frames = [_frame(at, to, camera, looks) for at, to in (surfaces, reversed(surfaces))]
    hidden = _hidden(frames[0], frames[1].depth)
    return (
        torch.stack([frame.look for frame in frames], 1).half(),
        torch.stack([frame.shift for frame in frames], 1) * (2 / side),
        hidden[:, None].half(),
    )


def _poses(numbers: Tensor, seed: int, motion: float) -> tuple[Tensor, Tensor]:
    """Return turns of the joints [K,J,3,3] in both frames."""
    one, end = (drawn_poses(numbers, 1, seed, _STREAM + n)[:, 0] for n in (1, 2))
    joints = one.shape[1]
    draws = uniform(seed, numbers, joints + 1, _STREAM + 3)
    step = _STEP * torch.exp(_STEP_SPREAD * normal(seed, numbers, 1, _STREAM + 4))
    step = motion * step.clamp(max=_MOST_STEP) * (draws[:, :1] >= _CALM)
    part = 2 * step * draws[:, 1:]
    part[:, 0] *= _TURN
    way = turn_of(one.mT @ end) * part[..., None]
    return one, one @ turn_by(way)


@dataclass(frozen=True)
class _Looks:
    """What K people look like.

    colours: [K,V,3] of their surface; cloth: [V] strength of textures there
    texture: [K] int64; density: [K] texels per m; light: [K,4], see `Instances`
    """

    colours: Tensor
    cloth: Tensor
    textures: Tensor
    texture: Tensor
    density: Tensor
    light: Tensor

    @classmethod
    def of(cls, numbers: Tensor, draws: Tensor, textures: Tensor, seed: int) -> "_Looks":
        rig, device = mannequin(), numbers.device
        worn = _worn(seed).to(device)[(draws[:, 1] * OUTFITS).long()]
        kinds = [joint.partition("_")[0] for joint in rig.joints]
        bare = torch.tensor([kind in _BARE for kind in kinds])[rig.weights.argmax(1)]
        low, high = _PER_METRE
        towards = torch.stack([2 * draws[:, 2] - 1, draws[:, 3], 0.4 + draws[:, 4]], 1)
        # The picture's y points down, its z away.
        towards = F.normalize(towards, dim=1) * towards.new_tensor([1.0, -1.0, -1.0])
        return cls(
            colours=worn,
            cloth=torch.where(bare, _SKIN, _CLOTH).to(device),
            textures=textures,
            texture=(draws[:, 5] * len(textures)).long(),
            density=low * (high / low) ** draws[:, 6],
            light=torch.cat([0.4 + 0.3 * draws[:, 7:8], 0.45 * towards], 1),
        )

    def seen(
        self, person: Tensor, own: Tensor, rest: Tensor, cloth: Tensor, normals: Tensor
    ) -> Tensor:
        """Return the colours [3,H] at points of people [H] with their colours, places at rest and
        normals [3,H], and the strength of textures there [H]."""
        side = self.textures.shape[-1]
        x, y = rest[0] + 0.4 * rest[2], rest[1]
        column, row = (((value + 2) * self.density[person]).long() % (2 * side) for value in (x, y))
        column, row = (torch.minimum(at, 2 * side - 1 - at) for at in (column, row))  # mirrored
        grain = self.textures[self.texture[person], :, row, column].T.float()
        ambient, *slopes = self.light[person].T
        shade = ambient + sum(s * n for s, n in zip(slopes, normals, strict=True))
        colours: Tensor = own * (1 + cloth * (2 * grain - 1)) * shade.clamp(min=0)
        return colours.clamp(0, 1)


@dataclass(frozen=True)
class _Frame:
    """look: [K,4,S,S]; shift: [K,2,S,S] px; depth: [K,S,S] m, infinite where nobody is
    reached: [K,S,S] m, how far away what is seen here is in the other frame
    averted: [K,S,S] what part of it faces away there
    """

    look: Tensor
    shift: Tensor
    depth: Tensor
    reached: Tensor
    averted: Tensor


def _frame(at: Tensor, to: Tensor, camera: Camera, looks: _Looks) -> _Frame:
    """Draw people with surfaces [K,V,3], which are at `to` in the other frame."""
    count, (height, width) = len(at), camera.size
    part = Instances.deformed(_plain(), at[:, None])
    soup = Soup.of([part], camera)
    raster = Raster(soup, count, camera.size, _SAMPLES)
    hits = raster.nearest()
    person = soup.frame.index_select(0, hits.source)
    assert part.normals is not None
    rest = mannequin().template.to(at.device)
    tables = [
        soup.view,
        camera.view(to.flatten(0, 1)),
        camera.view(part.normals.flatten(0, 1)),
        camera.view(part.mesh.normals_of(to).flatten(0, 1)),
        looks.colours.flatten(0, 1),
        rest.repeat(count, 1),
        looks.cloth.repeat(count)[:, None],
    ]
    here, there, normals, turned, own, resting, cloth = _interpolated(
        soup, hits, torch.cat([table.float() for table in tables], 1).T.contiguous()
    ).split([3, 3, 3, 3, 3, 3, 1])
    normals = F.normalize(normals, dim=0)
    colour = looks.seen(person, own, resting, cloth[0], normals)
    lens = camera.table(torch.float32).T.to(at.device)[person]
    way = (project(there.T, lens) - project(here.T, lens)).T
    averted = ((turned * there).sum(0, keepdim=True) > 0).float()
    pixels = Pixels.of(raster, hits.slot)
    known = torch.cat([colour, way, here[2:], there[2:], averted, torch.ones_like(cloth)])
    planes = torch.zeros(len(known), count * height * width, device=at.device)
    planes[:, pixels.place] = pixels.mean(known)
    values, covered = planes.view(-1, count, height, width).split([len(known) - 1, 1])
    values = _continued(values, covered).movedim(0, 1)
    depth = torch.where(covered[0] > 0, values[:, 5], torch.inf)
    look = torch.cat([values[:, :3], covered.movedim(0, 1)], 1)
    return _Frame(look, values[:, 3:5], depth, *values[:, 6:8].unbind(1))


def _interpolated(soup: Soup, hits: Hits, table: Tensor) -> Tensor:
    """Return values [C,H] of vertices [C,V] at hits."""
    corners = soup.triangles.index_select(0, hits.source).T
    parts = [
        table.index_select(1, corner) * weight
        for corner, weight in zip(corners, hits.weights, strict=True)
    ]
    values: Tensor = parts[0] + parts[1] + parts[2]
    return values


def _continued(planes: Tensor, covered: Tensor) -> Tensor:
    """Return planes [C,K,S,S], which are multiplied by the part of each px that is covered
    [1,K,S,S], divided by it and continued beyond the outline."""
    known = (covered > 0).float()
    values = planes / covered.clamp(min=1e-6) * known
    for _ in range(_SPREAD):
        total, count = (F.avg_pool2d(x, 3, 1, 1) for x in (values * known, known))
        new = (known == 0) & (count > 0)
        values = torch.where(new, total / count.clamp(min=1e-6), values)
        known = torch.maximum(known, new.float())
    return values


def _hidden(frame: _Frame, depth: Tensor) -> Tensor:
    """Return [K,S,S] 1 where what `frame` shows faces away in the other one, whose depth is
    [K,S,S], or lies behind something or beyond the outline there."""
    side = depth.shape[-1]
    axis = torch.arange(side, device=depth.device)
    column, row = (
        (start + shift).round().long().clamp(0, side - 1)
        for start, shift in zip((axis, axis[:, None]), frame.shift.unbind(1), strict=True)
    )
    person = torch.arange(len(depth), device=depth.device)[:, None, None]
    there = depth[person, row, column]
    behind = (frame.reached > there + _DEEP) | there.isinf()
    return (behind | (frame.averted > 0.5)).float()


@lru_cache(2)
def _worn(seed: int) -> Tensor:
    """Return the colours [outfits,V,3] of all outfits."""
    colours = [mesh.colours for mesh in outfits(mannequin(), seed)]
    return torch.stack([each for each in colours if each is not None])


@lru_cache(1)
def _plain() -> Mesh:
    rig = mannequin()
    return Mesh(rig.template, rig.triangles, name="person")
