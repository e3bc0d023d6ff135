"""Heads of canonical faces, turned and placed as told, for tests."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kinograph.engines.geometry import rotations
from kinograph.engines.geometry.camera import Camera
from kinograph.engines.head.canonical import canonical_face
from kinograph.engines.head.heads import Heads

SIZE = (120, 160)


def turned(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> Tensor:
    """Return the rotation [3,3] of these degrees: Ry Rx Rz."""
    turns = torch.deg2rad(torch.tensor([[0.0, yaw, 0.0], [pitch, 0.0, 0.0], [0.0, 0.0, roll]]))
    y, x, z = rotations.to_matrices(rotations.exp_map(turns))
    return y @ x @ z


def made_heads(
    rotation: Tensor,
    translation: Tensor,
    *,
    size: tuple[int, int] = SIZE,
    camera: Camera | None = None,
    points: int = 468,
    count: Sequence[int] | None = None,
    tracks: bool = True,
) -> Heads:
    """Return heads of rotations [F,P,3,3] and translations [F,P,3] cm, seen by a camera.

    points: 468, or 0 for heads without landmarks
    count:  heads per frame; all places by default
    tracks: whether place p has the track p + 1
    """
    camera = camera or Camera.of_field_of_view(size, 63.0)
    frames, places = rotation.shape[:2]
    fx, fy, cx, cy = (row.expand(frames)[:, None, None] for row in camera.table(torch.float32))
    there = canonical_face().vertices @ rotation.mT + translation[:, :, None]
    away = -there[..., 2]
    x, y = cx + fx * there[..., 0] / away, cy - fy * there[..., 1] / away
    middle = away.mean(2, keepdim=True)
    landmarks = torch.stack([x, y, (away - middle) * fx / middle], -1)
    flat = landmarks[..., :2]
    counts = torch.tensor([places] * frames if count is None else count)
    here = torch.arange(places)[None] < counts[:, None]
    scores = torch.linspace(0.95, 0.6, places).expand(frames, places)
    ids = torch.arange(1, places + 1).expand(frames, places)
    return Heads(
        rotation=rotation * here[..., None, None],
        translation=translation * here[..., None],
        landmarks=landmarks[:, :, :points] * here[..., None, None],
        boxes=torch.cat([flat.amin(2), flat.amax(2)], -1) * here[..., None],
        scores=scores * here,
        track_ids=torch.where(here, ids if tracks else -1, -1),
        count=counts,
        canvas=size,
        camera=camera,
    )


def turning_heads(frames: int = 6, size: tuple[int, int] = SIZE, **more: object) -> Heads:
    """Return two heads that turn: one from left to right, one nodding behind it; the second is
    missing in frame 2."""
    yaws, nods = torch.linspace(-50, 50, frames), torch.linspace(-15, 20, frames)
    rotation = torch.stack(
        [
            torch.stack([turned(float(yaw), 5.0, -8.0), turned(10.0, float(nod), 12.0)])
            for yaw, nod in zip(yaws, nods, strict=True)
        ]
    )
    translation = torch.tensor([[-9.0, 0.0, -40.0], [11.0, 3.0, -52.0]]).expand(frames, 2, 3)
    count = [1 if frame == 2 else 2 for frame in range(frames)]
    return made_heads(rotation, translation, size=size, **{"count": count, **more})  # type: ignore[arg-type]
