"""Gaps that are filled."""

import pytest
import torch

from kinograph.engines.pose.gaps import GapFiller, fill_gaps
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.tracking import Tracker
from walkers import CROSSING, poses_of, same, straight


def test_gaps_are_filled_on_a_straight_line() -> None:
    path = straight((100, 250), (500, 250), 41)[:, None]
    present = torch.ones(41, 1, dtype=torch.bool)
    present[10:15] = False
    whole = Tracker().update(poses_of(path))
    holed = Tracker().update(poses_of(path, present=present))
    assert holed.count.tolist() != whole.count.tolist()
    assert same(fill_gaps(holed, 5), whole)
    assert same(fill_gaps(holed, 4), holed)


def test_joints_are_filled_with_the_lower_confidence() -> None:
    poses = Tracker().update(poses_of(straight((100, 250), (140, 250), 5)[:, None]))
    true = poses.keypoints.clone()
    poses.confidence[1:3, 0, 9] = 0
    poses.keypoints[1:3, 0, 9] = 0
    poses.confidence[3, 0, 9] = 0.4
    filled = fill_gaps(poses, 2)
    torch.testing.assert_close(filled.keypoints, true)
    assert filled.confidence[:, 0, 9].tolist() == pytest.approx([0.9, 0.4, 0.4, 0.4, 0.9])


def test_nothing_is_made_up_at_the_ends() -> None:
    present = torch.ones(20, 1, dtype=torch.bool)
    present[:4] = False
    present[16:] = False
    poses = Tracker().update(
        poses_of(straight((100, 250), (300, 250), 20)[:, None], present=present)
    )
    assert same(fill_gaps(poses, 10), poses)


@pytest.mark.parametrize("lengths", [(40,), (1,) * 40, (7, 20, 13), (3, 0, 34, 3)])
@pytest.mark.parametrize("limit", [0, 3, 6])
def test_gaps_across_chunks_are_filled_as_of_the_whole(
    lengths: tuple[int, ...], limit: int
) -> None:
    random = torch.Generator().manual_seed(3)
    present = torch.rand(40, 2, generator=random) > 0.4
    poses = Tracker().update(poses_of(CROSSING, present=present))
    poses.confidence[torch.rand(poses.confidence.shape, generator=random) > 0.7] = 0
    filler, chunks, begin = GapFiller(limit), [], 0
    for length in lengths:
        chunks.append(filler.update(poses.slice(begin, begin + length)))
        begin += length
    chunks.append(filler.finish())
    given = [chunk for chunk in chunks if chunk is not None]
    assert sum(map(len, given)) == 40
    assert same(Poses.cat(given), fill_gaps(poses, limit))
    assert filler.finish() is None
