"""Gaps of any values, filled from both ends."""

import math

import torch

from kinograph.engines.geometry import rotations
from kinograph.engines.tracking.gaps import Gaps, filled_throughout
from kinograph.engines.tracking.spaces import ROTATIONS


def known(*frames: int, of: int = 10) -> torch.Tensor:
    mask = torch.zeros(of, dtype=torch.bool)
    mask[list(frames)] = True
    return mask


def test_gaps_that_are_short_enough_and_have_two_ends() -> None:
    gaps = Gaps.find(known(1, 2, 4, 8), limit=2)
    assert gaps.within.nonzero().flatten().tolist() == [3]
    gaps = Gaps.find(known(1, 2, 4, 8), limit=3)
    assert gaps.within.nonzero().flatten().tolist() == [3, 5, 6, 7]
    assert not Gaps.find(known(), limit=9).within.any()
    assert Gaps.find(known(of=0), limit=9).within.shape == (0,)


def test_vectors_go_straight() -> None:
    there = known(0, 4, of=5)
    values = torch.tensor([0.0, 0, 0, 0, 8])[:, None] * torch.tensor([1.0, -2.0])
    filled = Gaps.find(there, 3).filled(values)
    assert filled[:, 0].tolist() == [0, 2, 4, 6, 8]
    assert filled[:, 1].tolist() == [0, -4, -8, -12, -16]
    lower = Gaps.find(there, 3).filled_with_lower(torch.tensor([0.5, 0, 0, 0, 0.9]))
    assert lower.tolist() == torch.tensor([0.5, 0.5, 0.5, 0.5, 0.9]).tolist()


def test_rotations_turn_evenly_the_short_way() -> None:
    angles = torch.deg2rad(torch.tensor([170.0, 0, 0, 0, -170]))
    vectors = torch.stack([angles, torch.zeros(5), torch.zeros(5)], -1)
    filled = Gaps.find(known(0, 4, of=5), 3).filled(rotations.exp_map(vectors), ROTATIONS)
    turned = [math.degrees(v) % 360 for v in rotations.log_map(filled)[:, 0].tolist()]
    torch.testing.assert_close(
        torch.tensor(turned), torch.tensor([170.0, 175, 180, 185, 190]), atol=1e-2, rtol=0
    )


def test_masks_bound_what_is_filled() -> None:
    gaps = Gaps.find(known(0, 3, of=4), 2).where(torch.tensor([True, True, False, True]))
    assert gaps.filled(torch.tensor([[0.0], [0], [0], [3]])).flatten().tolist() == [0, 1, 0, 3]


def test_everything_is_filled() -> None:
    there = torch.stack([known(1, 3, of=6), known(of=6)], 1)
    values = torch.tensor([9.0, 2, 9, 6, 9, 9])[:, None, None].expand(6, 2, 1)
    filled = filled_throughout(values, there)
    assert filled[:, 0, 0].tolist() == [2, 2, 4, 6, 6, 6]
    assert filled[:, 1, 0].tolist() == [0] * 6
    assert filled_throughout(values[:0], there[:0]).shape == (0, 2, 1)
