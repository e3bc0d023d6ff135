"""Benchmark of meshes: a mask on a face with a head behind it, drawn over footage.

The baseline is the usual way to rasterise in PyTorch, frame by frame: every triangle's bounding
box becomes a list of candidate samples, without culling.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...engines.environment import describe_device
from ...engines.geometry.camera import Camera
from ...engines.render.mesh.draw import draw_meshes
from ...engines.render.mesh.instances import Instances
from ...engines.render.mesh.light import Light
from ...engines.render.mesh.mesh import Mesh
from ...engines.render.mesh.shapes import ellipsoid
from .measure import at_least_one, bench_report, device_named, times_of

_FACE_CM = 15.0  # how wide the face is


def bench_mesh(
    *,
    size: tuple[int, int] = (720, 1280),
    face: int = 150,
    people: int = 1,
    batch: int = 16,
    samples: int = 4,
    device: str = "auto",
    runs: int = 10,
    baseline: bool = True,
) -> dict[str, Any]:
    """Measure milliseconds per frame, from instances and footage on the device to pictures there.

    size:    height and width of the pictures
    face:    width of each face in px
    batch:   frames per call; a single frame is measured, too
    samples: per pixel
    baseline: also measure rasterising by bounding boxes, with 2x2 samples per pixel

    Times are the least and the median of `runs`, after two that are not counted; on a CPU
    `process_ms` is the least time that all threads together took. Raises `InputError` for numbers
    below 1.
    """
    at_least_one(batch=batch, runs=runs, face=face, people=people)
    where = device_named(device)
    footage = torch.rand(batch, *size, 3, generator=torch.Generator().manual_seed(0)).to(where)
    camera = Camera.of_field_of_view(size, device=where)
    meshes = [mesh.to(where) for mesh in _meshes()]
    turns, moves = _places(camera, face, people, batch)
    results: dict[str, Any] = {
        "size": [size[1], size[0]],
        "face": face,
        "people": people,
        "triangles": sum(len(mesh.triangles) for mesh in meshes) * people,
        "samples": samples,
        "device": describe_device(where),
        "threads": torch.get_num_threads(),
        "runs": runs,
        "ms_per_frame": {},
    }

    def ours(frames: int) -> None:
        parts = _placed(meshes, turns[:frames], moves[:frames])
        draw_meshes(parts, camera, frames, footage=footage[:frames], samples=samples)

    def naive() -> None:
        _naive(_placed(meshes, turns[:1], moves[:1]), camera, footage[0].clone())

    with torch.inference_mode():
        for frames in dict.fromkeys((batch, 1)):
            taken = _taken(lambda frames=frames: ours(frames), where, runs)  # type: ignore[misc]
            results["ms_per_frame"][str(frames)] = {
                name: value / frames for name, value in taken.items()
            }
        if baseline:
            results["baseline"] = _taken(naive, where, min(runs, 5))
    return bench_report("mesh", results)


def _meshes() -> list[Mesh]:
    """Return a face (900 triangles), a mask on it (4,800, textured) and a head (1,472)."""
    radii = (_FACE_CM / 2, 9.5, 8.0)
    face = ellipsoid(radii, rings=18, segments=25, heights=(35, 150), angles=(-85, 85), name="face")
    cloth = ellipsoid(
        (radii[0] + 0.3, radii[1] + 0.3, radii[2] + 0.3),
        rings=48,
        segments=50,
        heights=(85, 145),
        angles=(-74, 74),
    )
    ramp = torch.linspace(0.3, 0.9, 256)
    texture = torch.stack(
        [ramp.expand(256, -1), ramp[:, None].expand(-1, 256), (1 - ramp).expand(256, -1)], -1
    )
    mask = Mesh(cloth.vertices, cloth.triangles, uv=cloth.uv, texture=texture, name="mask")
    head = ellipsoid((7.2, 10.0, 8.5), (0.0, 0.5, -2.5), rings=24, segments=32, name="head")
    return [face, mask, head]


def _places(camera: Camera, face: int, people: int, frames: int) -> tuple[Tensor, Tensor]:
    """Return rotations [F,P,3,3] and translations [F,P,3]: heads that turn, side by side."""
    device = camera.fx.device
    yaw = torch.deg2rad(torch.linspace(-40, 40, frames * people + 1, device=device)[1:])
    zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)
    rows = [yaw.cos(), zero, yaw.sin(), zero, one, zero, -yaw.sin(), zero, yaw.cos()]
    turns = torch.stack(rows, -1).view(frames, people, 3, 3)
    distance = float(camera.fx[0]) * _FACE_CM / face
    apart = camera.size[1] / people / float(camera.fx[0]) * distance
    moves = torch.zeros(frames, people, 3, device=device)
    moves[..., 0] = (torch.arange(people, device=device) - (people - 1) / 2) * apart
    moves[..., 2] = -distance
    return turns, moves


def _placed(meshes: Sequence[Mesh], turns: Tensor, moves: Tensor) -> list[Instances]:
    face, mask, head = meshes
    return [
        Instances.rigid(face, turns, moves, occluder=True),
        Instances.rigid(mask, turns, moves),
        Instances.rigid(head, turns, moves, occluder=True),
    ]


def _taken(call: Callable[[], None], device: torch.device, runs: int) -> dict[str, float]:
    """Return the milliseconds of a call until the device has finished it."""
    walls, works = times_of(call, device, runs)
    taken = {"best": min(walls), "median": statistics.median(walls)}
    return taken | ({"process_ms": min(works)} if device.type == "cpu" else {})


def _naive(parts: Sequence[Instances], camera: Camera, image: Tensor) -> None:
    """Draw one frame over `image` [H,W,3] by the samples in the triangles' bounding boxes."""
    height, width = (2 * side for side in camera.size)
    corners, normals, uvs, shown = [], [], [], []
    for part in parts:
        triangles = part.mesh.triangles
        view = camera.view(part.vertices)[:, triangles].flatten(0, 1)
        corners.append(view)
        shown.append(torch.full((len(view),), not part.occluder, device=view.device))
        normal = torch.zeros_like(part.vertices) if part.normals is None else part.normals
        normals.append(normal[:, triangles].flatten(0, 1))
        uv = part.mesh.uv
        assert uv is not None
        uvs.append(uv[triangles].repeat(len(part.frame), 1, 1))
    points, normal, uv = torch.cat(corners), torch.cat(normals), torch.cat(uvs)
    fx, fy, cx, cy = (2 * value for value in camera.table(torch.float32)[:, 0])
    x = points[..., 0] / points[..., 2] * fx + cx
    y = points[..., 1] / points[..., 2] * fy + cy
    left, right = x.amin(1).floor().clamp(0, width), x.amax(1).ceil().clamp(0, width)
    top, bottom = y.amin(1).floor().clamp(0, height), y.amax(1).ceil().clamp(0, height)
    across, down = (right - left).long(), (bottom - top).long()
    counts = across * down
    triangle = torch.repeat_interleave(counts)
    number = torch.arange(len(triangle), device=x.device) - (counts.cumsum(0) - counts)[triangle]
    column = left.long()[triangle] + number % across[triangle]
    row = top.long()[triangle] + number // across[triangle]
    px, py = column + 0.5, row + 0.5
    x, y, z = x[triangle], y[triangle], points[triangle][..., 2]
    area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])
    b = ((px - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (py - y[:, 0])) / area
    c = ((x[:, 1] - x[:, 0]) * (py - y[:, 0]) - (px - x[:, 0]) * (y[:, 1] - y[:, 0])) / area
    weights = torch.stack([1 - b - c, b, c], 1) / z
    depth = 1 / weights.sum(1)
    inside = ((weights >= 0).all(1)).nonzero().squeeze(1)
    place = row[inside] * width + column[inside]
    nearest = torch.full((height * width,), math.inf, device=x.device)
    nearest.scatter_reduce_(0, place, depth[inside], "amin")
    top_one = inside[(depth[inside] == nearest[place])]
    top_one = top_one[torch.cat(shown)[triangle[top_one]]]
    share = (weights[top_one] * depth[top_one, None])[:, :, None]
    facing = F.normalize((normal[triangle[top_one]] * share).sum(1), dim=1)
    at = (uv[triangle[top_one]] * share).sum(1) * 2 - 1
    texture = next(part.mesh.texture for part in parts if part.mesh.texture is not None)
    colour = F.grid_sample(texture.movedim(-1, 0)[None], at[None, None], align_corners=False)
    lit = colour[0, :, 0].T * Light().on(facing.T).T
    drawn = torch.zeros(height * width, 4, device=x.device)
    drawn[row[top_one] * width + column[top_one]] = F.pad(lit, (0, 1), value=1.0)
    small = F.avg_pool2d(drawn.view(height, width, 4).movedim(-1, 0), 2).movedim(0, -1)
    image.mul_(1 - small[..., 3:]).add_(small[..., :3])
