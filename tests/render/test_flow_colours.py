"""Flow as colours: the published wheel, and scales that do what they say."""

import math

import pytest
import torch
from torchvision.utils import flow_to_image

from kinograph.engines.errors import InputError
from kinograph.engines.flow.flow import Flow
from kinograph.engines.render.flow_colours import colour_wheel, flow_colours, flow_scales


def flows(count: int = 3, seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(count, 2, 40, 60, generator=random) * 5


def test_the_wheel_is_the_published_one() -> None:
    from torchvision.utils import _make_colorwheel

    torch.testing.assert_close(colour_wheel() * 255, _make_colorwheel())


def test_vace_is_each_frame_as_torchvision_draws_it_alone() -> None:
    flow = flows()
    ours = flow_colours(flow, flow_scales(flow)) * 255
    for i in range(3):  # torchvision normalises by the fastest of all it is given
        theirs = flow_to_image(flow[i : i + 1])[0].movedim(0, -1).float()
        assert float((ours[i] - theirs).abs().max()) <= 1.01  # it cuts to 8 bits


def test_clip_is_the_batch_as_torchvision_draws_it() -> None:
    flow = flows() * torch.tensor([0.1, 1.0, 0.5])[:, None, None, None]
    ours = flow_colours(flow, flow_scales(flow, "clip")) * 255
    theirs = flow_to_image(flow).movedim(1, -1).float()
    assert float((ours - theirs).abs().max()) <= 1.01


@pytest.mark.parametrize("normalise", ["vace", "clip", "ema", "fixed"])
def test_noise_stays_pale(normalise: str) -> None:
    noise = flows() * 0.01
    scales = flow_scales(noise, normalise, floor=1.0)
    image = flow_colours(noise, scales, floor=0.5)
    assert bool((image == 1).all())
    loud = flow_colours(noise, flow_scales(noise))
    assert float(loud.min()) < 0.2  # what the floor is for


def test_fixed_scales_and_what_is_faster() -> None:
    flow = torch.zeros(1, 2, 1, 3)
    flow[0, 0, 0] = torch.tensor([5.0, 10.0, 40.0])
    image = flow_colours(flow, flow_scales(flow, "fixed", fixed=10.0))
    torch.testing.assert_close(image[0, 0, 1], image[0, 0, 2])
    torch.testing.assert_close(1 - image[0, 0, 0], (1 - image[0, 0, 1]) / 2)
    assert flow_scales(torch.zeros(1, 2, 30, 40), "fixed").tolist() == pytest.approx([1.0])


def test_strength_really_changes_the_picture() -> None:
    flow = flows()
    scales = flow_scales(flow)
    one, half, none = (flow_colours(flow, scales, strength=s) for s in (1.0, 0.5, 0.0))
    torch.testing.assert_close(1 - half, (1 - one) / 2)
    assert bool((none == 1).all())
    double = flow_colours(flow, scales, strength=2.0)
    assert float(double.mean()) < float(one.mean())


def test_ema_falls_slowly_and_rises_at_once() -> None:
    flow = torch.zeros(6, 2, 2, 2)
    speeds = [1.0, 8.0, 1.0, 1.0, 20.0, 0.0]
    flow[:, 0, 0, 0] = torch.tensor(speeds)
    wanted, held = [], 0.0
    for speed in speeds:
        held = max(speed, held * 0.95)
        wanted.append(held)
    assert flow_scales(flow, "ema").tolist() == pytest.approx(wanted, rel=1e-4)
    assert flow_scales(flow[:0], "ema").shape == (0,)


def test_opposite_directions_have_opposite_colours() -> None:
    turns = torch.arange(8) * math.pi / 4
    flow = torch.stack([turns.cos(), turns.sin()], 0)[None, :, None]
    image = flow_colours(flow, torch.ones(1))[0, 0]
    assert len({tuple(c) for c in (image * 255).round().int().tolist()}) == 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normalise": "mean"}, "normalise: expected one of vace, clip, fixed, ema, found 'mean'"),
        ({"floor": -1.0}, "expected at least 0 px"),
    ],
)
def test_unusable_scales(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        flow_scales(flows(), **options)


def test_flow_says_what_does_not_fit() -> None:
    flow = flows()
    assert Flow(flow, flow).size == (40, 60)
    assert len(Flow(flow)) == 3
    with pytest.raises(InputError, match=r"Flow.forward: expected .* found"):
        Flow(flow[:, :1])
    with pytest.raises(InputError, match=r"Flow.backward"):
        Flow(flow, flow[:2])
    with pytest.raises(InputError, match=r"Flow.fps: expected more than 0, found 0"):
        Flow(flow, fps=0)
