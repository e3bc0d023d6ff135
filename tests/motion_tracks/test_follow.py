"""Points that are followed through flow, people and heads."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from kinograph.engines.errors import InputError
from kinograph.engines.flow.flow import Flow
from kinograph.engines.motion_tracks.collect import Collected
from kinograph.engines.motion_tracks.points import spread_points
from kinograph.engines.motion_tracks.tracks import MotionTracks
from kinograph.engines.pose.poses import Poses

SIZE = (48, 64)


def turning(pairs: int = 8, degrees: float = 3.0, back: bool = True) -> Flow:
    """The exact flow of a picture that turns about its middle."""
    y, x = (torch.arange(side) + 0.5 - side / 2 for side in SIZE)
    places = torch.stack([x.expand(SIZE), y[:, None].expand(SIZE)])

    def way(angle: float) -> torch.Tensor:
        c, s = math.cos(angle), math.sin(angle)
        to = torch.stack([c * places[0] - s * places[1], s * places[0] + c * places[1]])
        return (to - places).expand(pairs, 2, *SIZE).clone()

    angle = math.radians(degrees)
    return Flow(way(angle), way(-angle) if back else None)


def walking(frames: int = 6) -> Poses:
    """Two people with tracks 7 and 3, who change places in the table in frame 2, where 3 is away
    for a frame; joint 0 of track 7 is never seen."""
    poses = Poses.empty(frames, SIZE, people=2)
    points = torch.zeros(frames, 2, 17, 2)
    steps = torch.arange(frames, dtype=torch.float32)[:, None]
    joints = torch.arange(17, dtype=torch.float32)
    for place, start in enumerate((2.0, 40.0)):
        points[:, place, :, 0] = start + joints + steps
        points[:, place, :, 1] = 5.0 + joints
    ids = torch.tensor([7, 3]).expand(frames, 2).clone()
    confidence = torch.ones(frames, 2, 17)
    confidence[:, 0, 0] = 0
    points[2:], ids[2:], confidence[2:] = (
        points[2:].flip(1),
        ids[2:].flip(1),
        confidence[2:].flip(1),
    )
    count = torch.full((frames,), 2)
    ids[2], count[2] = torch.tensor([3, 7]), 2
    ids[3], points[3], confidence[3] = (
        torch.tensor([7, -1]),
        points[3].flip(0),
        confidence[3].flip(0),
    )
    count[3] = 1
    return replace(poses, keypoints=points, confidence=confidence, track_ids=ids, count=count)


def test_points_turn_with_the_picture_to_a_fraction_of_a_pixel() -> None:
    flow = turning()
    tracks = Collected().after(flow, points=24).finished()
    middle = torch.tensor([SIZE[1] / 2, SIZE[0] / 2])
    start = tracks.path[0] - middle
    inner = start.norm(dim=-1) < 20  # these never leave the picture
    for frame, places in enumerate(tracks.path):
        angle = math.radians(3.0 * frame)
        c, s = math.cos(angle), math.sin(angle)
        expected = torch.stack(
            [c * start[:, 0] - s * start[:, 1], s * start[:, 0] + c * start[:, 1]], 1
        )
        assert (places - middle - expected)[inner].norm(dim=-1).max() < 0.02
    assert inner.sum() >= 8
    assert tracks.visible[:, inner].all()


def test_chunks_give_the_very_tracks_of_the_whole_clip() -> None:
    flow = turning(9)
    whole = Collected().after(flow, points=30)
    for edges in ((0, 2, 10), (0, 4, 5, 10), (0, 9, 10)):
        parts = Collected()
        for start, stop in pairwise(edges):
            parts = parts.after(flow.slice(start, stop), points=30)
        assert whole.tracks is not None
        assert parts.tracks is not None
        assert torch.equal(whole.tracks.path, parts.tracks.path)
        assert torch.equal(whole.tracks.visible, parts.tracks.visible)


def test_a_point_ends_where_the_flows_disagree_at_the_edge_and_at_a_cut() -> None:
    forward, backward = torch.zeros(4, 2, *SIZE), torch.zeros(4, 2, *SIZE)
    forward[:, 0], backward[:, 0] = 6, -6
    backward[1, :, :24] = 5  # the upper half does not come back in the second pair
    found = Collected().after(Flow(forward, backward), points=48)
    tracks = found.finished()
    upper = tracks.path[0, :, 1] < 20
    assert not tracks.visible[2:, upper].any()
    lower = tracks.path[0, :, 1] > 28
    inside = tracks.path[0, :, 0] + 24 < SIZE[1]
    assert tracks.visible[:, lower & inside].all()
    leaving = lower & (tracks.path[0, :, 0] + 6 >= SIZE[1])
    assert leaving.any()
    assert not tracks.visible[1:, leaving].any()
    assert torch.equal(tracks.path[1:, leaving], tracks.path[:1, leaving].expand(4, -1, 2))

    clip = torch.zeros(5, *SIZE, 3)
    clip[3:] = 0.9
    cut = Collected().after(Flow(forward, None), image=clip)
    assert cut.finished().visible.any(1).tolist() == [True, True, True, False, False]
    said = cut.warnings(cut.finished())
    assert [words.split(" ")[0] for words in said] == ["the", "all"]
    assert said[1] == "all tracks are lost from frame 3 on (1 cut, at frame 3)"


def test_points_inside_a_mask() -> None:
    mask = torch.zeros(2, *SIZE)
    mask[0, 10:14, 20:60] = 1
    mask[1] = 1  # of no account
    points = spread_points(SIZE, 10, mask)
    assert len(points) == 10
    assert (points >= torch.tensor([20, 10])).all()
    assert (points < torch.tensor([60, 14])).all()
    assert len({tuple(p) for p in points.tolist()}) == len(points)
    mask[0] = 0
    mask[0, 47, 63] = 1
    assert spread_points(SIZE, 500, mask).tolist() == [[63.5, 47.5]]
    assert spread_points(SIZE, 12).shape == (12, 2)


def test_joints_follow_the_track_and_not_the_place_in_the_table() -> None:
    poses = walking()
    found = Collected().after(poses.slice(0, 3)).after(poses.slice(3, 6))
    tracks = found.finished()
    assert tracks.point_count == 33  # one joint is not seen in the first frame
    step = tracks.path.diff(dim=0)
    good = tracks.visible[1:] & tracks.visible[:-1]
    assert torch.equal(step[good], torch.tensor([1.0, 0.0]).expand_as(step[good]))
    away = tracks.path[0, :, 0] >= 40
    assert not tracks.visible[3, away].any()
    assert tracks.visible[4, away].any()
    assert torch.equal(tracks.path[3, away], tracks.path[2, away])  # where they were seen last


def test_bad_input_is_refused_with_the_cure() -> None:
    flow = turning(2)
    cases = [
        (lambda: Collected().after(flow, mask=torch.ones(1, 9, 9)), "mask: expected 64x48.*9x9"),
        (lambda: Collected().after(flow, mask=torch.zeros(1, *SIZE)), "nothing is marked"),
        (lambda: Collected().after(flow, image=torch.zeros(2, *SIZE, 3)), "image: expected 3 fra"),
        (lambda: Collected().after(Flow(None, flow.main)), "expected forward flow"),
        (lambda: Collected().after(Flow(flow.main * math.nan)), "NaN"),
        (lambda: Collected().after(Flow(flow.main[:0])).finished(), "at least 2 frames, found 1"),
        (lambda: Collected().after(Flow(flow.main + 99)).finished(), "lost in frame 1"),
        (lambda: Collected().after(Poses.empty(3, SIZE)), "poses: nobody is in the first frame"),
        (
            lambda: Collected().after(replace(walking(), track_ids=torch.full((6, 2), -1))),
            "put Track Poses before",
        ),
        (
            lambda: Collected().after(walking(), mask=_corner()).finished(),
            "no joint or landmark is seen in the first frame",
        ),
        (lambda: MotionTracks.from_core({"x": 1}), "found x"),
        (
            lambda: MotionTracks.from_core(
                {
                    "track_path": torch.full((2, 1, 2), math.nan),
                    "track_visibility": torch.ones(2, 1),
                }
            ),
            "NaN or infinity in 1 of 1 tracks",
        ),
    ]
    for call, message in cases:
        with pytest.raises(InputError, match=message):
            call()


def _corner() -> torch.Tensor:
    mask = torch.zeros(1, *SIZE)
    mask[0, 47, 63] = 1
    return mask
