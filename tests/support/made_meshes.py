"""Meshes with known answers, and where they are put."""

import torch
from torch import Tensor

from kinograph.engines.geometry.camera import Camera
from kinograph.engines.render.mesh.instances import Instances
from kinograph.engines.render.mesh.mesh import Mesh


def camera(size: tuple[int, int] = (60, 80), focal: float = 100.0, **more: object) -> Camera:
    """Return a camera whose principal point is the middle of the picture."""
    values = (focal, focal, size[1] / 2, size[0] / 2)
    parts = (torch.tensor([value], dtype=torch.float64) for value in values)
    return Camera(*parts, size=size, **more)  # type: ignore[arg-type]


def quad(corners: list[tuple[float, float, float]], **more: object) -> Mesh:
    """Return two triangles: corners counter-clockwise seen from the camera, upper left first."""
    uv = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
    return Mesh(
        torch.tensor(corners, dtype=torch.float32),
        torch.tensor([[0, 1, 2], [0, 2, 3]]),
        uv=uv,
        **more,  # type: ignore[arg-type]
    )


def rectangle(
    left: float, top: float, right: float, bottom: float, z: float, seen_by: Camera, **more: object
) -> Mesh:
    """Return the rectangle that covers these pixels at the distance z."""
    fx, fy, cx, cy = (float(value) for value in seen_by.table(torch.float64)[:, 0])

    def corner(x: float, y: float) -> tuple[float, float, float]:
        return (x - cx) / fx * z, -(y - cy) / fy * z, -z

    places = [(left, top), (left, bottom), (right, bottom), (right, top)]
    return quad([corner(*place) for place in places], **more)


def placed(mesh: Mesh, *offsets: tuple[float, float, float], **more: bool) -> Instances:
    """Return the mesh once per frame, moved by offsets."""
    moves = torch.tensor(offsets or [(0.0, 0.0, 0.0)])[:, None]
    turns = torch.eye(3).expand(len(moves), 1, 3, 3)
    return Instances.rigid(mesh, turns, moves, **more)


def turned(yaw: Tensor | float, pitch: Tensor | float = 0.0) -> Tensor:
    """Return rotations [...,3,3]: about x by `pitch` degrees, then about y by `yaw` degrees."""
    y, x = (torch.deg2rad(torch.as_tensor(angle, dtype=torch.float32)) for angle in (yaw, pitch))
    x = x.expand_as(y)
    zero, one = torch.zeros_like(y), torch.ones_like(y)
    about_y = [y.cos(), zero, y.sin(), zero, one, zero, -y.sin(), zero, y.cos()]
    about_x = [one, zero, zero, zero, x.cos(), -x.sin(), zero, x.sin(), x.cos()]
    first, second = (torch.stack(rows, -1).unflatten(-1, (3, 3)) for rows in (about_y, about_x))
    return first @ second
