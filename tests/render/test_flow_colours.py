"""Flow as colours: the published wheel, scales that do what they say, and whole clips."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torchvision.utils import flow_to_image

from kinograph.engines.errors import InputError
from kinograph.engines.flow.flow import Flow
from kinograph.engines.flow.speeds import blocks, fastest
from kinograph.engines.render.choices import NORMALISATIONS
from kinograph.engines.render.flow_colours import flow_colours
from kinograph.engines.render.flow_drawing import DrawnFlow, draw_flow
from kinograph.engines.render.flow_legend import draw_legend
from kinograph.engines.render.flow_scales import ScaleState, flow_scales
from kinograph.engines.render.wheels import WHEELS
from kinograph.engines.render.wheels.middlebury import colour_wheel


def flows(count: int = 3, seed: int = 0, size: tuple[int, int] = (40, 60)) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(count, 2, *size, generator=random) * 5


def scales_of(flow: torch.Tensor, normalise: str = "vace", **options: float) -> torch.Tensor:
    return flow_scales(flow, normalise, **options)[0]


def round_the_wheel(count: int = 8) -> torch.Tensor:
    """[1,2,1,count] unit vectors, clockwise on the screen from the right."""
    turns = torch.arange(count) * (2 * math.pi / count)
    return torch.stack([turns.cos(), turns.sin()])[None, :, None]


def test_the_wheel_is_the_published_one() -> None:
    from torchvision.utils import _make_colorwheel

    torch.testing.assert_close(colour_wheel() * 255, _make_colorwheel())


@pytest.mark.parametrize("size", [(40, 60), (1, 1), (3, 1), (400, 500)])
def test_vace_is_each_frame_as_torchvision_draws_it_alone(size: tuple[int, int]) -> None:
    flow = flows(size=size)
    ours = flow_colours(flow, scales_of(flow)) * 255
    for i in range(3):  # torchvision normalises by the fastest of all it is given
        theirs = flow_to_image(flow[i : i + 1])[0].movedim(0, -1).float()
        assert float((ours[i] - theirs).abs().max()) <= 1.01  # it cuts to 8 bits


def test_clip_is_the_batch_as_torchvision_draws_it() -> None:
    flow = flows() * torch.tensor([0.1, 1.0, 0.5])[:, None, None, None]
    ours = flow_colours(flow, scales_of(flow, "clip")) * 255
    theirs = flow_to_image(flow).movedim(1, -1).float()
    assert float((ours - theirs).abs().max()) <= 1.01


def test_hsv_is_hue_and_saturation() -> None:
    from colorsys import hsv_to_rgb

    flow = flows(1, size=(6, 7))
    image = flow_colours(flow, torch.tensor([9.0]), colours="hsv")[0]
    for row in range(6):
        for column in range(7):
            u, v = flow[0, :, row, column].tolist()
            hue = math.atan2(v, u) / (2 * math.pi) % 1
            wanted = hsv_to_rgb(hue, min(1, math.hypot(u, v) / 9), 1)
            assert image[row, column].tolist() == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("colours", WHEELS)
def test_right_is_red_and_hues_follow_clockwise(colours: str) -> None:
    image = flow_colours(round_the_wheel(), torch.ones(1), colours=colours)[0, 0]
    assert image[0].tolist() == pytest.approx([1, 0, 0], abs=1e-5)
    down, left, up = image[2], image[4], image[6]
    assert bool(down[2] < 0.01)
    assert float(down[1]) > 0.4
    assert bool(left[0] < 0.01)
    assert float(up[2]) > 0.9
    assert len({tuple(c) for c in (image * 255).round().int().tolist()}) == 8


@pytest.mark.parametrize(
    "spoil",
    [
        lambda f: f.transpose(2, 3).contiguous().transpose(2, 3),
        lambda f: f.movedim(1, -1).contiguous().movedim(-1, 1),
        lambda f: f.repeat_interleave(2, 3)[..., ::2],
        lambda f: f.double(),
    ],
)
def test_layout_of_the_tensors_does_not_matter(
    spoil: Callable[[torch.Tensor], torch.Tensor],
) -> None:
    flow = flows()
    same = spoil(flow)
    torch.testing.assert_close(scales_of(same), scales_of(flow))
    for floor in (0.0, 2.0):
        drawn = flow_colours(same, scales_of(same), floor=floor)
        torch.testing.assert_close(drawn, flow_colours(flow, scales_of(flow), floor=floor))


@pytest.mark.parametrize("shape", [(5, 40, 60), (3, 700, 300), (2, 2, 200_000), (0, 4, 4)])
@pytest.mark.parametrize("whole", [False, True])
def test_blocks_are_everything_once(shape: tuple[int, int, int], whole: bool) -> None:
    seen = torch.zeros(shape[0], *shape[1:])
    for at, rows in blocks(seen[:, None].expand(-1, 2, -1, -1), whole=whole):
        seen[at, rows] += 1
        assert not whole or rows == slice(0, shape[1])
    assert bool((seen == 1).all())


def test_parts_of_a_frame_have_the_scale_of_the_frame() -> None:
    flow = torch.zeros(2, 2, 700, 300)
    flow[0, 0, 699, 299] = 8
    flow[1, 1, 0, 0] = -3
    assert fastest(flow).tolist() == [8, 3]
    image = flow_colours(flow, scales_of(flow))
    assert image[0, 699, 299].tolist() == pytest.approx([1, 0, 0], abs=1e-4)
    assert bool((image.flatten(1).sum(1) < 700 * 300 * 3).all())


@pytest.mark.parametrize("normalise", NORMALISATIONS)
@pytest.mark.parametrize("noise", [0.01, 0.1, 0.3])
def test_noise_of_a_still_clip_stays_pale(normalise: str, noise: float) -> None:
    still = Flow(flows(4, size=(100, 120)) / 5 * noise)
    drawn = draw_flow(still, normalise=normalise)
    assert float(drawn.image.mean()) > 0.97
    if noise <= 0.1:
        assert bool((drawn.image == 1).all())
        assert not drawn.mask.any()
    loud = draw_flow(still, normalise="vace", noise_floor=0)
    assert float(loud.image.mean()) < 0.9  # what the floor is for


def test_colours_fade_in_from_the_floor_to_twice_that() -> None:
    flow = torch.zeros(1, 2, 1, 4)
    flow[0, 0, 0] = torch.tensor([0.99, 1.5, 2.0, 4.0])
    image = flow_colours(flow, torch.tensor([4.0]), floor=1.0)[0, 0]
    assert image[:, 1].tolist() == pytest.approx([1, 1 - 1.5 / 4 / 2, 0.5, 0], abs=1e-6)


def test_fixed_scales_and_what_is_faster() -> None:
    flow = torch.zeros(1, 2, 1, 3)
    flow[0, 0, 0] = torch.tensor([5.0, 10.0, 40.0])
    image = flow_colours(flow, scales_of(flow, "fixed", fixed=10.0))
    torch.testing.assert_close(image[0, 0, 1], image[0, 0, 2])
    torch.testing.assert_close(1 - image[0, 0, 0], (1 - image[0, 0, 1]) / 2)
    assert scales_of(torch.zeros(1, 2, 30, 40), "fixed").tolist() == pytest.approx([1.0])


def test_strength_really_changes_the_picture() -> None:
    flow = flows()
    scales = scales_of(flow)
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
    scales, state = flow_scales(flow, "ema")
    assert scales.tolist() == pytest.approx(wanted, rel=1e-4)
    assert state.held == pytest.approx(wanted[-1])
    assert flow_scales(flow[:0], "ema", state=state)[1] == state
    more, _ = flow_scales(flow[:1], "ema", state=state)
    assert more.tolist() == pytest.approx([19 * 0.95], rel=1e-4)


@pytest.mark.parametrize("normalise", [n for n in NORMALISATIONS if n != "clip"])
@pytest.mark.parametrize("first", ["duplicate", "white", "zero"])
@pytest.mark.parametrize("cuts", [(4,), (1, 2, 3), (0, 5), (7, 8)])
def test_chunks_are_the_whole(normalise: str, first: str, cuts: tuple[int, ...]) -> None:
    speeds = torch.tensor([1, 4, 0.2, 0.1, 8, 3, 0.5, 0.1, 0.3])[:, None, None, None]
    rows = flows(9) * speeds / 5
    whole = draw_flow(Flow(rows, first=first), normalise=normalise)
    # The first chunk's own frame stands before its pairs; without pairs duplicate is white.
    if first == "duplicate" and cuts[0] == 0:
        whole = replace(whole, image=whole.image[1:], mask=whole.mask[1:])
    state, parts = None, []
    for number, chunk in enumerate(rows.tensor_split(cuts)):
        flow = Flow(chunk, first="" if number else first)
        parts.append(draw_flow(flow, normalise=normalise, state=state))
        state = parts[-1].state
    image, mask = torch.cat([p.image for p in parts]), torch.cat([p.mask for p in parts])
    if first == "duplicate" and cuts[0] == 0:
        assert bool((image[0] == 1).all())
        image, mask = image[1:], mask[1:]
    torch.testing.assert_close(image, whole.image, atol=1e-6, rtol=0)
    assert torch.equal(mask, whole.mask)


def first_and_rest(drawn: DrawnFlow) -> tuple[torch.Tensor, torch.Tensor]:
    return drawn.image[0], drawn.image[1]


def test_what_stands_for_the_first_frame() -> None:
    rows = flows()
    first, second = first_and_rest(draw_flow(Flow(rows)))
    assert torch.equal(first, second)
    first, _ = first_and_rest(draw_flow(Flow(rows, first="white"), legend=False))
    assert bool((first == 1).all())
    zero = draw_flow(Flow(rows, first="zero"))
    assert not zero.image[0].any()
    assert not zero.mask[0].any()
    chunk = draw_flow(Flow(rows, first=""))
    assert len(chunk.image) == len(chunk.mask) == 3
    torch.testing.assert_close(chunk.image, zero.image[1:])


@pytest.mark.parametrize(("first", "colour"), [("duplicate", 1), ("white", 1), ("zero", 0)])
@pytest.mark.parametrize("normalise", NORMALISATIONS)
def test_a_clip_of_one_frame(first: str, colour: int, normalise: str) -> None:
    drawn = draw_flow(Flow(torch.zeros(0, 2, 100, 90), first=first), normalise=normalise)
    assert drawn.image.shape == (1, 100, 90, 3)
    assert bool((drawn.image == colour).all())
    assert not drawn.mask.any()
    assert draw_flow(
        Flow(torch.zeros(0, 2, 100, 90), first=first), legend=True
    ).image.any() == bool(colour)


def test_the_mask_is_what_reaches_the_floor() -> None:
    rows = torch.zeros(1, 2, 1, 4)
    rows[0, 1, 0] = torch.tensor([0, 0.49, -0.5, 3])
    assert draw_flow(Flow(rows)).mask[1, 0].tolist() == [0, 0, 1, 1]
    assert draw_flow(Flow(rows), noise_floor=0).mask[1, 0].tolist() == [0, 1, 1, 1]


def test_directions() -> None:
    there, back = flows(seed=1), flows(seed=2)
    both = Flow(there, back)
    forward, backward = (draw_flow(Flow(there)).image, draw_flow(Flow(backward=back)).image)
    assert torch.equal(draw_flow(both).image, forward)
    assert torch.equal(draw_flow(both, direction="forward").image, forward)
    assert torch.equal(draw_flow(both, direction="backward").image, backward)
    with pytest.raises(InputError, match="expected forward flow, found backward only"):
        draw_flow(Flow(backward=back), direction="forward")


def test_the_vace_mode_without_a_floor_is_vaces() -> None:
    rows = flows()
    drawn = draw_flow(Flow(rows), noise_floor=0)
    torch.testing.assert_close(drawn.image[1:], flow_colours(rows, fastest(rows) + 1e-5))


def read_number(image: torch.Tensor, dot: int) -> torch.Tensor:
    """[7,48] the legend's first line in dots, 1 = ink"""
    wide = 56 * dot
    top = image.shape[0] - wide - 18 * dot + 54 * dot
    line = image[top : top + 7 * dot : dot, 4 * dot : 52 * dot : dot, 0]
    return (line < 0.5).int()


@pytest.mark.parametrize("size", [(80, 60), (74, 56), (330, 500)])
def test_the_legend_says_the_scale(size: tuple[int, int]) -> None:
    dot = max(1, min(size) // 160)
    image = torch.full((2, *size, 3), 0.25)
    draw_legend(image, torch.tensor([12.34, 1204.5]))
    one, two = (read_number(frame, dot) for frame in image)
    digit = {
        1: "..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###.",
        4: "...#. ..##. .#.#. #..#. ##### ...#. ...#.",
    }
    for frame, places in ((one, {1: 3, 4: 7}), (two, {1: 1, 4: 4})):
        for number, place in places.items():
            glyph = [
                "".join(".#"[dot] for dot in row) for row in frame[:, place * 6 :][:, :5].tolist()
            ]
            assert " ".join(glyph) == digit[number]
    assert not one[:, : 2 * 6].any()  # no leading zeros
    outside = image.clone()
    outside[:, -74 * dot :, : 56 * dot] = 0.25
    assert bool((outside == 0.25).all())
    centre = image[0, size[0] - 74 * dot + 28 * dot, 28 * dot]
    assert float(centre.min()) > 0.9  # still: white
    right = image[0, size[0] - 74 * dot + 28 * dot, 51 * dot - 1]
    assert right.tolist() == pytest.approx([1, 0, 0], abs=0.1)


def test_the_legend_in_a_drawn_clip() -> None:
    rows = flows(size=(160, 200))
    plain, drawn = draw_flow(Flow(rows)), draw_flow(Flow(rows), legend=True)
    changed = (plain.image != drawn.image).any(-1).any(0)
    assert changed.any()
    assert not changed[:, 60:].any()
    assert torch.equal(drawn.image[0], drawn.image[1])
    white = draw_flow(Flow(rows, first="white"), legend=True)
    assert bool((white.image[0] == 1).all())
    strong = draw_flow(Flow(rows), legend=True, strength=2.0, normalise="fixed", scale=8.0)
    weak = draw_flow(Flow(rows), legend=True, strength=1.0, normalise="fixed", scale=4.0)
    torch.testing.assert_close(strong.image, weak.image)  # full colour at 4 px: both say so


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normalise": "mean"}, "normalise: expected one of vace, clip, fixed, ema, found 'mean'"),
        ({"scale": -1.0}, "scale.*expected at least 0 px, found -1"),
        ({"noise_floor": -1.0}, "expected at least 0 px"),
        ({"strength": -1.0}, "strength: expected at least 0, found 0.5 and -1"),
        ({"colours": "jet"}, "colours: expected one of middlebury, hsv, found 'jet'"),
        ({"direction": "up"}, "direction: expected one of estimated, forward, backward"),
        ({"direction": "backward"}, "expected backward flow, found forward only"),
        ({"legend": True}, r"legend: expected pictures of at least 56x74, found 60x40; switch"),
        ({"normalise": "clip", "state": ScaleState()}, "normalise: clip needs the whole clip"),
    ],
)
def test_unusable_settings(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        draw_flow(Flow(flows()), **options)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("normalise", NORMALISATIONS)
def test_flow_must_be_finite(value: float, normalise: str) -> None:
    rows = flows()
    rows[2, 1, 7, 9] = value
    with pytest.raises(InputError, match=r"NaN or infinity in 1 of 3 pairs.*pair 2"):
        draw_flow(Flow(rows), normalise=normalise)


def test_nothing_to_draw() -> None:
    with pytest.raises(InputError, match="flow: expected at least one frame, found none"):
        draw_flow(Flow(torch.zeros(0, 2, 4, 4), first=""))
    with pytest.raises(InputError, match="flow: expected pixels, found pictures of 0x4"):
        draw_flow(Flow(torch.zeros(1, 2, 4, 0)))


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
