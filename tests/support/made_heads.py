"""Heads at known poses, and pictures of them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kinograph.engines.geometry.camera import Camera
from kinograph.engines.head.canonical import canonical_face
from kinograph.engines.head.heads import Heads
from kinograph.engines.render.head_mesh.placement import rotation_matrix
from kinograph.engines.render.head_mesh.skull import face_mesh
from kinograph.engines.render.mesh.draw import draw_meshes
from kinograph.engines.render.mesh.instances import Instances
from kinograph.engines.render.mesh.light import Light

Degrees = Sequence[tuple[float, float]]


def heads_at(
    turns: Degrees = ((0.0, 0.0),),
    places: Sequence[tuple[float, float, float]] | None = None,
    *,
    size: tuple[int, int] = (120, 160),
    per_frame: int = 1,
    points: int = 468,
    displacement: Tensor | None = None,
) -> Heads:
    """Return heads of `turns` (yaw, pitch) at `places`, as many per frame; 80 cm away if nothing
    else is said.

    points:       468, with landmarks, or 0
    displacement: [468,3] cm, where the face is not canonical
    """
    places = places or [(0.0, 0.0, -80.0)] * len(turns)
    count = len(turns) // per_frame
    camera = Camera.of_field_of_view(size, 20.0)
    rotation = torch.stack([rotation_matrix((pitch, yaw, 0.0)).float() for yaw, pitch in turns])
    translation = torch.tensor(places)
    vertices = canonical_face().vertices
    if displacement is not None:
        vertices = vertices + displacement
    seen = (rotation @ vertices.mT).mT + translation[:, None]
    focal, height, width = float(camera.fx[0]), *size
    x = -seen[..., 0] / seen[..., 2] * focal + width / 2
    y = seen[..., 1] / seen[..., 2] * focal + height / 2
    depth = (translation[:, None, 2] - seen[..., 2]) * focal / -translation[:, None, 2]
    marks = torch.stack([x, y, depth], -1)
    boxes = torch.cat([marks[..., :2].amin(1), marks[..., :2].amax(1)], 1)

    def rows(values: Tensor) -> Tensor:
        return values.unflatten(0, (count, per_frame))

    return Heads(
        rotation=rows(rotation),
        translation=rows(translation),
        landmarks=rows(marks)[:, :, :points],
        boxes=rows(boxes),
        scores=torch.ones(count, per_frame),
        track_ids=torch.full((count, per_frame), -1),
        count=torch.full((count,), per_frame),
        canvas=size,
        camera=camera,
    )


def pictures(
    heads: Heads, towards: tuple[float, float, float] = (0.0, 0.0, 1.0), noise: float = 0.0
) -> Tensor:
    """Return pictures [F,H,W,3] of grey faces, lit from a direction, before grey."""
    frames = len(heads)
    light = Light((0.3, 0.3, 0.3), (0.5, 0.5, 0.5), towards)
    part = Instances.rigid(face_mesh(), heads.rotation, heads.translation, heads.present)
    behind = torch.full((1, *heads.canvas, 3), 0.45)
    images, _ = draw_meshes([part], heads.camera, frames, light=light, footage=behind)
    more = torch.randn(frames, *heads.canvas, 1, generator=torch.Generator().manual_seed(3))
    return (images + more * noise).clamp(0, 1)
