"""The nine scenarios: perfect predictions have no error, and each harm moves its own figure."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kinograph.engines.datasets.records import Array, Record, Records
from kinograph.engines.detect.files.entries import checked_entries
from kinograph.engines.document import Value
from kinograph.engines.errors import InputError
from kinograph.engines.evaluation.judge.found import Found
from kinograph.engines.evaluation.objects import found_in
from kinograph.engines.evaluation.scenarios.finders import FileFinder
from kinograph.engines.evaluation.scenarios.jitter import moved, turns_of
from kinograph.engines.evaluation.scenarios.setting import METRICS
from kinograph.engines.evaluation.scenarios.suite import run_scenarios
from kinograph.engines.evaluation.scenarios.tabletop import table_of
from made_predictions import Entries, changed, perfect, turned, write

NAMES = (
    *("symmetric_on", "symmetric_off", "tabletop_on", "tabletop_off", "extreme_depth"),
    *("handheld_jitter_on", "handheld_jitter_off", "template_gate_on", "template_gate_off"),
)
BEST = {"map": 1, "recall": 1, "depth_error": 0, "pose_error": 0, "rejection_rate": 0}


class Sees:
    """A network that sees what is there, also in moved pictures; it takes a second."""

    name = "sees"

    def __init__(self, data: Records, entries: Entries) -> None:
        self._data = data
        self._entries = entries

    def find(
        self, records: Sequence[Record], warps: Sequence[Array] | None = None
    ) -> tuple[list[Found], float | None] | str:
        data, entries = self._data, self._entries
        if warps is not None:
            turns = turns_of(len(records), 0)
            there = [moved(r, turn)[0] for r, turn in zip(records, turns, strict=True)]
            data = replace(data, images=tuple(there))
            entries = perfect(data)
        checked = checked_entries(
            Value(entries, "sees"), [r.name for r in records], classes=2, keypoints=8
        )
        return found_in(checked, data), 1.0

    def entries(self, records: Sequence[Record]) -> list[dict[str, Any]]:
        return self._entries


def run(data: Records, finder: Any, **settings: Any) -> dict[str, dict[str, Any]]:
    report = run_scenarios(data, finder, threshold=0.3, **settings)
    rows = {row["name"]: row for row in report["scenarios"]}
    assert tuple(rows) == NAMES
    for metric in METRICS:  # the summary is that of the rows
        values = [r["metrics"][metric] for r in rows.values()]
        known = [value for value in values if value is not None]
        mean = sum(known) / len(known) if known else None
        assert report["summary"][metric] == (None if mean is None else pytest.approx(mean))
        assert report["measured"][metric] == len(known)
    for row in rows.values():  # what is missing has a reason, and nothing else has
        missing = {name for name, value in row["metrics"].items() if value is None}
        assert missing == row["reasons"].keys()
    return {name: row["metrics"] for name, row in rows.items()}


def test_perfect_predictions(data: Records, right: Entries) -> None:
    found = run(data, Sees(data, right))
    assert found.pop("tabletop_on") == dict.fromkeys(METRICS)  # they float
    off = found.pop("symmetric_off")
    assert off["pose_error"] == pytest.approx(0, abs=1e-4)  # told as they are, not as they look
    for name, metrics in found.items():
        assert metrics["fps"] == pytest.approx(10, rel=0.2), name
        for metric, best in BEST.items():
            assert metrics[metric] == pytest.approx(best, abs=1e-4), (name, metric)


def test_a_file_cannot_look_at_moved_pictures(
    data: Records, right: Entries, tmp_path: Path
) -> None:
    finder = FileFinder(write(right, tmp_path / "p.json"), data)
    report = run_scenarios(data, finder, threshold=0.3)
    jitter = next(r for r in report["scenarios"] if r["name"] == "handheld_jitter_on")
    assert jitter["metrics"] == dict.fromkeys(METRICS)
    assert "only a network can look at moved pictures" in jitter["reasons"]["map"]
    assert report["summary"]["fps"] is None
    assert report["summary"]["map"] == 1
    assert report["meta"]["dataset"] == {
        **{"root": str(data.root), "split": "val", "images": 10, "of": 10, "complete": True}
    }


def test_each_harm_moves_its_own_figure(data: Records, right: Entries) -> None:
    def with_harm(change: Any) -> dict[str, dict[str, Any]]:
        return run(data, Sees(data, changed(right, change)))

    spun = with_harm(lambda d: turned(d, 5))
    assert spun["tabletop_off"]["pose_error"] == pytest.approx(5, abs=1e-3)
    assert spun["tabletop_off"]["depth_error"] == pytest.approx(0, abs=1e-5)
    deep = with_harm(lambda d: d.update(log_z=d["log_z"] + 0.05))
    off, extreme = (deep[name]["depth_error"] for name in ("tabletop_off", "extreme_depth"))
    assert 0.02 < off < 0.05
    assert extreme != off  # other objects
    unsure = with_harm(lambda d: d.update(score=0.2))
    rejected = unsure["handheld_jitter_off"]
    assert (rejected["recall"], rejected["map"], rejected["rejection_rate"]) == (0, 0, 1)
    assert (rejected["pose_error"], rejected["depth_error"]) == (180, None)
    assert spun["tabletop_off"]["map"] == 1
    narrow = with_harm(lambda d: d["bbox"].update(w=d["bbox"]["w"] * 0.8))
    assert narrow["tabletop_off"]["map"] < 0.9
    assert narrow["tabletop_off"]["recall"] == 1


def test_what_looks_alike_is_equal_only_where_it_is_asked_for(
    data: Records, right: Entries
) -> None:
    """A symmetric cuboid that is turned by half about its own axis."""

    def half(found: dict[str, Any]) -> None:
        if found["class_id"] == 1:
            a, b, c, d, e, f = found["rot6d"]
            found["rot6d"] = [a, -b, -c, d, -e, -f]

    rows = run(data, Sees(data, changed(right, half)))
    assert rows["symmetric_on"]["pose_error"] == pytest.approx(0, abs=1e-4)
    assert rows["symmetric_off"]["pose_error"] == pytest.approx(180, abs=1e-4)
    assert rows["symmetric_off"]["map"] == 1
    one = replace(data, kinds=replace(data.kinds, rotations=(np.eye(3)[None],) * 2))
    assert run(one, Sees(one, right))["symmetric_on"] == dict.fromkeys(METRICS)


def test_the_template_gate_rejects_poses_that_do_not_explain_their_box(
    data: Records, right: Entries
) -> None:
    worse = copy.deepcopy(right)
    odd = {**worse[0]["detections"][0], "score": 0.8, "log_z": 1.5}
    odd["bbox"] = {**odd["bbox"], "cx": 0.2}
    worse[0]["detections"].append(odd)
    rows = run(data, Sees(data, worse))
    told = sum(len(entry["detections"]) for entry in worse)
    assert rows["template_gate_off"]["rejection_rate"] == 0
    assert rows["template_gate_on"]["rejection_rate"] == pytest.approx(1 / told)
    assert rows["template_gate_on"]["recall"] == 1
    assert rows["template_gate_on"]["map"] >= rows["template_gate_off"]["map"]


def test_a_table_is_found_or_given(data: Records, right: Entries) -> None:
    assert "stand on no common plane" in str(table_of(data))
    plane = np.array([0, 0.8, -0.6, 0.3])
    flat = []
    for record in data.images:
        assert record.translation is not None
        onto = record.translation - (record.translation @ plane[:3] + plane[3])[:, None] * plane[:3]
        flat.append(replace(record, translation=onto))
    table = replace(data, images=tuple(flat))
    found = table_of(table)
    assert not isinstance(found, str)
    np.testing.assert_allclose(found * np.sign(found[1]), plane, atol=1e-6)
    far = copy.deepcopy(right)
    far[0]["detections"].append({**far[0]["detections"][0], "score": 0.5, "log_z": 3.0})
    rows = run(data, Sees(data, far), plane=np.array([0, 0, 1.0, -0.7]))
    assert rows["tabletop_off"]["rejection_rate"] == 0
    assert rows["tabletop_on"]["rejection_rate"] > 0
    assert rows["tabletop_on"]["recall"] > 0.5


def test_a_turned_camera_moves_pixels_and_truth_alike(data: Records) -> None:
    """Where a corner is seen after the turn is where the homography moves it."""
    record = data.images[0]
    after, warp = moved(record, turns_of(1, 3)[0])
    assert len(after) == len(record)
    for before, now in ((record, after),):
        seen = []
        for some in (before, now):
            assert some.rotation is not None
            assert some.translation is not None
            assert some.intrinsics is not None
            placed = some.cad_points[0] @ some.rotation[0].T + some.translation[0]
            seen.append(placed[:, :2] / placed[:, 2:] * some.intrinsics[:2] + some.intrinsics[2:])
        homogeneous = np.c_[seen[0], np.ones(8)] @ warp.T
        np.testing.assert_allclose(homogeneous[:, :2] / homogeneous[:, 2:], seen[1], atol=1e-9)
        low, high = seen[1].min(0), seen[1].max(0)
        inside = np.clip([low, high], 0, [96, 64])
        box = np.concatenate([inside.mean(0), inside[1] - inside[0]]) / [96, 64, 96, 64]
        np.testing.assert_allclose(after.boxes[0], box, atol=1e-9)
    shift = np.abs(after.boxes - record.boxes).max()
    assert 0.005 < shift < 0.2


def test_limits_out_of_range_are_refused(data: Records, right: Entries) -> None:
    with pytest.raises(InputError, match="score threshold: expected 0 to below 1, found 7"):
        run_scenarios(data, Sees(data, right), threshold=7)
    with pytest.raises(InputError, match="template tau: expected 0 to below 1, found -1"):
        run_scenarios(data, Sees(data, right), threshold=0.3, tau=-1)
