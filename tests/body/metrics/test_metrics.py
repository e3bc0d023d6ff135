"""Metrics of made motion whose answers are known."""

import csv
import io
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from kinograph.engines.body.choices import CONDITIONS
from kinograph.engines.body.metrics import meter as metrics_meter
from kinograph.engines.body.metrics.changes import MEASURES
from kinograph.engines.body.metrics.meter import Meter
from kinograph.engines.body.metrics.observed import Observed
from kinograph.engines.body.metrics.summary import Summary
from kinograph.engines.body.metrics.table import Record, as_csv, write_csv
from kinograph.engines.body.metrics.words import as_text
from kinograph.engines.errors import InputError
from made_bodies import FPS, still, times, turning, turns_about_z, walking


def summary_of(observed: Observed, *, period: float | None = None) -> Summary:
    meter = Meter(period=period)
    meter.add(observed)
    found = meter.summary()
    assert found is not None
    return found


def test_a_limb_that_turns_at_90_degrees_per_second() -> None:
    values = summary_of(turning(times(60), 90)).everybody.values
    assert values["pose"] == pytest.approx(90 / FPS / 3)  # the mean over three joints
    assert values["pose_speed"] == pytest.approx(90 / 3)
    assert values["chord"] == pytest.approx(2 * math.sqrt(2) * math.sin(math.radians(1.5)))
    for name in ("root", "root_speed", "moved", "speed", "joint", "joint_root", "jerk"):
        assert values[name] == pytest.approx(0, abs=1e-9)


def test_the_turn_of_the_whole_body_is_told_apart() -> None:
    values = summary_of(turning(times(60), 90, joint=0)).everybody.values
    assert values["root_speed"] == pytest.approx(90)
    assert values["root"] == pytest.approx(3)
    assert values["pose"] == values["chord"] == 0


def test_turns_beyond_half_a_turn_are_taken_the_short_way() -> None:
    values = summary_of(turning(times(40), 0.9 * 360 * FPS)).everybody.values
    assert values["pose"] == pytest.approx(36 / 3)


def test_a_person_who_walks_at_1_4_metres_per_second() -> None:
    values = summary_of(walking(times(90), 1.4)).everybody.values
    assert values["speed"] == pytest.approx(1.4)
    assert values["moved"] == pytest.approx(1400 / FPS)
    assert values["joint"] == pytest.approx(1400 / FPS)
    for name in ("joint_root", "acceleration", "jerk", "acceleration_root", "jerk_root"):
        assert values[name] == pytest.approx(0, abs=1e-8)


def test_derivatives_are_exact_at_uneven_times() -> None:
    """Falling with 9.81 m/s2, then with a jerk of 6 m/s3, at times that jitter by 10 %."""
    generator = torch.Generator().manual_seed(0)
    captured = times(60) + (torch.rand(60, generator=generator, dtype=torch.float64) - 0.5) / 300
    for power, name, expected in ((2, "acceleration", 9.81), (3, "jerk", 6.0)):
        made = still(captured)
        way = torch.zeros(60, 1, 4, 3, dtype=torch.float64)
        way[..., 1] = expected / math.factorial(power) * captured[:, None, None] ** power
        way[..., 0, :] = 0  # the root stays
        made["joints"] = made["joints"] + way
        values = summary_of(Observed(**made)).everybody.values
        assert values[name] == pytest.approx(expected * 3 / 4)  # three of four joints
        assert values[f"{name}_root"] == pytest.approx(expected * 3 / 4)


def test_a_drop_every_third_frame() -> None:
    """Pairs across a drop do not count; what is left shows the motion as it is."""
    walked = walking(times(90), 1.4)
    kept = torch.arange(90) % 3 != 2
    finished = torch.where(kept, walked.captured + 0.08, torch.nan)
    found = summary_of(replace(walked, output=kept, finished=finished))
    assert (found.captured, found.outputs) == (90, 60)
    assert found.everybody.detection == pytest.approx(100 * 2 / 3)
    assert found.tracks[0].detection == pytest.approx(100 * 60 / 90)
    assert found.everybody.pairs == 30
    assert found.everybody.values["moved"] == pytest.approx(1400 / FPS)
    assert found.everybody.values["speed"] == pytest.approx(1.4)
    assert math.isnan(found.everybody.values["acceleration"])  # no three in a row
    span = float(walked.captured[88] - walked.captured[0])
    assert found.fps == pytest.approx(59 / span)
    assert found.fps_low == pytest.approx(FPS / 2)
    assert [found.latency.mean, found.latency.p99] == pytest.approx([80, 80])


def test_a_stated_period_decides_which_pairs_count() -> None:
    """Of a camera at 30 fps whose every second frame is dropped."""
    walked = walking(times(90), 1.4)
    halved = replace(walked, output=torch.arange(90) % 2 == 0)
    assert summary_of(halved).everybody.pairs == 44
    assert summary_of(halved, period=1 / FPS).everybody.pairs == 0
    assert summary_of(halved).everybody.values["speed"] == pytest.approx(1.4)


def test_errors_and_frames_without_anybody_are_misses() -> None:
    made = still(times(100))
    made["present"][:25] = False  # somebody comes in
    made["output"][50:75] = False  # it fails
    found = summary_of(Observed(**made))
    assert found.everybody.detection == pytest.approx(50)
    assert found.tracks[0].detection == pytest.approx(100 * 50 / 75)  # since it was first seen
    assert found.tracks[0].frames == 50


def test_latency_and_its_stages() -> None:
    made = still(times(101))
    latency = torch.linspace(0.010, 0.110, 101, dtype=torch.float64)
    made["finished"] = made["captured"] + latency
    stages = {"detect": latency / 2, "fit": torch.full((101,), torch.nan, dtype=torch.float64)}
    found = summary_of(Observed(**made, stages=stages))
    spread = found.latency
    assert [spread.mean, spread.p50, spread.p95, spread.p99] == pytest.approx([60, 60, 105, 109])
    assert found.stages["detect"].p95 == pytest.approx(52.5)
    assert math.isnan(found.stages["fit"].mean)


def test_shape_variance_is_over_time() -> None:
    """Not over the parameters of a frame, nor over people."""
    made = still(times(40), bodies=2)
    made["shape"] = torch.tensor([[1.0, 5.0], [-3.0, 9.0]], dtype=torch.float64).repeat(40, 1, 1)
    assert summary_of(Observed(**made)).everybody.variance == 0
    made["shape"][::2, 1, 0] += 2  # a variance of 1 of one of two parameters of one of two tracks
    found = summary_of(Observed(**made))
    assert [track.variance for track in found.tracks] == pytest.approx([0, 0.5])
    assert found.everybody.variance == pytest.approx(0.25)


def test_tracks_are_kept_apart_when_they_change_places() -> None:
    made = still(times(30), bodies=2)
    swapped = torch.arange(30) % 2 == 1
    for name in ("track_ids", "rotation", "translation", "joints", "shape", "boxes"):
        made[name] = torch.where(
            swapped.view(-1, *[1] * (made[name].ndim - 1)), made[name].flip(1), made[name]
        )
    found = summary_of(Observed(**made))
    assert [track.track for track in found.tracks] == [0, 1]
    assert found.everybody.values["moved"] == 0
    made["track_ids"] = torch.arange(2).repeat(30, 1)  # the wrong way round half of the time
    assert summary_of(Observed(**made)).everybody.values["moved"] == pytest.approx(1000)


def test_id_switches() -> None:
    """A track that begins where another ended is a switch; one that begins elsewhere is not."""
    made = still(times(60), bodies=2)
    made["track_ids"][20:, 0] = 7
    made["track_ids"][40:, 1] = 8
    found = summary_of(Observed(**made))
    assert found.switches == pytest.approx(2 / 2 * 60)  # two in two seconds
    made["boxes"][40:, 1] += 500
    assert summary_of(Observed(**made)).switches == pytest.approx(30)
    made["present"][1:20, 0] = False
    assert summary_of(Observed(**made)).switches == pytest.approx(30)
    assert summary_of(Observed(**still(times(60), bodies=2))).switches == 0


def test_one_body_without_a_track_is_followed_and_two_are_not() -> None:
    made = still(times(30), bodies=2)
    made["track_ids"][:] = -1
    assert summary_of(Observed(**made)).tracks == ()
    assert summary_of(Observed(**made)).everybody.detection == 100
    made["present"][:, 1] = False
    found = summary_of(Observed(**made))
    assert [(track.track, track.pairs) for track in found.tracks] == [(-1, 29)]


def test_only_the_last_five_seconds_count() -> None:
    walked = walking(times(300), 1.4)
    still_first = replace(
        walked,
        translation=torch.where(torch.arange(300)[:, None, None] < 149, 0.0, walked.translation),
        joints=torch.where(torch.arange(300)[:, None, None, None] < 149, 0.0, walked.joints),
    )
    found = summary_of(still_first)
    assert found.captured == 150
    assert found.everybody.values["speed"] == pytest.approx(1.4)


def noisy() -> Observed:
    """Return ten seconds of three bodies that come and go, with dropped frames."""
    generator = torch.Generator().manual_seed(3)
    made = still(times(300), bodies=3)
    noise = torch.randn(300, 3, 4, 3, generator=generator, dtype=torch.float64) / 100
    made["joints"] = made["joints"] + noise
    made["translation"] = made["translation"] + noise[:, :, 0]
    made["rotation"] = turns_about_z(noise[..., 0])
    made["shape"] = noise[:, :, 0, :2]
    made["present"] = torch.rand(300, 3, generator=generator) < 0.9
    made["output"] = torch.rand(300, generator=generator) < 0.95
    made["finished"] = made["captured"] + 0.05 + noise[:, 0, 0, 0].abs()
    return Observed(**made, stages={"fit": noise[:, 0, 0, 1].abs()})


def flat(value: Any) -> list[Any]:
    """Return the numbers in a document; -1 for null."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for each in value for number in flat(each)]
    return [-1 if value is None else value]


def part(observed: Observed, start: int, stop: int) -> Observed:
    names = Observed.__dataclass_fields__.keys() - {"stages", "relative"}
    cut = {name: getattr(observed, name)[start:stop] for name in names}
    stages = {name: values[start:stop] for name, values in observed.stages.items()}
    return replace(observed, **cut, stages=stages)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_parts_give_what_the_whole_gives(size: int) -> None:
    whole = noisy()
    expected = Meter().add(whole, every=0.25)
    assert len(expected) == 40
    meter = Meter()
    found = []
    for start in range(0, 300, size):
        found += meter.add(part(whole, start, start + size), every=0.25)
    assert [s.at for s in found] == [s.at for s in expected]
    for one, other in zip(found, expected, strict=True):
        assert flat(json.loads(one.as_json())) == pytest.approx(flat(json.loads(other.as_json())))


def test_a_long_pause_has_no_summaries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even if a camera changes the beginning of its clock."""
    captured = times(30)
    captured[20:] += 1.7e9
    found = Meter().add(Observed(**still(captured)), every=0.1)
    assert [round(s.at, 1) for s in found[:8]] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    assert max(s.at for s in found if s.at < 1e6) == pytest.approx(5.6)
    assert {s.captured for s in found if s.at > 1e6} <= set(range(1, 11))
    assert len(found) == 57 + 3
    monkeypatch.setattr(metrics_meter, "_TOGETHER", 7)
    again = Meter().add(Observed(**still(captured)), every=0.1)
    assert [s.at for s in again] == [s.at for s in found]


def test_an_error_changes_nothing() -> None:
    made = still(times(6), bodies=2)
    whole = Observed(**made)
    ids = made["track_ids"].clone()
    ids[4] = 1
    meter = Meter()
    meter.add(part(whole, 0, 3))
    with pytest.raises(InputError, match="has track 1 twice"):
        meter.add(part(replace(whole, track_ids=ids), 3, 6))
    meter.add(part(whole, 3, 6))
    found = meter.summary()
    assert found is not None
    assert found.captured == 6
    assert found.everybody.pairs == 10


def test_memory_does_not_grow_with_the_stream() -> None:
    """Also when every frame has another track."""
    made = still(times(1500))
    made["track_ids"] = torch.arange(1500)[:, None]
    whole = Observed(**made)
    meter = Meter()
    sizes = []
    for start in range(0, 1500, 30):
        meter.add(part(whole, start, start + 30))
        bodies, frames, recent = meter._bodies, meter._frames, meter._recent
        assert bodies is not None
        assert frames is not None
        assert recent is not None
        sizes.append((len(bodies.track), len(frames.captured), len(recent)))
    assert max(sizes) <= (151, 151, 3)  # five seconds, and what is needed of the last frames


def test_nobody_and_no_output() -> None:
    made = still(times(20))
    made["present"][:] = False
    found = summary_of(Observed(**made))
    assert (found.everybody.detection, found.tracks, found.everybody.pairs) == (0, (), 0)
    assert all(math.isnan(value) for value in found.everybody.values.values())
    made["output"][:] = False
    assert math.isnan(summary_of(Observed(**made)).fps)
    assert Meter().summary() is None


def test_the_table_begins_with_the_columns_of_remi(tmp_path: Path) -> None:
    made = still(times(60), bodies=2)
    made["finished"] = made["captured"] + 0.04
    found = summary_of(Observed(**made, stages={"detect": made["captured"] * 0 + 0.01}))
    record = Record("2026-03-14 15:09:26", "Low Light", found)
    write_csv([record], tmp_path / "metrics.csv", compatible=True)
    text = (tmp_path / "metrics.csv").read_text(encoding="utf-8")
    titles, row = csv.reader(io.StringIO(text))
    assert titles[:9] == [
        "Timestamp",
        "Condition",
        "Avg Processing FPS",
        "Avg End-to-End Latency (ms)",
        "Avg Pose Change (Euclidean Dist)",
        "Avg Translation Change (mm)",
        "Avg Joint Position Change (mm)",
        "Avg Shape Param Variance",
        "Avg Detection/Tracking Rate (%)",
    ]
    assert row[:4] == ["2026-03-14 15:09:26", "Low Light", "30.0000", "40.0000"]
    assert row[8] == "100.0000"
    assert titles[-2:] == ["detect (ms)", "detect, 95 % (ms)"]
    assert row[-2:] == ["10.0000", "10.0000"]


def test_the_table_has_a_row_for_each_track_and_empty_cells() -> None:
    made = still(times(1), bodies=2)
    record = Record("2026-03-14 15:09:26", "Optimal", summary_of(Observed(**made)))
    text = as_csv([record])
    assert "nan" not in text.lower()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["Track"] for row in rows] == ["all", "0", "1"]
    assert rows[0]["FPS"] == rows[1]["Pose change (deg/s)"] == rows[2]["Shape variance"] == ""
    assert rows[1]["Detection rate (%)"] == "100.0000"
    document = json.loads(record.summary.as_json())
    assert document["everybody"]["values"] == dict.fromkeys(MEASURES)


def test_text_for_people() -> None:
    walked = walking(times(90), 1.4)
    kept = torch.arange(90) % 3 != 2
    finished = torch.where(kept, walked.captured + 0.08, torch.nan)
    text = as_text(summary_of(replace(walked, output=kept, finished=finished, relative=False)))
    assert text.splitlines() == [
        "90 frames, 30 without an output, 66.7 % with a body, 0.0 id switches a minute",
        "20.1 frames per second (5 %: 15.0), latency 80 ms (median 80, 95 %: 80, 99 %: 80)",
        " track  frames    seen        °/s   root °/s        m/s  joints mm       m/s²  jerk m/s³",
        "   all      60  66.7 %        0.0        0.0       1.40        0.0          -          -",
        "     0      60  66.7 %        0.0        0.0       1.40        0.0          -          -",
    ]
    many = still(times(2), bodies=50)
    lines = as_text(summary_of(Observed(**many))).splitlines()
    assert "relative, as the focal length is assumed" in lines[0]
    assert lines[1].startswith(" track")  # nothing is known of times
    assert lines[-1] == "... and 10 tracks more"
    assert len(lines) == 44


def test_conditions() -> None:
    found = summary_of(Observed(**still(times(3))))
    for condition in CONDITIONS:
        Record("", condition, found)
    with pytest.raises(
        InputError, match=r"condition: expected one of Optimal, Low Light, .*'Dark'"
    ):
        Record("", "Dark", found)


def test_bad_input() -> None:
    made = still(times(3), bodies=2)
    twice = made["track_ids"].clone()
    twice[1] = 5
    with pytest.raises(InputError, match="frame 1 has track 5 twice"):
        Meter().add(Observed(**{**made, "track_ids": twice}))
    with pytest.raises(InputError, match=r"captured: expected a time later than .* for frame 2"):
        Observed(**{**made, "captured": torch.tensor([0.0, 0.2, 0.1], dtype=torch.float64)})
    meter = Meter()
    meter.add(Observed(**made))
    with pytest.raises(InputError, match=r"captured: expected a time later than 0.06"):
        meter.add(Observed(**made))
    later = {**made, "captured": made["captured"] + 1}
    more = {**later, "rotation": made["rotation"][:, :, :3]}
    with pytest.raises(InputError, match="rotation: expected 4 per body as in the frames before"):
        meter.add(Observed(**more))
    for wrong in ({"seconds": 0.0}, {"period": math.nan}):
        with pytest.raises(InputError, match="expected a time above 0 s"):
            Meter(**wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="every: expected a time above 0 s"):
        Meter().add(Observed(**made), every=0.0)
