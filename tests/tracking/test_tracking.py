"""Ids that stay with people, joints that stay with bodies, gaps that close."""

import pytest
import torch

from kinograph.engines.errors import InputError
from kinograph.engines.pose.detect import detect_poses
from kinograph.engines.pose.gaps import GapFiller, fill_gaps
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.smoothing import Smoother
from kinograph.engines.pose.tracking import Tracker
from kinograph.engines.pose.tracks import by_track, jitter, to_poses
from kinograph.engines.runtime.engine import Engine
from kinograph.engines.video.clip import Clip
from kinograph.engines.video.cuts import scene_cuts, thumbnails
from walkers import owners, poses_of, straight


def same(a: Poses, b: Poses) -> bool:
    most = max(a.scores.shape[1], b.scores.shape[1])
    a, b = a.with_places(most), b.with_places(most)
    names = ("keypoints", "confidence", "boxes", "scores", "track_ids", "count")
    return all(torch.allclose(getattr(a, n), getattr(b, n), atol=1e-4) for n in names)


CROSSING = torch.stack(
    [straight((150, 250), (650, 250), 40), straight((650, 260), (150, 260), 40)], 1
)


def test_people_who_cross_keep_their_ids() -> None:
    tracked = Tracker().update(poses_of(CROSSING, noise=2.0))
    first, second = owners(tracked, CROSSING)
    # where they are in front of each other nobody can say who is nearest to which path
    assert {*first[:18], *first[22:]} == {first[0]}
    assert {*second[:18], *second[22:]} == {second[0]}
    assert first[0] != second[0]


@pytest.mark.parametrize("gap", [1, 6, 12])
def test_who_comes_back_is_known(gap: int) -> None:
    paths = torch.stack(
        [straight((150, 250), (550, 250), 40), straight((650, 150), (650, 300), 40)], 1
    )
    present = torch.ones(40, 2, dtype=torch.bool)
    present[15 : 15 + gap, 0] = False
    tracked = Tracker(max_gap=12).update(poses_of(paths, present=present, noise=1.0))
    first, second = owners(tracked, paths)
    assert len(set(first)) == 1
    assert len(set(second)) == 1


def test_who_is_away_for_too_long_is_somebody_new() -> None:
    path = straight((400, 250), (400, 250), 30)[:, None]
    present = torch.ones(30, 1, dtype=torch.bool)
    present[10:20] = False
    tracked = Tracker(max_gap=8).update(poses_of(path, present=present))
    assert owners(tracked, path)[0] == [0] * 10 + [1] * 10


def test_somebody_elsewhere_is_somebody_else() -> None:
    paths = torch.cat([straight((100, 250), (120, 250), 10), straight((700, 250), (720, 250), 10)])
    ids = Tracker().update(poses_of(paths[:, None])).track_ids[:, 0]
    assert ids.tolist() == [0] * 10 + [1] * 10


def test_a_giant_is_not_a_dwarf() -> None:
    paths = straight((400, 250), (400, 250), 4)[:, None]
    dwarf = poses_of(paths[:2], scale=torch.tensor([0.3]))
    giant = poses_of(paths[2:], scale=torch.tensor([1.2]))
    ids = Tracker().update(Poses.cat([dwarf, giant])).track_ids[:, 0]
    assert ids.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("lengths", [(40,), (1,) * 40, (7, 20, 13)])
def test_chunks_are_tracked_as_the_whole(lengths: tuple[int, ...]) -> None:
    poses = poses_of(CROSSING, noise=2.0)
    whole = Tracker().update(poses)
    tracker, chunks, begin = Tracker(), [], 0
    for length in lengths:
        # what a node does: a new tracker each time, the state handed on
        tracker = Tracker(state=tracker.state)
        chunks.append(tracker.update(poses.slice(begin, begin + length)))
        begin += length
    assert same(Poses.cat(chunks), whole)


def test_a_cut_and_a_reset_make_everybody_new() -> None:
    path = straight((400, 250), (400, 250), 6)[:, None]
    cuts = torch.tensor([False, False, False, True, False, False])
    tracker = Tracker()
    assert tracker.update(poses_of(path), cuts).track_ids[:, 0].tolist() == [0, 0, 0, 1, 1, 1]
    tracker.reset()
    assert tracker.update(poses_of(path)).track_ids[:, 0].tolist() == [2] * 6


def test_nobody_and_empty_frames() -> None:
    nobody = Poses.empty(5, (480, 832))
    assert Tracker().update(nobody).track_ids.tolist() == [[-1]] * 5
    assert same(fill_gaps(nobody, 3), nobody)
    assert same(Smoother().update(nobody), nobody)
    assert jitter(nobody) == 0


def test_the_clip_has_two_people(clip: Clip, engine: Engine) -> None:
    poses = detect_poses(clip.frames, engine)
    tracked = Tracker().update(poses, scene_cuts(clip.frames))
    tracks = by_track(tracked)
    assert tracks.ids.tolist() == [0, 1]
    man, woman = tracks.boxes[:, 0, 0], tracks.boxes[:, 1, 0]
    assert bool((man < 400).all())
    assert bool((woman[tracks.present[:, 1]] > 500).all())


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"max_gap": -1}, "max_gap: expected at least 0, found -1")],
)
def test_unusable_trackers(settings: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Tracker(**settings)


def test_chunks_that_do_not_fit() -> None:
    tracker = Tracker()
    poses = poses_of(CROSSING[:3])
    tracker.update(poses)
    with pytest.raises(InputError, match="reset the tracks"):
        tracker.update(poses.as_openpose())
    with pytest.raises(InputError, match="cuts: expected 3 frames, found 2"):
        tracker.update(poses, torch.zeros(2, dtype=torch.bool))


def test_cuts_are_seen_and_movement_is_not(clip: Clip) -> None:
    other = torch.rand(1, 464, 832, 3, generator=torch.Generator().manual_seed(0)) * 0.3
    frames = torch.cat([clip.frames[:4], other.expand(3, -1, -1, -1), clip.frames[4:6]])
    assert scene_cuts(frames).nonzero().squeeze(1).tolist() == [4, 7]
    assert not scene_cuts(clip.frames).any()
    assert not scene_cuts(clip.frames.roll(40, 2)[:2]).any()
    assert scene_cuts(other, thumbnails(clip.frames[-1:])).tolist() == [True]


# Smoothing


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
    assert float(lag.abs().max()) < 12  # 20 px a frame
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


# Gaps


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


def test_poses_that_are_no_numbers_do_no_harm() -> None:
    poses = poses_of(CROSSING[:4])
    poses.keypoints[2, 0] = torch.nan
    poses.boxes[2, 0] = torch.nan
    assert Tracker().update(poses).track_ids[3].min() >= 0


def test_tracks_there_and_back() -> None:
    poses = Tracker().update(poses_of(CROSSING, noise=2.0))
    assert same(to_poses(by_track(poses), poses), poses)


def test_a_track_twice_in_a_frame() -> None:
    poses = poses_of(CROSSING[:3])
    poses.track_ids[:] = 4
    with pytest.raises(InputError, match="frame 0 has track 4 twice"):
        by_track(poses)


def test_jitter_is_the_mean_acceleration() -> None:
    poses = Tracker().update(poses_of(straight((100, 250), (140, 250), 5)[:, None]))
    assert jitter(poses) == pytest.approx(0, abs=1e-4)
    poses.keypoints[2, 0, :, 1] += 3.0  # accelerations of 3, -6 and 3 px/frame²
    assert jitter(poses) == pytest.approx(4.0, abs=1e-4)
