"""Pictures of the mannequin in poses that are known, over real backgrounds."""

from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ..body.bodies import Bodies
from ..body.choices import FOV
from ..body.ik.chain import Chain, mannequin_chain
from ..body.kinematics import pose_joints
from ..body.placing import appear
from ..body.rig import Rig, mannequin
from ..body.skinning import skin
from ..checks import check_shape
from ..errors import InputError
from ..geometry import rotations
from ..geometry.camera import Camera
from ..geometry.placement import Size
from ..render.mesh.draw import draw_meshes
from ..render.mesh.instances import Instances
from ..render.mesh.light import Light
from ..render.mesh.mesh import Mesh
from .seeded import normal, uniform

SIZE = (448, 384)  # px, height and width
# Mean and standard deviation in rad of turns from rest: about a bone's own direction, about the
# axis that it flexes around, about the third one. People who stand, walk or reach for something.
_STILL = (0.0, 0.0)
_TURNS = {
    "pelvis": (_STILL, (0.0, 0.08), (0.0, 0.08)),
    "spine": ((0.0, 0.06), (0.0, 0.08), (0.0, 0.05)),
    "neck": ((0.0, 0.15), (0.0, 0.12), (0.0, 0.1)),
    "head": ((0.0, 0.15), (0.0, 0.12), (0.0, 0.1)),
    "clavicle": (_STILL, (0.0, 0.08), (0.0, 0.08)),
    "upperarm": ((0.0, 0.3), (0.0, 0.6), (0.0, 0.6)),
    "lowerarm": ((0.0, 0.3), (0.1, 0.6), _STILL),
    "hand": ((0.0, 0.1), (0.0, 0.2), (0.0, 0.15)),
    "thigh": ((0.0, 0.15), (-0.15, 0.35), (0.0, 0.15)),
    "calf": (_STILL, (0.3, 0.4), _STILL),
    "foot": (_STILL, (0.0, 0.15), (0.0, 0.05)),
}
_CAMERA = 0.2  # rad, standard deviation of how far the camera looks up or down
_SIZES = (0.88, 1.12)  # of the mannequin
_HEIGHTS = (0.5, 0.75)  # of the picture that the mannequin's height takes
_ASIDE = 0.05  # of the picture, standard deviation of where the middle of the body is
_MARGIN = 0.1  # of the extent of the joints, by which the body reaches beyond them
_NOISE = 0.015  # standard deviation of the pixels' noise
_BONES, _PLACE, _BEHIND, _SENSOR = range(4)  # streams of random numbers

_RGB = tuple[float, float, float]
_SKIN: tuple[_RGB, ...] = ((0.86, 0.67, 0.56), (0.55, 0.38, 0.28), (0.75, 0.55, 0.43))
_SHIRT: tuple[_RGB, ...] = ((0.2, 0.3, 0.55), (0.75, 0.74, 0.7), (0.5, 0.15, 0.15))
_TROUSERS: tuple[_RGB, ...] = ((0.15, 0.16, 0.2), (0.35, 0.38, 0.48), (0.5, 0.44, 0.34))
_HAIR: _RGB = (0.14, 0.1, 0.08)
_SHOES: _RGB = (0.12, 0.12, 0.13)
_HAIRLINE = 0.095  # m above the neck, and higher the further to the front
_LIGHT = Light((0.5, 0.5, 0.52), (0.55, 0.52, 0.48), (0.5, 0.8, 0.6))


@dataclass(frozen=True)
class MadeBodies:
    """F pictures and the body in each: images [F,H,W,3] 0..1; bodies, one a frame, no tracks."""

    images: Tensor
    bodies: Bodies


def make_bodies(
    first: int, count: int, backgrounds: Tensor, *, seed: int = 0, size: Size = SIZE
) -> MadeBodies:
    """Return `count` pictures from the number `first` on; each follows from its number alone.

    backgrounds: [B,h,w,3] 0..1, parts of which lie behind
    seed:        with another one all pictures are others
    size:        height and width in px

    A body in a pose at random, in one of three outfits, stands between the camera and a background.
    It faces any direction, and the camera looks up or down at it. Raises `InputError` for a number
    out of range, and for backgrounds of another shape.
    """
    if first < 0 or count < 1:
        raise InputError(
            f"made bodies: expected a number from 0 on and at least 1 picture, found {first} and "
            f"{count}"
        )
    check_shape("backgrounds", backgrounds, ("pictures", "height", "width", 3))
    index = torch.arange(first, first + count)
    bodies = posed_bodies(index, seed, size)
    behind = _behind(index, seed, backgrounds, size)
    parts = _dressed(bodies, index)
    images, _ = draw_meshes(parts, bodies.camera, count, light=_LIGHT, footage=behind)
    noise = normal(seed, index, size[0] * size[1] * 3, _SENSOR).view_as(images)
    return MadeBodies((images + _NOISE * noise).clamp(0, 1), bodies)


def posed_bodies(index: Tensor, seed: int, size: Size) -> Bodies:
    """Return the body of each number [F] in `make_bodies`, on a canvas of `size`."""
    rig, chain = mannequin(), mannequin_chain()
    count = len(index)
    yaw, scale, height = uniform(seed, index, 3, _PLACE).unbind(1)
    tilt, *aside = normal(seed, index, 3, _PLACE + 100).unbind(1)
    scale = _SIZES[0] + (_SIZES[1] - _SIZES[0]) * scale
    height = _HEIGHTS[0] + (_HEIGHTS[1] - _HEIGHTS[0]) * height
    zero = torch.zeros_like(yaw)
    rotation = torch.eye(3).repeat(count, len(rig.joints), 1, 1)
    rotation[:, chain.joints] = _turns(chain, index, seed)
    about = torch.stack([zero, 2 * torch.pi * yaw, zero], -1)
    facing = rotations.turn_by(_CAMERA * torch.stack([tilt, zero, zero], -1))
    rotation[:, 0] = facing @ rotations.turn_by(about) @ rotation[:, 0]
    shape = torch.zeros(count, len(rig.shapes))
    shape[:, rig.shapes.index("size")] = scale - 1
    lens = Camera.of_field_of_view(size, FOV)
    focal = float(lens.fy[0])
    tall = float(rig.template[:, 1].max() - rig.template[:, 1].min())
    depth = scale * tall * focal / (height * size[0])
    joints = pose_joints(rig, rotation, torch.zeros(count, 3), shape).position
    middle = (joints.amax(1) + joints.amin(1)) / 2
    away = [_ASIDE * part * depth * side / focal for part, side in zip(aside, size, strict=True)]
    place = torch.stack([away[1], away[0], -depth], -1) - middle * middle.new_tensor([1, 1, 0])
    flat = appear(joints + place[:, None], lens.of_frames(index))
    low, high = flat.amin(1), flat.amax(1)
    room = _MARGIN * (high - low).amax(-1, keepdim=True)
    nobody = Bodies.empty(count, size, lens, rig)
    return Bodies(
        rotation=rotation[:, None],
        translation=place[:, None],
        shape=shape[:, None],
        confidence=torch.ones_like(nobody.confidence),
        boxes=torch.cat([low - room, high + room], -1)[:, None],
        scores=torch.ones_like(nobody.scores),
        track_ids=nobody.track_ids,
        count=torch.ones_like(nobody.count),
        canvas=size,
        camera=lens,
        rig=rig.name,
    )


def _turns(chain: Chain, index: Tensor, seed: int) -> Tensor:
    """Return turns of the bones [F,B,3,3] at random, within what joints allow."""
    kinds = [bone.split("_")[0] for bone in chain.bones]
    mean, spread = torch.tensor([_TURNS[kind] for kind in kinds]).unbind(-1)  # [B,3]
    drawn = normal(seed, index, mean.numel(), _BONES).unflatten(1, mean.shape)
    about = (mean + spread * drawn).clamp(chain.limits[..., 0], chain.limits[..., 1])
    return rotations.turn_by((chain.axes.mT @ about[..., None])[..., 0])


def _behind(index: Tensor, seed: int, backgrounds: Tensor, size: Size) -> Tensor:
    """Return parts of the backgrounds [F,H,W,3] of the pictures' size, some of them mirrored."""
    which, zoom, x, y, mirror = uniform(seed, index, 5, _BEHIND).unbind(1)
    chosen = backgrounds[(which * len(backgrounds)).long()].movedim(-1, 1)
    high, wide = backgrounds.shape[1:3]
    # The largest part of the pictures' proportions, or down to half of that.
    share = (1 - zoom / 2) * min(high / size[0], wide / size[1])
    scale = torch.stack([share * size[1] / wide, share * size[0] / high], -1)
    shift = (1 - scale) * (2 * torch.stack([x, y], -1) - 1)
    turn = torch.stack([torch.where(mirror < 0.5, -1.0, 1.0), torch.ones_like(mirror)], -1)
    theta = torch.cat([torch.diag_embed(scale * turn), shift[..., None]], -1)
    grid = F.affine_grid(theta, [len(index), 3, *size], align_corners=False)
    taken = F.grid_sample(chosen, grid, mode="bilinear", align_corners=False)
    return taken.movedim(1, -1).clamp(0, 1)


def _dressed(bodies: Bodies, index: Tensor) -> list[Instances]:
    """Return the surfaces of bodies [F,1], in outfits that follow from their numbers [F]."""
    rig, outfits = mannequin(), _outfits()
    at = (slice(None), 0)
    vertices = skin(rig, bodies.rotation[at], bodies.translation[at], bodies.shape[at]).vertices
    parts = []
    for number, outfit in enumerate(outfits):
        wearers = (index % len(outfits) == number).nonzero()[:, 0]
        here = vertices[wearers]
        parts.append(Instances(outfit, here, outfit.normals_of(here), wearers))
    return parts


@cache
def _outfits() -> tuple[Mesh, ...]:
    """Return the mannequin in shirt, trousers and shoes, with hair."""
    rig = mannequin()
    joint = rig.skin_index.gather(1, rig.skin_weight.argmax(1, keepdim=True))[:, 0]
    kind = [_covering(rig, number) for number in range(len(rig.joints))]
    part = torch.tensor(kind)[joint]
    head = rig.rest[rig.index("head")]
    above = rig.template - head
    crown = (joint == rig.index("head")) & (above[:, 1] - 0.6 * above[:, 2] > _HAIRLINE)
    part[crown] = 4
    meshes = []
    for skin_colour, shirt, trousers in zip(_SKIN, _SHIRT, _TROUSERS, strict=True):
        colours = torch.tensor([skin_colour, shirt, trousers, _SHOES, _HAIR])[part]
        meshes.append(Mesh(rig.template, rig.triangles, colours=colours, name=rig.name))
    return tuple(meshes)


def _covering(rig: Rig, joint: int) -> int:
    """Return what covers the surface around a joint: skin 0, shirt 1, trousers 2, shoes 3."""
    kind = rig.joints[joint].split("_")[0]
    if kind in ("pelvis", "spine", "clavicle", "upperarm"):
        return 2 if kind == "pelvis" else 1
    return {"thigh": 2, "calf": 2, "foot": 3, "ball": 3}.get(kind, 0)
