"""Bodies in motion whose metrics are known."""

import math

import torch
from torch import Tensor

from kinograph.engines.body.metrics.observed import Observed

FPS = 30.0


def times(frames: int, fps: float = FPS) -> Tensor:
    return torch.arange(frames, dtype=torch.float64) / fps


def turns_about_z(angles: Tensor) -> Tensor:
    """Return rotation matrices [...,3,3] by angles [...] in rad."""
    c, s = angles.cos(), angles.sin()
    zero, one = torch.zeros_like(c), torch.ones_like(c)
    return torch.stack([c, -s, zero, s, c, zero, zero, zero, one], -1).unflatten(-1, (3, 3))


def still(captured: Tensor, bodies: int = 1, joints: int = 4) -> dict[str, Tensor]:
    """Return what `Observed` takes: bodies that stand still side by side, tracks 0, 1, ..."""
    frames = len(captured)
    at = torch.arange(bodies, dtype=torch.float64)
    translation = torch.zeros(frames, bodies, 3, dtype=torch.float64)
    translation[..., 0], translation[..., 2] = at, -3.0
    hung = torch.zeros(joints, 3, dtype=torch.float64)
    hung[:, 1] = -0.5 * torch.arange(joints)
    boxes = torch.tensor([0.0, 0.0, 50.0, 100.0]).repeat(frames, bodies, 1)
    boxes[..., 0::2] += 100 * at[:, None]
    return {
        "captured": captured,
        "output": torch.ones(frames, dtype=torch.bool),
        "finished": torch.full((frames,), torch.nan, dtype=torch.float64),
        "present": torch.ones(frames, bodies, dtype=torch.bool),
        "track_ids": torch.arange(bodies).repeat(frames, 1),
        "rotation": torch.eye(3, dtype=torch.float64).repeat(frames, bodies, joints, 1, 1),
        "translation": translation,
        "joints": translation[:, :, None] + hung,
        "shape": torch.zeros(frames, bodies, 2, dtype=torch.float64),
        "boxes": boxes,
    }


def turning(captured: Tensor, degrees_per_second: float, joint: int = 2) -> Observed:
    """Return one body of four joints, one of which turns."""
    made = still(captured)
    angle = math.radians(degrees_per_second) * captured
    made["rotation"][:, 0, joint] = turns_about_z(angle)
    return Observed(**made)


def walking(captured: Tensor, metres_per_second: float) -> Observed:
    """Return one body that is moved to the right as it is."""
    made = still(captured)
    step = torch.zeros(len(captured), 1, 3, dtype=torch.float64)
    step[..., 0] = metres_per_second * captured[:, None]
    made["translation"] = made["translation"] + step
    made["joints"] = made["joints"] + step[:, :, None]
    return Observed(**made)
