"""Bodies in motion that is known."""

import math

import torch
from torch import Tensor

from kinograph.engines.body.bodies import Bodies
from kinograph.engines.body.kinematics import pose_joints
from kinograph.engines.body.metrics.observed import Observed
from kinograph.engines.body.rig import Rig, mannequin
from kinograph.engines.geometry import rotations
from kinograph.engines.geometry.camera import Camera

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


def moving(frames: int = 12, rig: Rig | None = None, bodies: int = 2, seed: int = 0) -> Bodies:
    """Return bodies in smooth random motion, tracks 3, 4, ...; each of one shape."""
    rig = mannequin() if rig is None else rig
    generator = torch.Generator().manual_seed(seed)
    joints, shapes = len(rig.joints), len(rig.shapes)

    def noise(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator)

    time = torch.linspace(0, 2, frames)[:, None, None, None]
    swing = noise(bodies, joints, 3) * 0.5 * (time + noise(bodies, joints, 1)).sin()
    place = torch.tensor([0.0, 0.2, -3.0]) + noise(bodies, 3) * 0.3
    return Bodies(
        rotation=rotations.to_matrices(rotations.exp_map(swing)),
        translation=place + 0.5 * time[..., 0] * noise(bodies, 3) * 0.3,
        shape=(noise(bodies, shapes) * 0.1).expand(frames, -1, -1).clone(),
        confidence=torch.ones(frames, bodies, joints),
        boxes=torch.tensor([10.0, 20.0, 110.0, 220.0]).repeat(frames, bodies, 1),
        scores=torch.linspace(0.9, 0.8, bodies).repeat(frames, 1),
        track_ids=torch.arange(3, 3 + bodies).repeat(frames, 1),
        count=torch.full((frames,), bodies),
        canvas=(480, 640),
        camera=Camera.of_field_of_view((480, 640), 50.0),
        rig=rig.name,
    )


def joints_of(bodies: Bodies, rig: Rig) -> Tensor:
    """Return where the joints are, [F,P,J,3] m."""
    flat = pose_joints(
        rig,
        bodies.rotation.flatten(0, 1),
        bodies.translation.flatten(0, 1),
        bodies.shape.flatten(0, 1),
    )
    return flat.position.unflatten(0, bodies.scores.shape)
