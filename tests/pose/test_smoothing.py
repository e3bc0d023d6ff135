"""Joints that stay with bodies."""

import itertools
from dataclasses import replace

import pytest
import torch

from kinograph.engines.errors import InputError
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.smoothing import Smoother
from kinograph.engines.pose.tracking import Tracker
from kinograph.engines.pose.tracks import by_track, jitter
from walkers import CROSSING, poses_of, same, straight


def still(frames: int, noise: float) -> Poses:
    path = straight((400, 250), (400, 250), frames)[:, None]
    return Tracker().update(poses_of(path, noise=noise))


@pytest.mark.parametrize("direction", ["causal", "both"])
def test_what_rests_is_held(direction: str) -> None:
    poses = still(60, 2.0)
    smooth = Smoother(fps=30, direction=direction, min_cutoff=0.5, beta=1).update(poses)
    assert jitter(smooth) < 0.15 * jitter(poses)
    assert float((smooth.keypoints[20:, 0] - still(60, 0.0).keypoints[20:, 0]).std()) < 1.3


def test_what_moves_is_followed() -> None:
    path = straight((100, 250), (700, 250), 30)[:, None]
    poses = Tracker().update(poses_of(path))
    lag = (poses.keypoints - Smoother(fps=30).update(poses).keypoints)[5:, 0, :, 0]
    assert float(lag.abs().max()) < 12  # 20 px per frame
    both = (poses.keypoints - Smoother(fps=30, direction="both").update(poses).keypoints)[5:25]
    assert float(both.abs().max()) < 0.5  # the ends are not quite over


def test_smoothing_is_the_published_filter() -> None:
    """One joint, step by step, as in the authors' reference implementation."""
    poses = still(12, 3.0)
    fps, cutoff, beta = 15.0, 1.2, 4.0
    smooth = Smoother(fps=fps, min_cutoff=cutoff, beta=beta).update(poses)
    tracks = by_track(poses)
    heights = (tracks.boxes[:, 0, 3] - tracks.boxes[:, 0, 1]).tolist()

    def alpha(hz: float) -> float:
        tau = 1 / (2 * torch.pi * hz)
        return 1 / (1 + tau * fps)

    raw = tracks.keypoints[:, 0, 9]
    x, dx = raw[0], torch.zeros(2)
    for f in range(1, 12):
        dx = alpha(1.0) * (raw[f] - x) * fps + (1 - alpha(1.0)) * dx
        a = alpha(cutoff + beta * float(dx.norm()) / heights[f])
        x = a * raw[f] + (1 - a) * x
        torch.testing.assert_close(smooth.keypoints[f, 0, 9], x, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("lengths", [(1,) * 40, (7, 20, 13)])
def test_chunks_are_smoothed_as_the_whole(lengths: tuple[int, ...]) -> None:
    present = torch.ones(40, 2, dtype=torch.bool)
    present[12:16, 0] = False
    poses = Tracker().update(poses_of(CROSSING, noise=2.0, present=present))
    whole = Smoother().update(poses)
    smoother, chunks, begin = Smoother(), [], 0
    for length in lengths:
        smoother = Smoother(state=smoother.state)
        chunks.append(smoother.update(poses.slice(begin, begin + length)))
        begin += length
    assert same(Poses.cat(chunks), whole)


def test_after_a_while_out_of_sight_a_joint_begins_anew() -> None:
    path = torch.cat([straight((100, 250), (100, 250), 10), straight((160, 250), (160, 250), 20)])
    present = torch.ones(30, 1, dtype=torch.bool)
    present[10:20] = False
    poses = Tracker(max_gap=20).update(poses_of(path[:, None], present=present))
    assert poses.track_ids[-1, 0] == 0
    smooth = Smoother(fps=16).update(poses)
    assert torch.equal(smooth.keypoints[20], poses.keypoints[20])


def test_unseen_joints_and_people_without_tracks_stay() -> None:
    poses = poses_of(CROSSING, noise=2.0)
    assert same(Smoother().update(poses), poses)
    tracked = Tracker().update(poses)
    tracked.confidence[:, :, 5] = 0
    smooth = Smoother().update(tracked)
    assert torch.equal(smooth.confidence, tracked.confidence)
    assert torch.equal(smooth.keypoints[:, :, 5], tracked.keypoints[:, :, 5])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fps": 0}, "fps: expected more than 0"),
        ({"min_cutoff": -1}, "min_cutoff: expected more than 0"),
        ({"beta": -1}, "beta: expected at least 0"),
        ({"direction": "up"}, "direction: expected one of causal, both, found 'up'"),
    ],
)
def test_unusable_smoothers(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Smoother(**settings)


def test_a_state_that_does_not_fit() -> None:
    poses = Tracker().update(poses_of(CROSSING[:5]))
    smoother = Smoother()
    smoother.update(poses)
    with pytest.raises(InputError, match="openpose_18 in 832x480, but those before were coco_17"):
        smoother.update(poses.as_openpose())


def test_who_is_gone_is_forgotten() -> None:
    smoother, tracker = Smoother(fps=16), Tracker(max_gap=2)
    for chunk in range(30):
        path = straight((100 + 20 * chunk, 250), (100 + 20 * chunk, 250), 12)[:, None]
        present = torch.zeros(12, 1, dtype=torch.bool)
        present[:6] = True
        smoother.update(tracker.update(poses_of(path, present=present)))
    assert tracker.state.next_id == 30
    assert smoother.state is not None
    assert len(smoother.state.ids) <= 2


def test_jitter_is_the_mean_acceleration() -> None:
    poses = Tracker().update(poses_of(straight((100, 250), (140, 250), 5)[:, None]))
    assert jitter(poses) == pytest.approx(0, abs=1e-4)
    poses.keypoints[2, 0, :, 1] += 3.0  # accelerations of 3, -6 and 3 px/frame²
    assert jitter(poses) == pytest.approx(4.0, abs=1e-4)


@pytest.mark.parametrize("direction", ["causal", "both"])
def test_nothing_is_smoothed_across_a_cut(direction: str) -> None:
    path = torch.cat([straight((200, 200), (210, 200), 10), straight((500, 260), (480, 260), 8)])
    poses = poses_of(path[:, None], noise=2.0)
    poses = replace(poses, track_ids=torch.zeros(18, 1, dtype=torch.int64))
    cuts = torch.arange(18) == 10

    def smooth(part: Poses, where: torch.Tensor | None = None) -> Poses:
        return Smoother(direction=direction).update(part, where)

    whole = smooth(poses, cuts)
    shots = Poses.cat([smooth(poses.slice(0, 10)), smooth(poses.slice(10, 18))])
    assert same(whole, shots)
    assert not same(whole, smooth(poses))
    if direction == "causal":
        for sizes in ([1] * 18, [10, 8], [5, 13]):
            smoother = Smoother()
            starts = [0, *itertools.accumulate(sizes)]
            parts = [
                smoother.update(poses.slice(a, b), cuts[a:b]) for a, b in itertools.pairwise(starts)
            ]
            assert same(Poses.cat(parts), whole)
    with pytest.raises(InputError, match="cuts: expected 18 frames, found 2"):
        smooth(poses, cuts[:2])
