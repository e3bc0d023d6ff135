"""Hidden pixels and warping on made scenes with known motion."""

import pytest
import torch

from flow_probes import occlusions, warp
from kinograph.engines.errors import InputError
from kinograph.engines.flow.choices import ONTO
from kinograph.engines.flow.consistency import occlusion, warp_clip
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
    assert not lost.any()
    assert not new.any()


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


def scene(steps: int, speed: int = 3) -> tuple[torch.Tensor, Flow, torch.Tensor, torch.Tensor]:
    """[steps + 1] frames of a square that goes on and on, its flow, and what it hides of the ground
    in the next frame and uncovers of the frame before."""
    ground = torch.rand(40, 60, 3, generator=torch.Generator().manual_seed(0)) * 0.5
    frames = ground.repeat(steps + 1, 1, 1, 1)
    forward, backward = torch.zeros(steps, 2, 40, 60), torch.zeros(steps, 2, 40, 60)
    lost, new = torch.zeros(steps + 1, 40, 60), torch.zeros(steps + 1, 40, 60)
    for i in range(steps + 1):
        left = 4 + speed * i
        frames[i, 10:30, left : left + 16] = 1.0
        if i < steps:
            forward[i, 0, 10:30, left : left + 16] = speed
            lost[i, 10:30, left + 16 : left + 16 + speed] = 1
        if i:
            backward[i - 1, 0, 10:30, left : left + 16] = -speed
            new[i, 10:30, left - speed : left] = 1
    return frames, Flow(forward, backward), lost, new


def chunk(flow: Flow, start: int, stop: int) -> Flow:
    """Its pairs from start to stop, as a chunk that goes on unless it begins the clip."""
    assert flow.forward is not None
    assert flow.backward is not None
    first = "" if start else flow.first
    return Flow(flow.forward[start:stop], flow.backward[start:stop], first=first)


def test_occlusion_belongs_to_frames() -> None:
    _, flow, lost, new = scene(6)
    found = occlusion(flow)
    assert torch.equal(found.lost, lost)
    assert torch.equal(found.new, new)
    assert bool((found.confidence[0] == 1).all())
    assert bool((found.confidence[new == 1] < 0.37).all())
    assert bool((found.confidence[new == 0] > 0.99).all())


@pytest.mark.parametrize("cut", [0, 1, 3, 5])
def test_occlusion_in_chunks(cut: int) -> None:
    _, flow, lost, new = scene(6)
    one, two = occlusion(chunk(flow, 0, cut)), occlusion(chunk(flow, cut, 6) if cut else flow)
    if not cut:
        assert one.new.shape == (1, 40, 60)
        assert not one.lost.any()
        return
    assert torch.equal(torch.cat([one.new, two.new]), new)
    lost[cut] = 0  # the last of its chunk: what follows is not there yet
    assert torch.equal(torch.cat([one.lost, two.lost]), lost)


def test_confidence_falls_with_the_error() -> None:
    forward = torch.zeros(1, 2, 8, 8)
    errors = [0.0, 0.2, 0.5, 1.0, 4.0]
    confidences = []
    for error in errors:
        backward = torch.zeros(1, 2, 8, 8)
        backward[:, 1] = error
        confidences.append(float(occlusion(Flow(forward, backward)).confidence[1, 2, 4]))
    assert confidences == sorted(confidences, reverse=True)
    assert confidences[0] == 1
    assert confidences[1] > 0.9
    assert confidences[-1] < 0.01


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
def test_the_smallest_pictures(shape: tuple[int, int]) -> None:
    flow = Flow(torch.zeros(2, 2, *shape), torch.zeros(2, 2, *shape))
    assert not occlusion(flow).new.any()
    image = torch.rand(3, *shape, 3)
    moved, unknown = warp_clip(image, flow)
    torch.testing.assert_close(moved[1:], image[:-1])
    assert not unknown.any()


@pytest.mark.parametrize("layout", ["plain", "channels last", "transposed"])
def test_occlusion_of_any_layout(layout: str) -> None:
    _, flow, lost, new = scene(3)
    assert flow.forward is not None
    assert flow.backward is not None
    make = {
        "plain": lambda f: f,
        "channels last": lambda f: f.movedim(1, -1).contiguous().movedim(-1, 1),
        "transposed": lambda f: f.transpose(2, 3).contiguous().transpose(2, 3),
    }[layout]
    found = occlusion(Flow(make(flow.forward), make(flow.backward)))
    assert torch.equal(found.lost, lost)
    assert torch.equal(found.new, new)


def test_the_previous_frame_brought_onto_this_one() -> None:
    frames, flow, _, new = scene(5)
    moved, unknown = warp_clip(frames, flow)
    assert torch.equal(unknown, new)
    assert torch.equal(moved[0], frames[0])
    known = new == 0
    torch.testing.assert_close(moved[known], frames[known], atol=1e-5, rtol=0)
    assert float((moved[~known] - frames[~known]).abs().max()) > 0.3


def test_the_next_frame_brought_onto_this_one() -> None:
    frames, flow, lost, _ = scene(5)
    moved, unknown = warp_clip(frames, flow, "next onto this")
    assert torch.equal(unknown, lost)
    assert torch.equal(moved[-1], frames[-1])
    known = lost == 0
    torch.testing.assert_close(moved[known], frames[known], atol=1e-5, rtol=0)


@pytest.mark.parametrize("onto", ONTO)
def test_warping_in_a_chunk_that_goes_on(onto: str) -> None:
    frames, flow, _, _ = scene(5)
    whole, unknown = warp_clip(frames, flow, onto)
    part, part_unknown = warp_clip(frames[2:5], chunk(flow, 1, 4), onto)
    own = 0 if onto == ONTO[0] else 2  # the frame whose neighbour is in another chunk
    for i in range(3):
        wanted = (
            (frames[2 + i], torch.zeros(40, 60)) if i == own else (whole[2 + i], unknown[2 + i])
        )
        torch.testing.assert_close(part[i], wanted[0])
        assert torch.equal(part_unknown[i], wanted[1])


def test_without_the_other_direction_only_what_leaves_is_unknown() -> None:
    back = torch.zeros(1, 2, 6, 10)
    back[:, 0] = -3
    _, unknown = warp_clip(torch.rand(2, 6, 10, 3), Flow(backward=back))
    assert unknown[1].sum(0).tolist() == [6] * 3 + [0] * 7
    assert not unknown[0].any()


def test_a_clip_of_one_frame_is_itself() -> None:
    image = torch.rand(1, 6, 10, 3)
    moved, unknown = warp_clip(image, Flow(backward=torch.zeros(0, 2, 6, 10)))
    assert torch.equal(moved, image)
    assert moved.data_ptr() != image.data_ptr()
    assert unknown.shape == (1, 6, 10)


def test_what_does_not_fit() -> None:
    with pytest.raises(InputError, match="expected flow in both directions, found forward only"):
        occlusions(Flow(torch.zeros(1, 2, 8, 8)))
    with pytest.raises(InputError, match="expected flow in both directions, found backward only"):
        occlusion(Flow(backward=torch.zeros(1, 2, 8, 8)))


@pytest.mark.parametrize(
    ("shape", "onto", "message"),
    [
        ((1, 8, 8, 3), ONTO[0], "image: expected the 2 frames of 8x8 of the flow, found 1 of 8x8"),
        ((2, 8, 9, 3), ONTO[0], "expected the 2 frames of 8x8 of the flow, found 2 of 9x8"),
        ((2, 8, 8, 4), ONTO[0], "image: expected 3 channels"),
        ((2, 8, 8, 3), ONTO[1], "expected forward flow, found backward only"),
        ((2, 8, 8, 3), "this", "onto: expected one of previous onto this, next onto this, found"),
    ],
)
def test_warping_what_does_not_fit(shape: tuple[int, ...], onto: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        warp_clip(torch.zeros(shape), Flow(backward=torch.zeros(1, 2, 8, 8)), onto)


def test_flow_must_be_finite() -> None:
    bad = torch.zeros(1, 2, 8, 8)
    bad[0, 0, 3, 3] = float("nan")
    good = torch.zeros(1, 2, 8, 8)
    for flow in (Flow(bad, good), Flow(good, bad)):
        for call in (occlusion, occlusions, lambda f: warp_clip(torch.zeros(2, 8, 8, 3), f)):
            with pytest.raises(InputError, match="flow: expected finite vectors"):
                call(flow)
