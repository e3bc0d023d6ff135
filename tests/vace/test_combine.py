"""One control over another: known mixtures, and smooth edges that stay smooth."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from kinograph.engines.errors import InputError
from kinograph.engines.pose.poses import Poses
from kinograph.engines.render.skeleton import draw_skeletons
from kinograph.engines.vace.combine import combine, over_black_alpha


def plain(colour: tuple[float, float, float], frames: int = 1, size: int = 12) -> Tensor:
    return torch.tensor(colour, dtype=torch.float32).expand(frames, size, size, 3).clone()


def square(frames: int = 1, size: int = 12, colour: float = 0.3) -> Tensor:
    """A dark green square on black."""
    image = torch.zeros(frames, size, size, 3)
    image[:, 3:9, 3:9, 1] = colour
    return image


def test_a_dark_drawing_covers_wholly_and_black_not_at_all() -> None:
    base = plain((1, 0.5, 0))
    image, covered = combine(base, square())
    assert torch.equal(image[0, 3:9, 3:9], square()[0, 3:9, 3:9])
    assert covered.sum() == 36
    assert torch.equal(image[0, :3], base[0, :3])


def test_a_smooth_edge_covers_in_part() -> None:
    over = square(colour=0.6)
    over[:, 2, 3:9, 1] = 0.6 * 0.25  # a quarter of this row's pixels is covered
    image, covered = combine(plain((1, 1, 1)), over)
    torch.testing.assert_close(covered[0, 2, 3:9], torch.full((6,), 0.25))
    torch.testing.assert_close(image[0, 2, 5], torch.tensor([0.75, 0.75 + 0.15, 0.75]))


def test_skeletons_cover_as_they_were_drawn(people: Callable[..., Poses]) -> None:
    poses = people(3, 2, (120, 160), grown=0.4)
    drawn, mask = draw_skeletons(poses, style="openpose")
    covered = over_black_alpha(drawn, 0.02)
    wrong = (covered - mask).abs() > 0.15
    assert int(wrong.sum()) < 0.05 * int((mask > 0).sum())
    assert bool((covered[mask == 0] == 0).all())
    footage, _ = draw_skeletons(poses, style="openpose", footage=torch.ones(1, 120, 160, 3))
    image, _ = combine(torch.ones(1, 120, 160, 3), drawn)
    assert float((image - footage).abs().mean()) < 0.002


def test_noise_in_the_black_is_left_out() -> None:
    over = square() + 0.015
    image, covered = combine(plain((0.8, 0.8, 0.8)), over)
    assert covered.sum() == 36
    assert bool((image[0, :2] == 0.8).all())


@pytest.mark.parametrize(
    ("mode", "opacity", "wanted"),
    [
        ("replace", 1.0, (0.0, 0.2, 0.4)),
        ("replace", 0.5, (0.3, 0.3, 0.3)),
        ("replace", 0.0, (0.6, 0.4, 0.2)),
        ("lighten", 1.0, (0.6, 0.4, 0.4)),
        ("lighten", 0.5, (0.6, 0.4, 0.3)),
        ("over_black", 0.5, (0.3, 0.3, 0.3)),
    ],
)
def test_modes(mode: str, opacity: float, wanted: tuple[float, ...]) -> None:
    image, covered = combine(
        plain((0.6, 0.4, 0.2)), plain((0.0, 0.2, 0.4)), mode=mode, opacity=opacity
    )
    torch.testing.assert_close(image, plain(wanted))
    torch.testing.assert_close(covered, torch.full((1, 12, 12), opacity))


@pytest.mark.parametrize("mode", ["over_black", "replace", "lighten"])
def test_a_mask_says_where_over_shows(mode: str) -> None:
    mask = torch.zeros(1, 4, 4)
    mask[:, :, 2:] = 1
    base = plain((0.2, 0.2, 0.2), 3, 16)
    image, covered = combine(base, plain((1, 1, 1), 1, 16), mode=mode, mask=mask)
    assert torch.equal(image[:, :, :6], base[:, :, :6])
    assert bool((image[:, :, 10:] == 1).all())
    assert bool((covered[:, :, 10:] == 1).all())


@pytest.mark.parametrize(
    ("base", "over", "masks", "frames"),
    [(1, 1, 0, 1), (4, 1, 0, 4), (1, 4, 0, 4), (4, 4, 1, 4), (4, 4, 4, 4), (1, 1, 4, 4)],
)
def test_single_frames_serve_all(base: int, over: int, masks: int, frames: int) -> None:
    mask = torch.ones(masks, 12, 12) if masks else None
    image, covered = combine(plain((1, 1, 1), base), square(over), mask=mask)
    assert image.shape == (frames, 12, 12, 3)
    assert covered.shape == (frames, 12, 12)
    assert image.is_contiguous()
    assert covered.is_contiguous()
    torch.testing.assert_close(image[-1], image[0])


@pytest.mark.parametrize(
    ("fit", "shown"), [("stretch", 24 * 12), ("letterbox", 12 * 12), ("crop", 24 * 12)]
)
def test_over_comes_to_the_size_of_base(fit: str, shown: int) -> None:
    base = plain((0.1, 0.2, 0.3))[:, :, :1].expand(-1, -1, 24, -1)
    image, covered = combine(base, torch.ones(1, 6, 6, 3), mode="replace", fit=fit)
    assert image.shape == (1, 12, 24, 3)
    assert covered.sum() == shown
    assert torch.equal(image[covered == 0], base[covered == 0])  # base in the borders


def test_an_enlarged_drawing_keeps_its_colour_to_the_edge() -> None:
    """Cover is found before resizing: no dark fringe, wherever the edge comes to lie."""
    image, covered = combine(plain((1, 1, 1), 1, 60), square(1, 12, 0.6))
    mixed = 1 - covered  # red holds nothing but base
    torch.testing.assert_close(image[..., 0], mixed, atol=1e-5, rtol=0)
    torch.testing.assert_close(image[..., 1], mixed + 0.6 * covered, atol=1e-5, rtol=0)


def test_three_controls_in_a_chain() -> None:
    first, _ = combine(plain((1, 1, 1)), square())
    second, _ = combine(first, square()[:, :6].repeat(1, 2, 1, 1), mode="lighten")
    assert torch.equal(second, first)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "multiply"}, "mode: expected one of over_black, replace, lighten"),
        ({"opacity": 1.5}, r"opacity: expected 0..1, found 1.5"),
        ({"black": -0.1}, r"black: expected 0..1"),
        ({"over": square(4)}, r"base: expected 4 frames or 1, found 3 \(base 3, over 4\)"),
        ({"over": square(2)}, "over: expected 3 frames or 1, found 2"),
        ({"mask": torch.ones(2, 4, 4)}, "mask: expected 3 frames or 1, found 2"),
        ({"mask": torch.ones(4, 4)}, "mask: expected masks of shape"),
        ({"mask": torch.full((1, 4, 4), 255.0)}, "mask: .*divide by 255"),
        ({"base": torch.full((3, 12, 12, 3), math.nan)}, "base: .*NaN"),
        ({"over": torch.full((3, 12, 12, 3), 255.0)}, "over: .*divide by 255"),
        ({"over": torch.zeros(3, 12, 12, 4)}, "over: .*found 4"),
    ],
)
def test_controls_that_cannot_be_combined(options: dict[str, Any], message: str) -> None:
    given = {"base": plain((1, 1, 1), 3), "over": square(3), **options}
    with pytest.raises(InputError, match=message):
        combine(**given)


def test_controls_of_one_channel() -> None:
    footage, depth = torch.rand(3, 16, 24, 3), torch.rand(3, 16, 24, 1)
    image, _ = combine(footage, depth, mode="replace")
    assert torch.equal(image, depth.expand(-1, -1, -1, 3))
    under, _ = combine(depth, footage * 0, mode="over_black")
    assert torch.equal(under, depth.expand(-1, -1, -1, 3))
