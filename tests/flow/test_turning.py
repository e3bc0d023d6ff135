"""Cameras that turn and zoom, from the flow that they make."""

import math

import pytest
import torch

from kinograph.engines.errors import InputError
from kinograph.engines.flow.flow import Flow
from kinograph.engines.flow.turning import Samples, turning
from kinograph.engines.geometry.rotations import turn_by, turn_of
from kinograph.engines.motion_tracks.pluecker import camera_embedding

SIZE = (60, 80)
FOCAL = 80 / 2 / math.tan(math.radians(55) / 2)


def seen(turns: torch.Tensor, zooms: torch.Tensor) -> Flow:
    """The flow of a distant scene for cameras [F,3,3] to world, with focal lengths [F]."""
    y, x = (torch.arange(side).double() - (side - 1) / 2 for side in SIZE)
    places = torch.stack([x.expand(SIZE), y[:, None].expand(SIZE)])
    flows = []
    for i in range(len(turns) - 1):
        ray = torch.cat([places / (FOCAL * zooms[i]), torch.ones(1, *SIZE).double()])
        to = torch.einsum("ij,jhw->ihw", turns[i + 1].T @ turns[i], ray)
        flows.append(to[:2] / to[2:] * FOCAL * zooms[i + 1] - places)
    return Flow(torch.stack(flows).float())


def test_rotation_and_zoom_of_a_made_camera_are_found() -> None:
    """Also with a third of the picture moving by itself, and noise."""
    time = torch.arange(9).double()
    turns = turn_by(torch.stack([0.02 * time, 0.05 * time.sin(), 0.03 * time], 1))
    zooms = (0.02 * time).exp()
    flow = seen(turns, zooms)
    assert flow.forward is not None
    flow.forward[:, 0, :, :26] += 9
    noise = torch.randn(flow.forward.shape, generator=torch.Generator().manual_seed(0))
    flow.forward.add_(noise / 10)
    found = turning(Samples.of(flow))
    apart = turn_of(found.to_world.transpose(1, 2) @ turns).norm(dim=1).rad2deg()
    assert apart.max() < 0.15  # degrees, where it turned 24
    assert (found.zoom / zooms - 1).abs().max() < 0.003
    exact = turning(Samples.of(seen(turns, zooms)))
    assert turn_of(exact.to_world.transpose(1, 2) @ turns).norm(dim=1).rad2deg().max() < 1e-3


def test_the_embedding_is_that_of_core_s_rays() -> None:
    """Against the rule of ComfyUI's ray_condition, written out."""
    time = torch.arange(5).double()
    turns, zooms = turn_by(torch.stack([0 * time, 0.1 * time, 0 * time], 1)), 1 + 0.1 * time
    camera = turning(Samples.of(seen(turns, zooms)))
    made = camera_embedding(camera, size=(30, 40))
    assert made.shape == (1, 24, 2, 30, 40)
    channels = made.view(6, 4, 2, 30, 40)
    assert torch.equal(channels[:, 0, 0], channels[:, 3, 0])  # the first frame, four times
    for frame in range(1, 5):
        focal = FOCAL * zooms[frame] / 2  # the picture is half as large
        ray = torch.tensor([(7 + 0.5 - 20) / focal, (11 + 0.5 - 15) / focal, 1]).double()
        expected = turns[frame] @ (ray / ray.norm())
        got = channels[3:, frame - 1, 1, 11, 7].double()
        assert torch.allclose(got, expected, atol=1e-4)
    assert not channels[:3].any()  # no translation
    moved = camera_embedding(camera, zoom="dolly", length=9).view(6, 4, 3, *SIZE)
    assert moved[:3, 3, 2].abs().max() > 0.1
    assert moved.isfinite().all()


def test_what_cannot_be_a_camera_is_refused() -> None:
    still = Flow(torch.zeros(4, 2, *SIZE))
    camera = turning(Samples.of(still))
    assert torch.allclose(camera.to_world, torch.eye(3).double().expand(5, 3, 3))
    assert torch.allclose(camera.zoom, torch.ones(5).double())
    with pytest.raises(InputError, match="at least 2 frames"):
        turning(Samples.of(Flow(torch.zeros(0, 2, *SIZE))))
    with pytest.raises(InputError, match="1 to 170"):
        turning(Samples.of(still), 0)
    with pytest.raises(InputError, match="found 6; choose 5 or 9"):
        camera_embedding(camera, length=6)
    with pytest.raises(InputError, match="forward"):
        Samples.of(Flow(None, still.main))
