"""Hidden pixels and warping on made scenes with known motion."""

import pytest
import torch

from kinograph.engines.errors import InputError
from kinograph.engines.flow.consistency import occlusions, warp
from kinograph.engines.flow.flow import Flow


def moving_square(step: int = 6) -> tuple[torch.Tensor, Flow, torch.Tensor, torch.Tensor]:
    """Two frames [2,40,60,3] of a square that moves right over a still ground, its flow, and what
    it hides and uncovers."""
    ground = torch.rand(40, 60, 3, generator=torch.Generator().manual_seed(0)) * 0.5
    frames = ground.repeat(2, 1, 1, 1)
    forward, backward = torch.zeros(1, 2, 40, 60), torch.zeros(1, 2, 40, 60)
    at = [(slice(12, 28), slice(10, 26)), (slice(12, 28), slice(10 + step, 26 + step))]
    for frame, (rows, columns) in enumerate(at):
        frames[frame, rows, columns] = 1.0
    forward[0, 0][at[0]] = step
    backward[0, 0][at[1]] = -step
    hidden, uncovered = torch.zeros(40, 60), torch.zeros(40, 60)
    hidden[12:28, 26 : 26 + step] = 1  # ground that the square comes to lie over
    uncovered[12:28, 10 : 10 + step] = 1
    return frames, Flow(forward, backward), hidden, uncovered


def test_what_is_hidden_and_what_is_uncovered() -> None:
    _, flow, hidden, uncovered = moving_square()
    lost, new = occlusions(flow)
    assert torch.equal(lost[0], hidden)
    assert torch.equal(new[0], uncovered)


def test_what_leaves_the_picture_is_hidden() -> None:
    forward = torch.zeros(1, 2, 10, 20)
    forward[:, 0] = 4
    lost, new = occlusions(Flow(forward, -forward))
    assert lost[0].sum(0).tolist() == [0] * 16 + [10] * 4
    assert new[0].sum(0).tolist() == [10] * 4 + [0] * 16


def test_still_footage_hides_nothing() -> None:
    still = torch.randn(3, 2, 30, 30, generator=torch.Generator().manual_seed(0)) * 0.05
    lost, new = occlusions(Flow(still, still.flip(0)))
    inner = (slice(None), slice(1, -1), slice(1, -1))  # noise leaves at the edges
    assert not lost[inner].any()
    assert not new[inner].any()


def test_warping_gives_the_frame_before_but_for_the_hidden() -> None:
    frames, flow, hidden, _ = moving_square()
    moved = warp(frames[1:], flow.forward)
    torch.testing.assert_close(moved[0][hidden == 0], frames[0][hidden == 0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("shift", [0.5, 1.25, -2.75])
def test_warping_is_bilinear(shift: float) -> None:
    ramp = torch.arange(30.0).expand(1, 20, 30)[..., None].contiguous()
    flow = torch.zeros(1, 2, 20, 30)
    flow[:, 0] = shift
    wanted = (torch.arange(30.0) + shift).clamp(0, 29)
    torch.testing.assert_close(warp(ramp, flow)[0, 5, :, 0], wanted, atol=1e-4, rtol=0)


def test_what_does_not_fit() -> None:
    with pytest.raises(InputError, match="expected flow in both directions"):
        occlusions(Flow(torch.zeros(1, 2, 8, 8)))
    with pytest.raises(InputError, match="expected 1 images of 8x8, found 1 of 9x8"):
        warp(torch.zeros(1, 8, 9, 3), torch.zeros(1, 2, 8, 8))
