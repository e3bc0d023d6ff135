"""Pictures of cuboids with six coloured faces whose places in space are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError
from ..geometry.camera import Camera
from ..geometry.placement import Size
from ..geometry.rotations import to_matrices
from ..render.mesh.draw import draw_meshes
from ..render.mesh.instances import Instances
from ..render.mesh.light import Light
from ..render.mesh.mesh import Mesh
from .backgrounds import soft_colours
from .made import MadePictures
from .object_truth import ObjectKinds, ObjectTruth
from .seeded import normal, uniform

CLASSES = ("cuboid", "symmetric cuboid")
MOST_OBJECTS = 4

_HALF = (0.05, 0.07, 0.1)  # m, half the sides of every cuboid
# In the order -x, +x, -y, +y, -z, +z. Opposite faces of a symmetric cuboid are alike.
_RED, _GREEN, _BLUE = (0.9, 0.1, 0.1), (0.1, 0.8, 0.1), (0.1, 0.2, 0.9)
_CYAN, _PINK, _YELLOW = (0.1, 0.9, 0.9), (0.9, 0.1, 0.9), (0.95, 0.9, 0.1)
_ORANGE, _WHITE, _VIOLET = (0.9, 0.5, 0.1), (0.95, 0.95, 0.95), (0.3, 0.1, 0.6)
_COLOURS = (
    (_RED, _CYAN, _GREEN, _PINK, _BLUE, _YELLOW),
    (_ORANGE, _ORANGE, _WHITE, _WHITE, _VIOLET, _VIOLET),
)
_FOCAL = 1.2  # of the longer side of the picture: a field of view of 45 degrees
_NEAREST, _FARTHEST = 0.45, 0.9  # m
_INSIDE = 0.22  # part of the picture's sides that centres keep from the edges
_TRIES = 8  # places, of which the one farthest from other objects is taken
_SEEN = 0.3  # part of an object that has to be seen for it to be there at all
_LOOKED = 0.08  # part of the way to the middle, where a corner's visibility is looked up
_NOISE = 0.02  # standard deviation of the pixels' noise
_SIGMA = 0.07  # of every corner in OKS, between those of COCO's wrists and elbows
_LIGHT = Light(ambient=(0.7,) * 3, directional=(0.35,) * 3, towards=(0.3, -0.5, -1.0))
_FLAT = Light(ambient=(1.0,) * 3, directional=(0.0,) * 3)


def kinds(classes: int = 1) -> ObjectKinds:
    """Return what all pictures with the first so many of `CLASSES` share."""
    _check_classes(classes)
    half_turns = torch.diag_embed(
        torch.tensor([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    )
    names = tuple(f"corner {n:03b}" for n in range(8))
    edges = tuple((a, a | bit) for a in range(8) for bit in (1, 2, 4) if not a & bit)
    return ObjectKinds(
        classes=CLASSES[:classes],
        keypoints=names,
        skeleton=edges,
        sigmas=torch.full((8,), _SIGMA),
        rotations=(torch.eye(3)[None], half_turns)[:classes],
    )


def make_cuboids(
    indices: Sequence[int],
    *,
    size: Size = (64, 64),
    most: int = 2,
    classes: int = 1,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> MadePictures:
    """Make the pictures with these numbers; each is the same whatever others are made with it.

    indices: at least one, each at least 0
    size:    height and width, px
    most:    cuboids per picture, 1 to `MOST_OBJECTS`; there are between one and so many
    classes: how many of `CLASSES` there are
    seed:    of everything random
    device:  where the pictures are made and stay; truths are on the CPU

    Rotations are uniform over all of SO(3). Raises `InputError` for values out of range.
    """
    _check_classes(classes)
    if not indices or min(indices) < 0 or not 1 <= most <= MOST_OBJECTS or min(size) < 32:
        raise InputError(
            f"cuboids: expected pictures from 0 of at least 32x32 px with 1 to {MOST_OBJECTS} "
            f"objects, found {len(indices)} pictures of {size[1]}x{size[0]} px, {most} objects"
        )
    index = torch.tensor(indices, device=device)
    scene = _scene(index, size, most, classes, seed)
    background = soft_colours(index, size, seed)
    images, _ = draw_meshes(
        scene.instances(), scene.camera, len(index), light=_LIGHT, footage=background
    )
    noise = normal(seed, index, images[0].numel(), stream=5).view_as(images)
    images = (images + _NOISE * noise).clamp(0, 1)
    masks = scene.labels()
    return MadePictures(images, masks, scene.truths(indices, masks))


def _check_classes(classes: int) -> None:
    if not 1 <= classes <= len(CLASSES):
        raise InputError(f"classes: expected 1 to {len(CLASSES)}, found {classes}")


@dataclass(frozen=True)
class _Scene:
    """Cuboids [F,P] before a camera.

    rotation [F,P,3,3], translation [F,P,3] m, kind [F,P] int64; present [F,P]: which are there
    """

    rotation: Tensor
    translation: Tensor
    kind: Tensor
    present: Tensor
    camera: Camera

    def instances(self, present: Tensor | None = None) -> list[Instances]:
        """Return the cuboids with their colours, class by class."""
        here = self.present if present is None else present
        of_kind = [here & (self.kind == number) for number in range(len(_COLOURS))]
        return [
            Instances.rigid(_cuboid(number), self.rotation, self.translation, chosen)
            for number, chosen in enumerate(of_kind)
            if bool(chosen.any())
        ]

    def labels(self) -> Tensor:
        """Return [F,H,W] uint8: 1 + the number of the object that is seen, or 0."""
        frames, places = self.present.shape
        number = (torch.arange(places, device=self.present.device) + 1).expand(frames, -1)
        flat = Instances.rigid(_white(), self.rotation, self.translation, self.present)
        shade = number[self.present].float()[:, None].expand(-1, 3) / 255
        image, _ = draw_meshes([flat.tinted(shade)], self.camera, frames, light=_FLAT, samples=1)
        return (image[..., 0] * 255).round().byte()

    def areas(self) -> Tensor:
        """Return [F,P] px that each would cover if it were alone."""
        frames, places = self.present.shape
        alone = Instances.rigid(
            _white(),
            self.rotation.flatten(0, 1)[:, None],
            self.translation.flatten(0, 1)[:, None],
            self.present.flatten()[:, None],
        )
        _, covered = draw_meshes([alone], self.camera, frames * places, light=_FLAT, samples=1)
        return covered.sum((1, 2)).view(frames, places)

    def corners(self) -> Tensor:
        """Return [F,P,8,3] m in the axes of the camera."""
        turned = torch.einsum("fpij,nj->fpni", self.rotation, _corners(self.rotation.device))
        return turned + self.translation[:, :, None]

    def truths(self, indices: Sequence[int], masks: Tensor) -> tuple[ObjectTruth, ...]:
        """Return what is known of each picture."""
        height, width = self.camera.size
        points = _seen_at(self.corners(), self.camera)  # [F,P,8,2] px
        scale = points.new_tensor([width, height])
        low = torch.maximum(points.amin(2), torch.zeros_like(scale))
        high = torch.minimum(points.amax(2), scale)
        boxes = torch.cat([(low + high) / 2 / scale, (high - low) / scale], -1)
        origin = _seen_at(self.translation, self.camera)
        offsets = origin - (low + high) / 2
        visible = self._visibility(points, origin, masks)
        keypoints = torch.cat([points / scale, visible[..., None]], -1)
        intrinsics = self.camera.table(torch.float32)[:, 0].cpu()
        parts = [
            values.cpu()
            for values in (self.kind, boxes, keypoints, self.rotation, self.translation, offsets)
        ]
        present, cad = self.present.cpu(), _corners("cpu")
        return tuple(
            ObjectTruth(
                name=f"{number:06}.png",
                size=self.camera.size,
                classes=kind[there],
                boxes=box[there],
                keypoints=keypoint[there],
                rotation=turn[there],
                translation=place[there],
                offsets=offset[there],
                intrinsics=intrinsics,
                cad_points=(cad,) * int(there.sum()),
            )
            for number, there, kind, box, keypoint, turn, place, offset in zip(
                indices, present, *parts, strict=True
            )
        )

    def _visibility(self, points: Tensor, origin: Tensor, masks: Tensor) -> Tensor:
        """Return [F,P,8]: 2 where a corner is seen, 1 where a cuboid hides it, 0 outside."""
        frames, places = self.present.shape
        height, width = self.camera.size
        x, y = points.unbind(-1)
        outside = (x < 0) | (y < 0) | (x >= width) | (y >= height)
        toward = points + (origin[:, :, None] - points) * _LOOKED
        columns, rows = toward.long().unbind(-1)
        frame = torch.arange(frames, device=points.device)[:, None, None]
        label = masks[frame, rows.clamp(0, height - 1), columns.clamp(0, width - 1)]
        own = label == torch.arange(1, places + 1, device=points.device)[:, None]
        # A face is seen if the camera is on its outer side; a corner, if one of its faces is.
        to_camera = torch.einsum("fpij,fpi->fpj", self.rotation, -self.translation)
        signs = _corners(points.device).sign()
        beyond = signs * to_camera[:, :, None] > _corners(points.device).abs()
        return torch.where(outside, 0.0, torch.where(beyond.any(-1) & own, 2.0, 1.0))


def _scene(index: Tensor, size: Size, most: int, classes: int, seed: int) -> _Scene:
    frames, (height, width) = len(index), size
    longest = float(max(size))
    focal, cx, cy = (
        index.new_tensor([value], dtype=torch.float32)
        for value in (_FOCAL * longest, width / 2, height / 2)
    )
    camera = Camera(focal, focal, cx, cy, size, axes="y_down")
    quaternions = normal(seed, index, 4 * most, stream=1).view(frames, most, 4)
    draws = uniform(seed, index, most * (2 + 2 * _TRIES) + 1, stream=2)
    depth = draws[:, :most] * (_FARTHEST - _NEAREST) + _NEAREST
    kind = (draws[:, most : 2 * most] * classes).long()
    wanted = (draws[:, -1:] * most).long() + 1
    tries = draws[:, 2 * most : -1].view(frames, most, _TRIES, 2)
    spots = tries * (1 - 2 * _INSIDE) + _INSIDE  # parts of the picture
    chosen = [spots[:, 0, 0]]
    for number in range(1, most):
        apart = torch.stack([(spots[:, number] - other[:, None]).norm(dim=-1) for other in chosen])
        best = apart.amin(0).argmax(1)
        chosen.append(spots[torch.arange(frames, device=index.device), number, best])
    where = torch.stack(chosen, 1) * spots.new_tensor([width, height])  # [F,P,2] px
    flat = (where - torch.cat([cx, cy])) / focal * depth[..., None]
    scene = _Scene(
        rotation=to_matrices(F.normalize(quaternions, dim=-1)),
        translation=torch.cat([flat, depth[..., None]], -1),
        kind=kind,
        present=torch.arange(most, device=index.device) < wanted,
        camera=camera,
    )
    return _without_hidden(scene)


def _without_hidden(scene: _Scene) -> _Scene:
    """Leave out what others hide, all but the nearest object; then every object is seen."""
    frames, places = scene.present.shape
    labels = scene.labels().long()
    pixels = torch.zeros(frames, places + 1, device=labels.device)
    pixels.scatter_add_(
        1, labels.flatten(1), torch.ones_like(labels.flatten(1), dtype=pixels.dtype)
    )
    seen = pixels[:, 1:] >= _SEEN * scene.areas().clamp(min=1)
    present = scene.present & seen
    # In front, so that numbers count without gaps.
    order = present.int().sort(dim=1, descending=True, stable=True).indices
    rows = torch.arange(frames, device=labels.device)[:, None]
    return _Scene(
        rotation=scene.rotation[rows, order],
        translation=scene.translation[rows, order],
        kind=scene.kind[rows, order],
        present=present[rows, order],
        camera=scene.camera,
    )


def _seen_at(points: Tensor, camera: Camera) -> Tensor:
    """Return where points [...,3] appear, [...,2] px."""
    fx, fy, cx, cy = camera.table(points.dtype)[:, 0]
    return points[..., :2] / points[..., 2:] * torch.stack([fx, fy]) + torch.stack([cx, cy])


def _corners(device: torch.device | str) -> Tensor:
    """Return [8,3] m, in the order of the bits of their numbers: x is the lowest."""
    bits = torch.tensor([[n & 1, n >> 1 & 1, n >> 2 & 1] for n in range(8)], device=device)
    return (bits * 2.0 - 1) * torch.tensor(_HALF, device=device)


@cache
def _cuboid(kind: int) -> Mesh:
    """Return a cuboid with a colour per face and sharp edges."""
    corners = _corners("cpu")
    vertices, normals, colours, triangles = [], [], [], []
    for face, colour in enumerate(_COLOURS[kind]):
        axis, positive = face // 2, face % 2
        outward = torch.zeros(3)
        outward[axis] = 2.0 * positive - 1
        on_face = corners[(corners[:, axis] > 0) == bool(positive)]
        quad = on_face[[0, 1, 3, 2]]
        turn = torch.linalg.cross(quad[1] - quad[0], quad[2] - quad[0])
        if float(turn @ outward) < 0:
            quad = quad.flip(0)
        first = 4 * face
        vertices.append(quad)
        normals.append(outward.expand(4, 3))
        colours.append(torch.tensor(colour).expand(4, 3))
        triangles += [[first, first + 1, first + 2], [first, first + 2, first + 3]]
    return Mesh(
        torch.cat(vertices),
        torch.tensor(triangles),
        colours=torch.cat(colours),
        given_normals=torch.cat(normals),
        name=CLASSES[kind],
    )


@cache
def _white() -> Mesh:
    mesh = _cuboid(0)
    return Mesh(mesh.vertices, mesh.triangles, given_normals=mesh.given_normals, name="mask")
