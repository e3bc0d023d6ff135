"""Crowds in tiles, people upside down, and how a clip is looked at."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kinograph.engines.detections.candidates import Candidates, merged
from kinograph.engines.detections.detect import Looks
from kinograph.engines.errors import InputError
from kinograph.engines.geometry.views import View
from kinograph.engines.pose import detect
from kinograph.engines.pose.detect import detect_poses
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.size import looks_for
from kinograph.engines.runtime.engine import Engine
from kinograph.engines.video.clip import Clip


@pytest.fixture(scope="module")
def crowd(clip: Clip) -> Tensor:
    """[1,696,1664,3] twelve men of 100 px in a wide picture."""
    small = F.interpolate(clip.frames[:1].movedim(-1, 1), (232, 416), mode="area")
    return small.movedim(1, -1).repeat(1, 3, 4, 1)


def test_a_crowd_is_found_in_tiles(crowd: Tensor, engine: Engine) -> None:
    looks = looks_for(crowd, engine, most=12)
    assert looks.tiles > 1
    poses = detect_poses(crowd, engine, looks=looks, max_people=64)
    assert poses.count.tolist() == [12]
    where = (poses.boxes[0, :12, :2] / torch.tensor([416.0, 232.0])).long()
    assert len({tuple(place) for place in where.tolist()}) == 12  # one in each part
    nose = poses.keypoints[0, :12, 0] - where * torch.tensor([416.0, 232.0])
    assert float((nose - nose.median(0).values).norm(dim=1).max()) < 12
    assert detect_poses(crowd, engine).count.tolist() == [6]  # the default of max_people


def test_people_who_are_large_enough_take_no_tiles(clip: Clip, engine: Engine) -> None:
    assert looks_for(clip.frames, engine, most=64) == Looks(448)
    assert looks_for(torch.zeros(1, 90, 160, 3), engine, most=64) == Looks(512)


def test_small_people_in_a_large_frame_take_a_larger_size(crowd: Tensor, engine: Engine) -> None:
    three = crowd[:, :232, :].contiguous()[:, :, : 3 * 416]  # 100 px in 1248
    assert looks_for(three, engine, tiles=1).size == 1024


def test_what_is_asked_for_is_not_chosen(crowd: Tensor, engine: Engine) -> None:
    assert looks_for(crowd, engine, size=320) == Looks(320)
    assert looks_for(crowd, engine, size=320, tiles=3) == Looks(320, 3)
    assert looks_for(crowd, engine, tiles=5).tiles == 5
    with pytest.raises(InputError, match="turned: expected one of no, upside_down, all, found"):
        looks_for(crowd, engine, turned="left")
    with pytest.raises(InputError, match="tiles: expected at least 0, found -1"):
        looks_for(crowd, engine, tiles=-1)


@pytest.mark.parametrize("second_pass", [False, True])
@pytest.mark.parametrize(("turns", "turned"), [(2, "upside_down"), (1, "all"), (3, "all")])
def test_turned_people_are_found_with_left_and_right_right(
    clip: Clip, engine: Engine, turns: int, turned: str, *, second_pass: bool
) -> None:
    frames = clip.frames[12:14, :320, 200:520]
    settings = {"size": 320, "second_pass": second_pass}
    upright = detect_poses(frames, engine, **settings)
    found = detect_poses(frames.rot90(turns, (1, 2)), engine, turned=turned, **settings)
    assert found.count.tolist() == upright.count.tolist() == [1, 1]
    view = View((320, 320), (0, 0, 320, 320), turns)
    away = (view.back(found.keypoints[:, 0]) - upright.keypoints[:, 0]).norm(dim=-1)
    assert float(away[upright.confidence[:, 0] > 0].max()) < 1.5
    torch.testing.assert_close(found.scores[:, 0], upright.scores[:, 0], atol=0.02, rtol=0)
    missed = detect_poses(frames.rot90(turns, (1, 2)), engine, **settings)
    assert float(missed.scores.max()) < float(found.scores[:, 0].min()) - 0.05


def test_upright_people_stay_as_they_are(clip: Clip, engine: Engine) -> None:
    frames = clip.frames[12:14]
    plain = detect_poses(frames, engine, size=448)
    turned = detect_poses(frames, engine, size=448, turned="all")
    assert turned.count.tolist() == plain.count.tolist()
    torch.testing.assert_close(turned.keypoints[:, :2], plain.keypoints[:, :2], atol=0.01, rtol=0)


def test_frames_in_parts_are_the_frames_at_once(crowd: Tensor, engine: Engine) -> None:
    frames = torch.cat([crowd, crowd.flip(2)])[:, :400, :900]
    looks = Looks(320, 3, (0, 2))
    assert looks.frames_at_once(engine, (400, 900)) == 1
    whole = detect_poses(frames, engine, looks=looks)
    parts = Poses.cat([detect_poses(one, engine, looks=looks) for one in frames.split(1)])
    assert torch.equal(whole.keypoints, parts.keypoints)


def candidates(*rows: tuple[float, ...]) -> Candidates:
    values = torch.tensor([rows])
    return Candidates(boxes=values[..., :4], scores=values[..., 4])


def test_who_is_in_two_views_is_one_person() -> None:
    whole = View((100, 200), (0, 0, 100, 200))
    left, right = View((100, 200), (0, 0, 100, 110)), View((100, 200), (0, 90, 100, 200))
    found = [
        candidates((10, 10, 40, 90, 0.5), (92, 10, 150, 90, 0.4)),
        candidates((11, 10, 41, 90, 0.6), (92, 12, 110, 88, 0.7)),  # whole, and cut off
        candidates((91, 10, 150, 90, 0.3), (160, 10, 180, 60, 0.1)),  # reaches the edge
    ]
    scores = merged(found, [whole, left, right], above=0.15).scores
    expected = torch.tensor([[0.0, 0.4, 0.6, 0.0, 0.0, 0.0]])
    torch.testing.assert_close(scores.sort().values, expected.sort().values)
    assert merged(found[:1], [whole], above=0.15) is found[0]


def test_two_people_of_one_view_stay_two() -> None:
    whole, left = View((100, 200), (0, 0, 100, 200)), View((100, 200), (0, 0, 100, 110))
    near = candidates((10, 10, 50, 90, 0.9), (18, 10, 58, 90, 0.8))
    once = replace(near, scores=torch.zeros(1, 2))
    assert int((merged([near, once], [whole, left], above=0.2).scores > 0).sum()) == 2


def test_the_settings_decide_how_frames_are_looked_at(
    crowd: Tensor, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Looks] = []
    monkeypatch.setattr(detect, "poses_in_frames", lambda *a, looks, **k: asked.append(looks))
    detect_poses(crowd, engine, size=320, tiles=2, turned="upside_down")
    assert asked == [Looks(320, 2, (0, 2))]
