"""Statistics of made heads, by track."""

import json
from dataclasses import replace

import pytest
import torch

from kinograph.engines.geometry.camera import Camera
from kinograph.engines.head.heads import Heads
from kinograph.engines.head.statistics import as_json, as_table, head_statistics
from posed_heads import SIZE, made_heads, turned, turning_heads


def turning(yaws: list[float], **more: object) -> Heads:
    """Return one head per frame, of these yaws."""
    rotation = torch.stack([turned(yaw) for yaw in yaws])[:, None]
    at = torch.tensor([0.0, 0.0, -50.0]).expand(len(yaws), 1, 3)
    return made_heads(rotation, at, points=0, **more)  # type: ignore[arg-type]


def test_a_head_that_turns_evenly() -> None:
    found = head_statistics(turning([0.0, 4.0, 8.0, 12.0]))
    (row,) = found.rows()
    assert (row["track"], row["frames"], row["first"], row["last"]) == (1, 4, 0, 3)
    measured = [row[f"yaw_{how}"] for how in ("mean", "min", "max")]
    assert measured == pytest.approx([6, 0, 12], abs=1e-4)
    assert row["pitch_mean"] == pytest.approx(0, abs=1e-4)
    assert (row["speed"], row["fastest"]) == pytest.approx((4, 4), abs=1e-4)
    assert row["jitter"] == pytest.approx(0, abs=1e-4)
    assert row["score"] == pytest.approx(0.95)


def test_jitter_is_the_distance_from_the_middle_of_the_neighbours() -> None:
    (row,) = head_statistics(turning([0.0, 3.0, 0.0, 3.0, 0.0])).rows()
    assert row["jitter"] == pytest.approx(3, abs=1e-4)
    assert row["speed"] == pytest.approx(3, abs=1e-4)


def test_angles_that_pass_180_degrees() -> None:
    (row,) = head_statistics(turning([170.0, 175.0, 180.0, -175.0, -170.0])).rows()
    assert row["yaw_max"] - row["yaw_min"] == pytest.approx(20, abs=1e-3)
    assert abs(row["yaw_mean"]) == pytest.approx(180, abs=1e-3)
    assert row["speed"] == pytest.approx(5, abs=1e-3)


def test_gaps_are_not_measured_across() -> None:
    heads = turning([0.0, 2.0, 50.0, 90.0, 92.0, 96.0], count=[1, 1, 0, 1, 1, 1])
    found = head_statistics(heads)
    (row,) = found.rows()
    assert (found.frames, found.with_heads, found.share) == (6, 5, 5 / 6)
    assert row["frames"] == 5
    assert row["speed"] == pytest.approx((2 + 2 + 4) / 3, abs=1e-4)
    assert row["jitter"] == pytest.approx(1, abs=1e-4)  # of the only three in a row
    lone = head_statistics(turning([0.0, 30.0], count=[1, 0])).rows()[0]
    assert (lone["speed"], lone["fastest"], lone["jitter"]) == (None, None, None)


def test_tracks_are_told_apart_wherever_they_stand() -> None:
    heads = turning_heads(5, points=0)
    swapped = heads.track_ids.clone()
    swapped[3] = swapped[3].flip(0)
    rotation, translation = heads.rotation.clone(), heads.translation.clone()
    rotation[3], translation[3] = rotation[3].flip(0), translation[3].flip(0)
    other = replace(heads, track_ids=swapped, rotation=rotation, translation=translation)
    one, two = head_statistics(heads).rows(), head_statistics(other).rows()
    assert [row["track"] for row in one] == [1, 2]
    assert [row["frames"] for row in one] == [5, 4]
    for a, b in zip(one, two, strict=True):
        assert {**a, "score": 0} == pytest.approx({**b, "score": 0}, nan_ok=False)
    assert head_statistics(heads).most == 2


def test_heads_without_a_track() -> None:
    alone = head_statistics(turning([0.0, 4.0, 8.0], tracks=False))
    assert not alone.crowded
    assert alone.rows()[0]["speed"] == pytest.approx(4, abs=1e-4)
    several = head_statistics(turning_heads(5, points=0, tracks=False))
    assert several.crowded
    (row,) = several.rows()
    assert (row["track"], row["frames"], row["speed"], row["jitter"]) == (-1, 5, None, None)
    assert "  none       5" in as_table(several)


def test_nobody() -> None:
    found = head_statistics(Heads.empty(3, SIZE, Camera.of_field_of_view(SIZE)))
    assert (found.frames, found.with_heads, found.heads, found.share) == (3, 0, 0, 0)
    assert found.rows() == []
    assert as_table(found) == "3 frames, 0 frames with heads (0.0%), at most 0 heads at once"


def test_words_and_json() -> None:
    found = head_statistics(turning_heads(6))
    lines = as_table(found).splitlines()
    assert lines[0] == "6 frames, 6 frames with heads (100.0%), at most 2 heads at once"
    assert len({len(line) for line in lines[1:]}) == 1  # columns stand under each other
    document = json.loads(as_json(found))
    assert document["most_at_once"] == 2
    assert document["tracks"][0]["yaw_min"] == pytest.approx(-50, abs=1e-3)
    many = turning_heads(1)
    crowd = Heads.cat([replace(many, track_ids=many.track_ids + 2 * n) for n in range(30)])
    assert as_table(head_statistics(crowd)).splitlines()[-1] == "... and 20 tracks more"
