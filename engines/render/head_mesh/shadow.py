"""The shadow that a worn mesh casts on the face, as a texture of the face made once.

The mesh is looked at from many directions in front of and above the face. A point of the skin from
which the mesh hides some of them gets less light: softly near its edges, more where it lies close.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ...geometry.camera import Camera
from ..mesh.instances import Instances
from ..mesh.mesh import Mesh
from ..mesh.raster import Raster
from ..mesh.soup import Soup
from .skull import face_mesh, rim_distance

_DIRECTIONS = 64  # fewer for meshes of more than `_MOST` triangles together, but `_FEWEST`
_FEWEST = 8
_MOST = 20_000_000
_WIDEST = 72.0  # degrees between a direction and the middle of them
_MIDDLE = 20.0  # degrees above the horizon: light comes from above more often than from below
_SIDE = 256  # px of the texture, over 16 cm of face
_MAP = 320  # px of the view from each direction
_SPAN = 40.0  # cm that a view shows
_FAR = 2000.0  # cm, of the camera of a view: so far that all rays are parallel
_NEAREST = 0.02  # cm between skin and mesh below which a mesh hides nothing
_FADED = 1.5  # cm from the outline of the face, where its mesh ends, over which a shadow fades
_TRIANGLES_AT_ONCE = 500_000


def shadowed_face(meshes: tuple[Mesh, ...]) -> Mesh | None:
    """Return the canonical face with the light that it gets below `meshes` as its texture, 1 where
    they hide nothing; None if they hide nothing anywhere.

    Meshes are in the axes of the canonical face, on the CPU; what lets light through casts no
    shadow.
    """
    solid = [mesh for mesh in meshes if not mesh.translucent]
    if not solid:
        return None
    face = face_mesh()
    points, fade, covered = _skin_points(face)
    hidden = torch.zeros(len(points))
    count = _MOST // sum(len(mesh.triangles) for mesh in solid)
    directions = _directions(max(_FEWEST, min(_DIRECTIONS, count)))
    for direction in directions:
        hidden += _hidden(points, solid, direction)
    hidden /= len(directions)
    image = torch.zeros(_SIDE * _SIDE)
    image[covered] = hidden * fade
    image = _grown(image.view(_SIDE, _SIDE), covered)
    if float(image.max()) < 0.02:
        return None
    light = (1 - image)[..., None].expand(-1, -1, 3).contiguous()
    return Mesh(face.vertices, face.triangles, uv=face.uv, texture=light, name="shadow")


def _directions(count: int) -> Tensor:
    """Return unit vectors [count,3] spread evenly in a cone (a Fibonacci spiral)."""
    number = torch.arange(count) + 0.5
    cos = 1 - number / count * (1 - math.cos(math.radians(_WIDEST)))
    turn = number * math.pi * (3 - 5**0.5)
    sin = (1 - cos * cos).sqrt()
    x, y, z = sin * turn.cos(), sin * turn.sin(), cos
    up = math.radians(_MIDDLE)
    return torch.stack(
        [x, y * math.cos(up) + z * math.sin(up), z * math.cos(up) - y * math.sin(up)], 1
    )


def _parallel(side: int, span: float) -> Camera:
    """Return a camera far away that shows `span` in pictures of `side` px."""
    focal = torch.tensor([_FAR / span * side], dtype=torch.float64)
    middle = torch.tensor([side / 2], dtype=torch.float64)
    return Camera(focal, focal, middle, middle, (side, side))


def _skin_points(face: Mesh) -> tuple[Tensor, Tensor, Tensor]:
    """Return points [X,3] of the skin, how much of a shadow there is shown [X], and the texels [X]
    that they belong to."""
    assert face.uv is not None
    flat = torch.stack([face.uv[:, 0] - 0.5, 0.5 - face.uv[:, 1], torch.zeros(len(face.uv))], 1)
    raster = _raster(flat, face.triangles, _parallel(_SIDE, 1.0))
    hits = raster.nearest()
    share = hits.weights.T[..., None]
    corners = face.triangles[hits.source]  # [X,3]
    fade = ((rim_distance() / _FADED).clamp(0, 1)[corners, None] * share).sum((1, 2))
    return (face.vertices[corners] * share).sum(1), fade, raster.pixels[hits.slot]


def _raster(vertices: Tensor, triangles: Tensor, camera: Camera) -> Raster:
    """Return one picture of vertices [V,3] far in front of a camera."""
    far = vertices + vertices.new_tensor([0.0, 0.0, -_FAR])
    frame = torch.zeros(1, dtype=torch.int64)
    part = Instances(Mesh(far, triangles), far[None], far[None], frame, cull=False)
    return Raster(Soup.of([part], camera), 1, camera.size, 1)


def _hidden(points: Tensor, meshes: list[Mesh], direction: Tensor) -> Tensor:
    """Return 1 for those of `points` [X,3] that meshes hide from a direction, otherwise 0; in
    between at edges."""
    x = F.normalize(torch.linalg.cross(torch.tensor([0.0, 1.0, 0.0]), direction), dim=0)
    turn = torch.stack([x, torch.linalg.cross(direction, x), direction])
    camera = _parallel(_MAP, _SPAN)
    depth = torch.full((_MAP * _MAP,), float("inf"))
    for mesh in meshes:
        for triangles in mesh.triangles.split(_TRIANGLES_AT_ONCE):
            raster = _raster(mesh.vertices @ turn.mT, triangles, camera)
            hits = raster.nearest()
            place = raster.pixels[hits.slot]
            depth[place] = torch.minimum(depth[place], hits.depth)
    seen = points @ turn.mT - torch.tensor([0.0, 0.0, _FAR])
    at = seen[:, :2] / -seen[:, 2:] * (_FAR / _SPAN * _MAP)
    at = torch.stack([at[:, 0], -at[:, 1]], 1) + _MAP / 2 - 0.5
    first = at.floor()
    part = at - first
    total = torch.zeros(len(points))
    for dy in (0, 1):
        for dx in (0, 1):
            corner = (first.long() + torch.tensor([dx, dy])).clamp(0, _MAP - 1)
            nearer = depth[corner[:, 1] * _MAP + corner[:, 0]] < -seen[:, 2] - _NEAREST
            by = (part[:, 0] if dx else 1 - part[:, 0]) * (part[:, 1] if dy else 1 - part[:, 1])
            total += nearer * by
    return total


def _grown(image: Tensor, covered: Tensor) -> Tensor:
    """Return the texture with what is known continued by some texels, for bilinear sampling."""
    known = torch.zeros(image.numel())
    known[covered] = 1
    values, weight = image[None, None], known.view(1, 1, *image.shape)
    # Softened, as the directions are few.
    values = values * weight
    values = F.avg_pool2d(values, 5, 1, 2) / F.avg_pool2d(weight, 5, 1, 2).clamp(min=1e-6)
    near = F.avg_pool2d(values * weight, 7, 1, 3) / F.avg_pool2d(weight, 7, 1, 3).clamp(min=1e-6)
    return torch.where(weight > 0, values, near)[0, 0]
