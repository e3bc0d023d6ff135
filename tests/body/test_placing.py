"""Where bodies are in front of the camera."""

import pytest
import torch
from torch import Tensor

from kinograph.engines.body.placing import appear, place, rays
from kinograph.engines.geometry.camera import Camera

CANVAS = (464, 832)


def made() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Points [16,25,3] m of bodies, where they are, where they appear, and the camera's table."""
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(16, 25, 3, generator=generator) * torch.tensor([0.3, 0.5, 0.2])
    at = torch.rand(16, 3, generator=generator) * torch.tensor([4.0, 2, 10])
    at = at - torch.tensor([2.0, 1, 13])
    zoom = torch.linspace(400, 900, 16)
    camera = Camera(zoom, zoom * 1.1, torch.tensor([300.0]), torch.tensor([900.0]), CANVAS)
    table = camera.of_frames(torch.arange(16))
    return points, at, appear(points + at[:, None], table), table


def test_exact_points_give_the_exact_place() -> None:
    points, at, image, table = made()
    found = place(points, image, torch.ones(16, 25), table)
    assert (found - at).abs().max() < 1e-3
    # x to the right and y up: what appears further right and up has greater coordinates.
    moved = appear(points + at[:, None] + torch.tensor([0.1, 0.1, 0]), table)
    assert (moved[..., 0] > image[..., 0]).all()
    assert (moved[..., 1] < image[..., 1]).all()


def test_points_lie_on_their_rays() -> None:
    points, at, image, table = made()
    there = points + at[:, None]
    assert torch.allclose(rays(image, table), there[..., :2] / -there[..., 2:], atol=1e-5)


def test_noise_and_a_wrong_point() -> None:
    points, at, image, table = made()
    height = image[..., 1].amax(1) - image[..., 1].amin(1)
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(1))
    noisy = image + noise * 0.01 * height[:, None, None]
    noisy[:, 3] += 3 * height[:, None]
    found = place(points, noisy, torch.ones(16, 25), table)
    off = (found - at).norm(dim=-1) / at.norm(dim=-1)
    assert off.median() < 0.02
    unseen = torch.ones(16, 25)
    unseen[:, 3] = 0
    found = place(points, noisy, unseen, table)
    assert ((found - at).norm(dim=-1) / at.norm(dim=-1)).max() < 0.03


def test_one_camera_for_all_frames() -> None:
    table = Camera.of_field_of_view(CANVAS, 43).of_frames(torch.tensor([0, 7, 7]))
    assert table.shape == (4, 3)
    assert table[2:, 0].tolist() == [416, 232]
    assert float(table[0, 0]) == pytest.approx(588.96, abs=0.05)


def test_nobody_and_nothing_seen() -> None:
    table = Camera.of_field_of_view(CANVAS).of_frames(torch.zeros(2, dtype=torch.int64))
    points = torch.zeros(2, 25, 3)
    assert place(points, points[..., :2], torch.zeros(2, 25), table).isfinite().all()
    assert place(points[:0], points[:0, :, :2], torch.zeros(0, 25), table[:, :0]).shape == (0, 3)
