"""Ids that stay with people."""

import pytest
import torch

from kinograph.engines.errors import InputError
from kinograph.engines.pose.detect import detect_poses
from kinograph.engines.pose.gaps import fill_gaps
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.smoothing import Smoother
from kinograph.engines.pose.tracking import Tracker
from kinograph.engines.pose.tracks import by_track, jitter, to_poses
from kinograph.engines.runtime.engine import Engine
from kinograph.engines.video.clip import Clip
from kinograph.engines.video.cuts import scene_cuts
from walkers import CROSSING, owners, poses_of, same, straight


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
