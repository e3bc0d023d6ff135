"""Letterboxing: never squashed, and undone exactly."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kinograph.engines.errors import InputError
from kinograph.engines.geometry.placement import Placement

sides = st.integers(1, 4000)


@given(sides, sides, st.integers(1, 32).map(lambda n: n * 32))
def test_there_and_back_is_the_identity(height: int, width: int, size: int) -> None:
    letterbox = Placement.longer_side((height, width), size, stride=32)
    points = torch.rand(50, 2, dtype=torch.float64) * torch.tensor([width, height])
    torch.testing.assert_close(letterbox.back(letterbox.into(points)), points)


@given(sides, sides, st.integers(1, 32).map(lambda n: n * 32))
def test_the_picture_keeps_its_shape(height: int, width: int, size: int) -> None:
    letterbox = Placement.longer_side((height, width), size, stride=32)
    assert max(letterbox.inner) == size
    assert all(side % 32 == 0 for side in letterbox.target)
    assert all(0 <= t - i < 32 for t, i in zip(letterbox.target, letterbox.inner, strict=True))
    scale = size / max(height, width)
    for inner, source in zip(letterbox.inner, (height, width), strict=True):
        assert abs(inner - max(1, source * scale)) <= 0.5


def test_pixels_land_where_points_do() -> None:
    frame = torch.zeros(1, 300, 500, 3)
    frame[0, 200:210, 400:410] = 1  # middle (405, 205)
    letterbox = Placement.longer_side((300, 500), 320, stride=32)
    image = letterbox.apply(frame)
    assert image.shape == (1, 3, 192, 320)
    ys, xs = torch.meshgrid(torch.arange(192) + 0.5, torch.arange(320) + 0.5, indexing="ij")
    weight = image[0, 0] / image[0, 0].sum()
    middle = torch.stack([(weight * xs).sum(), (weight * ys).sum()])
    torch.testing.assert_close(
        letterbox.back(middle), torch.tensor([405.0, 205.0]), atol=0.1, rtol=0
    )


def test_small_frames_are_enlarged_and_padded_with_the_fill() -> None:
    image = Placement.longer_side((10, 20), 64, stride=32).apply(
        torch.ones(2, 10, 20, 3), fill=0.25
    )
    assert image.shape == (2, 3, 32, 64)
    assert bool((image == 1).all())
    image = Placement.longer_side((20, 7), 64, stride=32).apply(torch.ones(2, 20, 7, 3), fill=0.25)
    assert image.shape == (2, 3, 64, 32)
    assert bool((image[..., 22:] == 0.25).all())


@pytest.mark.parametrize(("size", "advice"), [(100, "try 96"), (20, "try 32")])
def test_a_size_that_is_no_multiple_of_the_stride(size: int, advice: str) -> None:
    with pytest.raises(InputError, match=f"multiple of 32, found {size}; {advice}"):
        Placement.longer_side((100, 100), size, stride=32)
