"""Shapes against their areas and against finer sampling."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinograph.engines.render.raster import DOT, ELLIPSE, LINE, Shapes, draw


def one(kind: int, x: float, y: float, angle: float, a: float, b: float) -> Shapes:
    return Shapes(
        frame=torch.tensor([0]),
        order=torch.tensor([0]),
        center=torch.tensor([[x, y]]),
        direction=torch.tensor([[math.cos(angle), math.sin(angle)]]),
        half_length=torch.tensor([a]),
        half_width=torch.tensor([b]),
        colour=torch.ones(1, 3),
        kind=torch.tensor([kind]),
    )


def covered(shapes: Shapes, antialias: bool = True) -> torch.Tensor:
    image, mask = torch.zeros(1, 120, 120, 3), torch.zeros(1, 120, 120)
    draw(shapes, image, mask, antialias=antialias)
    torch.testing.assert_close(image.amax(-1), mask)
    return mask[0]


near = st.floats(45, 75)


@settings(max_examples=60, deadline=None)
@given(near, near, st.floats(-math.pi, math.pi), st.floats(2, 35), st.floats(1.5, 8))
def test_areas(x: float, y: float, angle: float, a: float, b: float) -> None:
    line = float(covered(one(LINE, x, y, angle, a, b)).sum())
    # a faded edge is no exact area: round ends of thin lines come out a little larger
    assert line == pytest.approx(4 * a * b + math.pi * b * b, rel=0.02, abs=1.5)
    dot = float(covered(one(DOT, x, y, 0, b, b)).sum())
    assert dot == pytest.approx(math.pi * b * b, rel=0.04, abs=0.8)
    ellipse = float(covered(one(ELLIPSE, x, y, angle, max(a, b), b)).sum())
    assert ellipse == pytest.approx(math.pi * max(a, b) * b, rel=0.06, abs=1)


@settings(max_examples=60, deadline=None)
@given(near, near, st.floats(-math.pi, math.pi), st.floats(1, 35), st.floats(1, 8))
def test_a_line_covers_just_the_pixels_within_its_reach(
    x: float, y: float, angle: float, a: float, b: float
) -> None:
    got = covered(one(LINE, x, y, angle, a, b), antialias=False) > 0
    ys, xs = torch.meshgrid(torch.arange(120.0), torch.arange(120.0), indexing="ij")
    u = (xs - x) * math.cos(angle) + (ys - y) * math.sin(angle)
    v = (ys - y) * math.cos(angle) - (xs - x) * math.sin(angle)
    distance = torch.hypot(u - u.clamp(-a, a), v)
    assert bool(got[distance < b - 1e-3].all())
    assert not bool(got[distance > b + 1e-3].any())


def test_order_decides_who_covers_whom() -> None:
    for first, second in ((0, 1), (1, 0)):
        shapes = Shapes(
            frame=torch.tensor([0, 0]),
            order=torch.tensor([first, second]),
            center=torch.tensor([[50.0, 50.0], [54.0, 50.0]]),
            direction=torch.tensor([[1.0, 0.0]] * 2),
            half_length=torch.tensor([10.0, 10.0]),
            half_width=torch.tensor([10.0, 10.0]),
            colour=torch.tensor([[1.0, 0, 0], [0, 1.0, 0]]),
            kind=torch.tensor([DOT, DOT]),
        )
        for antialias in (True, False):
            image, mask = torch.zeros(1, 120, 120, 3), torch.zeros(1, 120, 120)
            draw(shapes, image, mask, antialias=antialias)
            assert image[0, 50, 52].tolist() == ([0, 1, 0] if second else [1, 0, 0])
            assert image[0, 50, 42].tolist() == [1, 0, 0]
            assert image[0, 50, 62].tolist() == [0, 1, 0]
            assert float(mask.max()) == 1


def test_overlapping_edges_are_mixed_front_to_back() -> None:
    """Five dots whose edges meet in one pixel: the mix is that of painting one after the other."""
    n = 5
    shapes = Shapes(
        frame=torch.zeros(n, dtype=torch.int64),
        order=torch.arange(n),
        center=torch.tensor(
            [[60.0 + 10.2 * math.cos(t), 60 + 10.2 * math.sin(t)] for t in range(n)]
        ),
        direction=torch.tensor([[1.0, 0.0]] * n),
        half_length=torch.full((n,), 10.0),
        half_width=torch.full((n,), 10.0),
        colour=torch.rand(n, 3, generator=torch.Generator().manual_seed(0)),
        kind=torch.full((n,), DOT),
    )
    background = torch.rand(1, 120, 120, 3, generator=torch.Generator().manual_seed(1))
    image, mask = background.clone(), torch.zeros(1, 120, 120)
    draw(shapes, image, mask, antialias=True)
    wanted = background.clone()
    clear = torch.ones(1, 120, 120)
    for i in range(n):
        x, y = shapes.center[i].tolist()
        alpha = covered(one(DOT, x, y, 0, 10, 10))[None]
        wanted = wanted * (1 - alpha[..., None]) + shapes.colour[i] * alpha[..., None]
        clear = clear * (1 - alpha)
    torch.testing.assert_close(image, wanted, atol=2e-3, rtol=0)
    torch.testing.assert_close(mask, 1 - clear, atol=2e-3, rtol=0)
