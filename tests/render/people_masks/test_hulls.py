"""The pixels of convex hulls of discs, against their definition."""

import math

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from kinograph.engines.render.people_masks.hulls import Hulls, HullTable, Spans
from kinograph.engines.render.people_masks.paint import paint_spans

SIZE = (60, 80)


def filled(spans: Spans, people: int = 1) -> Tensor:
    """Return one picture for each person, [N,H,W] bool."""
    frame = torch.arange(people)
    rank = torch.ones(people, dtype=torch.int64)
    return paint_spans(spans, frame, rank, torch.zeros_like(frame), SIZE) > 0


def hulls_of(discs: Tensor, *hulls: tuple[int, ...]) -> Hulls:
    people = torch.arange(len(discs))
    return Hulls.of(
        discs, torch.ones(discs.shape[:2], dtype=torch.bool), people, HullTable.of(*hulls)
    )


def depth(discs: Tensor) -> Tensor:
    """Return how far the middles of pixels are from the discs between two ends [2,3], negative
    inside: there is one disc at every place between both."""
    part = torch.linspace(0, 1, 4001)[:, None]
    x, y, r = (discs[0] * (1 - part) + discs[1] * part).unbind(1)
    row, column = torch.meshgrid(torch.arange(60) + 0.5, torch.arange(80) + 0.5, indexing="ij")
    best = torch.full(SIZE, torch.inf)
    for some in torch.arange(4001).split(500):
        far = (row[..., None] - y[some]) ** 2 + (column[..., None] - x[some]) ** 2
        best = torch.minimum(best, (far.sqrt() - r[some]).amin(-1))
    return best


@pytest.mark.parametrize(
    "ends",
    [
        ([20.0, 20.0, 8.0], [60.0, 41.3, 3.0]),
        ([40.0, 10.0, 5.0], [40.0, 50.0, 5.0]),  # upright
        ([10.0, 30.0, 4.0], [70.0, 30.0, 9.0]),  # level
        ([40.0, 30.0, 12.0], [44.0, 32.0, 3.0]),  # one within the other
        ([40.0, 30.0, 6.0], [40.0, 30.0, 6.0]),  # the same
        ([-5.0, -9.0, 20.0], [90.0, 70.0, 10.0]),  # beyond the picture
    ],
)
def test_two_discs_cover_all_discs_between_them(ends: tuple[list[float], list[float]]) -> None:
    discs = torch.tensor(ends)
    found, far = filled(hulls_of(discs[None], (0, 1)).spans(SIZE))[0], depth(discs)
    assert found[far < -0.01].all()
    assert not found[far > 0.01].any()


def test_hulls_of_several_discs_are_those_of_opencv() -> None:
    made = torch.Generator().manual_seed(0)
    discs = torch.rand(6, 5, 3, generator=made) * torch.tensor([60.0, 40.0, 8.0])
    discs = discs + torch.tensor([10.0, 10.0, 2.0])
    found = filled(hulls_of(discs, (0, 1, 2, 3, 4)).spans(SIZE), 6)
    angle = torch.linspace(0, 2 * math.pi, 721)[:-1, None]
    circle = torch.cat([angle.cos(), angle.sin()], 1)
    for person, mask in zip(discs, found, strict=True):
        rims = (person[:, None, :2] + person[:, None, 2:] * circle).flatten(0, 1)
        outline = cv2.convexHull(rims.numpy())
        inside = np.array(
            [
                [cv2.pointPolygonTest(outline, (x + 0.5, y + 0.5), True) for x in range(80)]
                for y in range(60)
            ]
        )
        far = torch.from_numpy(inside)
        assert mask[far > 0.02].all()
        assert not mask[far < -0.02].any()


def test_discs_that_are_not_seen_are_left_out_of_their_hull() -> None:
    discs = torch.tensor([[[20.0, 20, 5], [50, 20, 5], [35, 50, 5]]]).repeat(3, 1, 1)
    seen = torch.tensor([[True, True, False], [True, False, False], [True, True, True]])
    discs[2, 2] = torch.tensor([torch.nan, 0.0, 5.0])
    table = HullTable.of((0, 1, 2), (0,))
    hulls = Hulls.of(discs, seen, torch.arange(3), table)
    one, two, three = filled(hulls.spans(SIZE), 3)
    assert one.sum() == pytest.approx(30 * 10 + math.pi * 25, abs=12)
    assert two.sum() == pytest.approx(math.pi * 25, abs=6)  # the hull of one disc
    assert torch.equal(three, one)
    assert not filled(hulls.of_people(torch.tensor([False] * 3)).spans(SIZE)).any()
