"""Pictures of people whose joints and places in space are known: the embedded body, dressed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ..body.ik.chain import mannequin_chain
from ..body.rig import Rig, mannequin
from ..body.skinning import skin
from ..errors import InputError
from ..geometry.camera import Camera
from ..geometry.placement import Size
from ..render.mesh.draw import draw_meshes
from ..render.mesh.instances import Instances
from ..render.mesh.light import Light
from ..render.mesh.mesh import Mesh
from ..render.mesh.outputs import draw_controls
from .backgrounds import Backgrounds, soft_colours
from .made import MadePictures
from .object_truth import ObjectKinds, ObjectTruth
from .outfits import EYE, OUTFITS, outfits
from .person import person_kinds
from .person_poses import drawn_poses
from .seeded import normal, uniform

MOST_PEOPLE = 6

_FOCAL = 1.2  # of the longer side of the picture: a field of view of 45 degrees
_STANDING = 1.66  # m, the mannequin
_TALL = (0.3, 1.4)  # heights of people in heights of the picture, standing
_LEAST, _MOST_Z = 1.0, 40.0  # m
_PLACES = ((0.08, 0.92), (0.35, 0.7))  # of pelvises, as parts of the width and the height
_SIZES = (0.85, 1.15)
_BUILD = 0.8  # most that a shape of the body is used by
_SEEN = 0.3  # part of a surface's points that has to be seen for a person to be there at all
_EVERY = 23  # of the surface's points, which are looked up
_DEEP, _SHALLOW = 0.18, 0.05  # m, that joints and points of the head lie under the skin at most
_NOISE = 0.02  # standard deviation of the pixels' noise
_FLAT = Light(ambient=(1.0,) * 3, directional=(0.0,) * 3)
_HEAD = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
_LAST, _FIRST = 60.0, 0.1  # m, what depth is told between


def people_kinds() -> ObjectKinds:
    """Return what all pictures share: the class `person` with COCO's 17 keypoints."""
    return person_kinds().kinds()


def make_people(
    indices: Sequence[int],
    *,
    size: Size = (128, 128),
    most: int = 3,
    backgrounds: Backgrounds | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> MadePictures:
    """Make the pictures with these numbers; each is the same whatever others are made with it.

    indices:     at least one, each at least 0
    size:        height and width, px
    most:        people per picture, 1 to `MOST_PEOPLE`; there are between one and so many
    backgrounds: None: soft colours
    seed:        of everything random
    device:      where the pictures are made and stay; truths are on the CPU

    The object's pose is that of the pelvis, whose axes are x to the body's left, y up and z to its
    front. A keypoint is hidden where another person is before it, or more of the own body than
    lies over it anyway. Raises `InputError` for values out of range.
    """
    if not indices or min(indices) < 0 or not 1 <= most <= MOST_PEOPLE or min(size) < 32:
        raise InputError(
            f"people: expected pictures from 0 of at least 32x32 px with 1 to {MOST_PEOPLE} "
            f"people, found {len(indices)} pictures of {size[1]}x{size[0]} px, {most} people"
        )
    index = torch.tensor(indices, device=device)
    people = _without_hidden(_drawn(index, size, most, seed))
    behind = (
        soft_colours(index, size, seed)
        if backgrounds is None
        else backgrounds.behind(index, size, seed, stream=16)
    )
    images = behind
    if parts := people.dressed(seed, index):
        images, _ = draw_meshes(parts, people.camera, len(index), footage=behind)
    noise = normal(seed, index, images[0].numel(), stream=17).view_as(images)
    images = (images + _NOISE * noise).clamp(0, 1)
    masks, depth = people.labels(), people.depth()
    return MadePictures(images, masks, people.truths(indices, masks, depth))


@dataclass(frozen=True)
class _People:
    """People [F,P] before a camera with y down and z away from it.

    rotation:    [F,P,3,3] of the pelvis; translation: [F,P,3] m
    surface:     [F,P,V,3] m; keypoints: [F,P,17,3] m
    outfit:      [F,P] int64
    present:     [F,P] bool, which are there
    """

    rotation: Tensor
    translation: Tensor
    surface: Tensor
    keypoints: Tensor
    outfit: Tensor
    present: Tensor
    camera: Camera

    def dressed(self, seed: int, index: Tensor) -> list[Instances]:
        """Return the people in their clothes and the light of their picture."""
        draws = uniform(seed, index, 4, stream=15)
        towards = torch.stack(
            [2 * draws[:, 0] - 1, draws[:, 1] - 1, -0.4 - draws[:, 2]], 1
        )  # from above, and from the side of the camera
        shade = torch.cat(
            [0.45 + 0.3 * draws[:, 3:], 0.4 * F.normalize(towards, dim=1)], 1
        )  # [F,4]
        parts = []
        for number in self.outfit[self.present].unique().tolist():
            mesh = _outfits(seed)[number]
            part = Instances.deformed(mesh, self.surface, self.present & (self.outfit == number))
            light = shade[part.frame]
            parts.append(part.lit(torch.ones_like(light[:, :3]), light))
        return parts

    def _plain(self) -> Instances:
        return Instances.deformed(_plain(), self.surface, self.present)

    def labels(self) -> Tensor:
        """Return [F,H,W] uint8: 1 + the number of the person who is seen, or 0."""
        frames, places = self.present.shape
        number = (torch.arange(places, device=self.present.device) + 1).expand(frames, -1)
        shade = number[self.present].float()[:, None].expand(-1, 3) / 255
        parts = [self._plain().tinted(shade)]
        image, _ = draw_meshes(parts, self.camera, frames, light=_FLAT, samples=1)
        return (image[..., 0] * 255).round().byte()

    def depth(self) -> Tensor:
        """Return [F,H,W] m to the surface that is seen."""
        frames = len(self.present)
        drawn = draw_controls(
            [self._plain()],
            self.camera,
            frames,
            nearest=_FIRST,
            farthest=_LAST,
            scale="linear",
            samples=1,
        )
        return _LAST - drawn.depth[..., 0] * (_LAST - _FIRST)

    def seen_parts(self, labels: Tensor) -> Tensor:
        """Return [F,P] which part of each surface's points lies where the person is seen."""
        points = self.surface[:, :, ::_EVERY]
        inside, found = _looked_up(labels.long(), _seen_at(points, self.camera))
        own = torch.arange(1, points.shape[1] + 1, device=points.device)[:, None]
        return (inside & (found == own)).float().mean(2)

    def truths(
        self, indices: Sequence[int], masks: Tensor, depth: Tensor
    ) -> tuple[ObjectTruth, ...]:
        """Return what is known of each picture."""
        height, width = self.camera.size
        scale = self.surface.new_tensor([width, height])
        points = _seen_at(self.surface, self.camera)
        low = torch.maximum(points.amin(2), torch.zeros_like(scale))
        high = torch.minimum(points.amax(2), scale)
        boxes = torch.cat([(low + high) / 2 / scale, (high - low) / scale], -1)
        offsets = _seen_at(self.translation, self.camera) - (low + high) / 2
        joints = _seen_at(self.keypoints, self.camera)  # [F,P,17,2]
        seen = self._visibility(joints, masks, depth)
        keypoints = torch.cat([joints / scale, seen[..., None]], -1)
        keypoints = keypoints * (seen > 0)[..., None]
        intrinsics = self.camera.table(torch.float32)[:, 0].cpu()
        parts = [
            values.cpu() for values in (boxes, keypoints, self.rotation, self.translation, offsets)
        ]
        return tuple(
            ObjectTruth(
                name=f"{number:06}.png",
                size=self.camera.size,
                classes=torch.zeros(int(there.sum()), dtype=torch.int64),
                boxes=box[there],
                keypoints=keypoint[there],
                rotation=turn[there],
                translation=place[there],
                offsets=offset[there],
                intrinsics=intrinsics,
            )
            for number, there, box, keypoint, turn, place, offset in zip(
                indices, self.present.cpu(), *parts, strict=True
            )
        )

    def _visibility(self, joints: Tensor, masks: Tensor, depth: Tensor) -> Tensor:
        """Return [F,P,17]: 2 where a joint is seen, 1 where something hides it, 0 outside."""
        inside, label = _looked_up(masks.long(), joints)
        _, before = _looked_up(depth, joints)
        own = torch.arange(1, joints.shape[1] + 1, device=joints.device)[:, None]
        # Beside the outline there is nothing before a joint.
        deep = before.new_tensor([_SHALLOW] * len(_HEAD) + [_DEEP] * (17 - len(_HEAD)))
        free = (label == 0) | ((label == own) & (before > self.keypoints[..., 2] - deep))
        return torch.where(inside, torch.where(free, 2.0, 1.0), 0.0)


def _drawn(index: Tensor, size: Size, most: int, seed: int) -> _People:
    rig, (height, width), frames = mannequin().to(index.device), size, len(index)
    focal, cx, cy = (
        index.new_tensor([value], dtype=torch.float32)
        for value in (_FOCAL * max(size), width / 2, height / 2)
    )
    camera = Camera(focal, focal, cx, cy, size, axes="y_down")
    draws = uniform(seed, index, most * (5 + len(rig.shapes)) + 1, stream=12)
    wanted = (draws[:, -1:] * most).long() + 1
    each = draws[:, :-1].view(frames, most, -1)
    low, high = _TALL
    tall = low * (high / low) ** each[..., 0]  # as often twice as tall as half
    grown = _SIZES[0] + (_SIZES[1] - _SIZES[0]) * each[..., 1]
    depth = (focal * _STANDING * grown / (tall * height)).clamp(_LEAST, _MOST_Z)
    spots = torch.stack(
        [(a + (b - a) * each[..., 2 + n]) * size[1 - n] for n, (a, b) in enumerate(_PLACES)], -1
    )
    flat = (spots - torch.cat([cx, cy])) / focal * depth[..., None]
    place = torch.cat([flat, depth[..., None]], -1)  # [F,P,3], y down
    shape = each[..., 5:] * _BUILD * (each[..., 5:] > 0.5)
    shape[..., rig.shapes.index("size")] = grown - 1
    shape[..., rig.shapes.index("child")] = 0.0
    turns = drawn_poses(index, most, seed, stream=13)
    back = place.new_tensor([1.0, -1.0, -1.0])  # y up, z towards the camera
    posed = skin(rig, turns.flatten(0, 1), (place * back).flatten(0, 1), shape.flatten(0, 1))
    surface = (posed.vertices * back).unflatten(0, (frames, most))
    joints = (posed.joints * back).unflatten(0, (frames, most))
    vertices, numbers = (values.to(index.device) for values in _keypoints())
    return _People(
        rotation=back[:, None] * turns[:, :, 0],
        translation=place,
        surface=surface,
        keypoints=torch.cat([surface[:, :, vertices], joints[:, :, numbers]], 2),
        outfit=(each[..., 4] * OUTFITS).long(),
        present=torch.arange(most, device=index.device) < wanted,
        camera=camera,
    )


def _without_hidden(people: _People) -> _People:
    """Leave out people of whom too little is seen; there may be none left."""
    present = people.present & (people.seen_parts(people.labels()) >= _SEEN)
    # In front, so that numbers count without gaps.
    order = present.int().sort(dim=1, descending=True, stable=True).indices
    rows = torch.arange(len(order), device=order.device)[:, None]
    names = ("rotation", "translation", "surface", "keypoints", "outfit")
    moved = {name: getattr(people, name)[rows, order] for name in names}
    return replace(people, present=present[rows, order], **moved)


@cache
def _keypoints() -> tuple[Tensor, Tensor]:
    """Return the vertices of the five points of the head, and the joints that are the others."""
    rig, chain = mannequin(), mannequin_chain()
    eyes = {
        "left_eye": torch.tensor(EYE),
        "right_eye": torch.tensor(EYE) * torch.tensor([-1, 1, 1]),
    }
    places = [eyes.get(name) for name in _HEAD]
    found = [
        chain.rest_point(name) if at is None else at for name, at in zip(_HEAD, places, strict=True)
    ]
    apart = (rig.template[None] - torch.stack(found)[:, None]).norm(dim=-1)
    names = person_kinds().keypoints[len(_HEAD) :]
    bones = [int(chain.joints[chain.bone[chain.point(name)]]) for name in names]
    return apart.argmin(1), torch.tensor(bones)


@lru_cache(2)
def _outfits(seed: int) -> list[Mesh]:
    return outfits(mannequin(), seed)


@cache
def _plain() -> Mesh:
    rig: Rig = mannequin()
    return Mesh(rig.template, rig.triangles, name="person")


def _seen_at(points: Tensor, camera: Camera) -> Tensor:
    """Return where points [...,3] appear, [...,2] px."""
    fx, fy, cx, cy = camera.table(points.dtype)[:, 0]
    ahead = points[..., 2:].clamp(min=_FIRST)
    return points[..., :2] / ahead * torch.stack([fx, fy]) + torch.stack([cx, cy])


def _looked_up(pictures: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Return whether points [F,P,N,2] px lie inside of pictures [F,H,W], and the values there."""
    height, width = pictures.shape[1:]
    x, y = points.unbind(-1)
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    frame = torch.arange(len(pictures), device=points.device)[:, None, None]
    rows, columns = y.long().clamp(0, height - 1), x.long().clamp(0, width - 1)
    return inside, pictures[frame, rows, columns]
