"""The poses of heads against MediaPipe's own calculator, and by made heads."""

from pathlib import Path

import numpy as np
import pytest
import torch

from kinograph.engines.geometry import rotations
from kinograph.engines.geometry.camera import Camera
from kinograph.engines.geometry.procrustes import fit_similarity
from kinograph.engines.head.angles import angles
from kinograph.engines.head.canonical import canonical_face
from kinograph.engines.head.pose import fit_heads

GEOMETRY = Path(__file__).parents[1] / "data" / "head" / "geometry.npz"

# yaw, pitch and roll of the astronaut, whole and in two crops
ANGLES = [(0.85, 14.8, -3.6), (0.39, 11.1, -3.75), (0.17, 14.1, -3.4)]


@pytest.mark.parametrize("number", range(3))
def test_as_mediapipes_calculator(number: int) -> None:
    with np.load(GEOMETRY) as file:
        width, height = file["sizes_wh"][number].tolist()
        landmarks = torch.from_numpy(file[f"landmarks{number}"]) * torch.tensor(
            [width, height, width]
        )
        matrix = torch.from_numpy(file[f"matrix{number}"])
        metric = torch.from_numpy(file[f"metric{number}"])
    camera = Camera.of_field_of_view((height, width), 63.0)
    fit = fit_heads(landmarks[None], camera, torch.zeros(1, dtype=torch.int64))
    assert (fit.rotation[0] - matrix[:3, :3]).abs().max() < 5e-6
    assert (fit.translation[0] - matrix[:3, 3]).abs().max() < 5e-4  # cm
    assert (fit.points[0] - metric).abs().max() < 1e-4  # cm
    assert angles(fit.rotation)[0].tolist() == pytest.approx(ANGLES[number], abs=0.06)


def test_made_heads_are_found_again() -> None:
    """Exact but for the perspective of depth, which the landmarks give in units of the picture."""
    generator = torch.Generator().manual_seed(0)
    turn = (torch.rand(64, 3, generator=generator) - 0.5) * torch.tensor([1.6, 1.0, 1.0])
    rotation = rotations.to_matrices(rotations.exp_map(turn))
    at = torch.rand(64, 3, generator=generator) * torch.tensor([30.0, 20.0, 40.0])
    translation = at - torch.tensor([15.0, 10.0, 90.0])
    face = canonical_face()
    points = face.vertices @ rotation.mT + translation[:, None]
    size = (720, 1280)
    camera = Camera.of_field_of_view(size, 63.0)
    focal = float(camera.fx)
    x = 640 - focal * points[..., 0] / points[..., 2]
    y = 360 + focal * points[..., 1] / points[..., 2]
    # as the network gives it: depth of the points relative to their mean, scaled as x is there
    middle = points[..., 2].mean(1, keepdim=True)
    z = -(points[..., 2] - middle) * focal / -middle
    fit = fit_heads(torch.stack([x, y, z], -1), camera, torch.zeros(64, dtype=torch.int64))
    left = rotations.log_map(rotations.to_quaternions(fit.rotation @ rotation.mT))
    assert torch.rad2deg(left.norm(dim=-1)).max() < 0.1
    assert ((fit.translation - translation).norm(dim=-1) / translation.norm(dim=-1)).max() < 2e-3


def test_a_mirrored_target_still_gives_a_rotation() -> None:
    source = torch.randn(20, 3, generator=torch.Generator().manual_seed(1))
    fit = fit_similarity(source, source * torch.tensor([-1.0, 1, 1]), torch.ones(20))
    assert torch.linalg.det(fit.rotation) == pytest.approx(1)


def test_nobody() -> None:
    camera = Camera.of_field_of_view((10, 10))
    fit = fit_heads(torch.zeros(0, 468, 3), camera, torch.zeros(0, dtype=torch.int64))
    assert fit.rotation.shape == (0, 3, 3)
