"""Crops of regions that may be turned: those that are not are sampled in another way."""

import pytest
import torch

from kinograph.engines.geometry.turned_crops import Regions, _sampled, crop_turned


@pytest.mark.parametrize("fill", [0.0, None])
@pytest.mark.parametrize("largest", [40, 300])
def test_upright_regions_are_sampled_alike_in_both_ways(fill: float | None, largest: int) -> None:
    """What is sampled along rows and columns has the bits of what is sampled point by point."""
    made = torch.Generator().manual_seed(0)
    frames = torch.rand(3, 40, 60, 3, generator=made)
    regions = Regions(
        frame=torch.arange(12) % 3,
        centre=torch.rand(12, 2, generator=made) * 90 - 15,
        side=torch.rand(12, generator=made) * largest + 1,
        angle=torch.zeros(12),
    )
    together = crop_turned(frames, regions, 16, fill=fill)
    fine = (regions.side / 16).ceil().clamp(1, 8).long().tolist()
    for number, samples in enumerate(fine):
        one = regions.at(torch.tensor([number]))
        assert torch.equal(together[number], _sampled(frames, one, 16, samples, fill)[0])
