"""Heads that fill pictures, and pictures of them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from kinograph.engines.geometry.camera import Camera
from kinograph.engines.head.canonical import canonical_face
from kinograph.engines.head.heads import Heads
from kinograph.engines.render.head_mesh.heads_found import projected
from kinograph.engines.render.head_mesh.skull import face_mesh
from kinograph.engines.render.mesh.draw import draw_meshes
from kinograph.engines.render.mesh.instances import Instances
from kinograph.engines.render.mesh.light import Light
from posed_heads import SIZE, made_heads, turned


def heads_at(
    turns: Sequence[tuple[float, float]] = ((0.0, 0.0),),
    places: Sequence[tuple[float, float, float]] | None = None,
    *,
    size: tuple[int, int] = SIZE,
    per_frame: int = 1,
    displacement: Tensor | None = None,
    **more: Any,
) -> Heads:
    """Return heads of `turns` (yaw, pitch) at `places` cm, so many per frame, through a long lens;
    80 cm away if nothing else is said, where they fill the picture.

    displacement: [468,3] cm, by which the faces differ from the canonical one
    """
    rotation = torch.stack([turned(*turn) for turn in turns]).unflatten(0, (-1, per_frame))
    translation = torch.tensor(places or [(0.0, 0.0, -80.0)] * len(turns))
    camera = Camera.of_field_of_view(size, 20.0)
    translation = translation.unflatten(0, (-1, per_frame))
    heads = made_heads(rotation, translation, size=size, camera=camera, **more)
    if displacement is None:
        return heads
    there = (canonical_face().vertices + displacement) @ rotation.mT + translation[:, :, None]
    frame = torch.arange(len(heads)).repeat_interleave(per_frame)
    flat = projected(there.flatten(0, 1), frame, camera).view(*there.shape[:3], 2)
    depth = (
        (translation[:, :, None, 2:] - there[..., 2:]) * camera.fx / -translation[:, :, None, 2:]
    )
    return replace(heads, landmarks=torch.cat([flat, depth], -1))


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
