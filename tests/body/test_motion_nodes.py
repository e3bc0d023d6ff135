"""Nodes that save, load, measure and send bodies: what they show and what they refuse."""

import csv
import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import torch

from kinograph.engines.body.metrics.meter import Meter
from kinograph.engines.body.metrics.plot import figure_of, plot_changes
from kinograph.engines.errors import InputError
from kinograph.nodes.body.load import LoadBodies
from kinograph.nodes.body.save import SaveMotion
from kinograph.nodes.body.send import SendBodies
from kinograph.nodes.body.statistics import BodyStatistics
from kinograph.nodes.standin import host
from kinograph.workflows.graph.catalogue import catalogue
from made_bodies import moving, times, turning
from receivers import TcpReceiver, eventually, free_port

BODIES = moving(8)
NOBODY = replace(BODIES, count=BODIES.count * 0)
LOOSE = replace(BODIES, track_ids=torch.full_like(BODIES.track_ids, -1))


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    reported: list[Path] = []
    with host.using(host.Settings(output=tmp_path, inputs=(tmp_path,), saved=reported.append)):
        saved = SaveMotion.execute(BODIES, "safetensors", "a/walk", 25.0).ui.value
        loaded = LoadBodies.execute(f" a/{Path(saved).name} ")
        people = SaveMotion.execute(BODIES, "bvh", "a/walk", 25.0).ui.value.splitlines()
        one = SaveMotion.execute(BODIES.slice(0, 4), "glb", "a/walk", 25.0).ui.value
        with pytest.raises(InputError, match="no such file or folder"):
            LoadBodies.execute("b.safetensors")
        with pytest.raises(InputError, match=r"ending in \.safetensors, found \.bvh"):
            LoadBodies.execute(f"a/{Path(people[0]).name}")
        with pytest.raises(InputError, match="nobody is in any frame"):
            SaveMotion.execute(NOBODY, "bvh", "a/walk", 25.0)
    assert loaded.ui.value == "8 frames of 640x480, 16 bodies, 2 tracks"
    assert torch.equal(loaded.args[0].rotation, BODIES.rotation)
    assert [Path(name).name for name in people] == [
        "walk_00002_track3.bvh",
        "walk_00002_track4.bvh",
    ]
    assert Path(one).name == "walk_00003_.glb"
    assert {path.name for path in reported if path.exists()} == {
        path.name for path in (tmp_path / "a").iterdir()
    }


MEASURED = {"fps": 25.0, "condition": "Fast Motion", "columns": "by track"}


def test_body_statistics() -> None:
    output = BodyStatistics.execute(BODIES, **MEASURED)
    text, table, plot, share = output.args
    assert share == 1.0
    found = json.loads(text)
    assert [track["track"] for track in found["tracks"]] == [3, 4]
    rows = list(csv.DictReader(StringIO(table)))
    assert [row["Track"] for row in rows] == ["all", "3", "4"]
    assert {row["Condition"] for row in rows} == {"Fast Motion"}
    assert {row["Timestamp"] for row in rows} == {"00:00:00.320"}
    assert {row["Window (s)"] for row in rows} == {"0.3200"}
    assert plot.shape == (1, 960, 1280, 3)
    assert output.ui.warnings == ()
    assert "100.0 % with a body" in output.ui.value
    remi = {**MEASURED, "columns": "REMI", "condition": "Custom", "custom": "backlit, at night"}
    (row,) = csv.DictReader(StringIO(BodyStatistics.execute(BODIES, **remi).args[1]))
    assert next(iter(row)) == "Timestamp"
    assert row["Condition"] == "Custom: backlit, at night"
    assert float(row["Avg Detection/Tracking Rate (%)"]) == 100


def test_statistics_of_what_cannot_be_followed() -> None:
    (warning,) = BodyStatistics.execute(LOOSE, **MEASURED).ui.warnings
    assert "several bodies in a frame have no track" in warning
    nobody = BodyStatistics.execute(NOBODY, **MEASURED)
    assert nobody.args[3] == 0.0
    with pytest.raises(InputError, match="found none; nothing to measure"):
        BodyStatistics.execute(BODIES.slice(0, 0), **MEASURED)
    for condition, custom, message in (
        ("Optimal", "backlit", "Optimal takes no text; choose Custom"),
        ("Custom", "two\nlines", "one line of at most 80 characters"),
        ("Foggy", "", "expected one of Optimal"),
    ):
        with pytest.raises(InputError, match=message):
            BodyStatistics.execute(BODIES, **{**MEASURED, "condition": condition}, custom=custom)


def test_the_plot_shows_what_was_measured() -> None:
    """A limb of one that turns by 90 degrees a second, missing for a while, over a long clip."""
    frames = 1000
    seen = turning(times(frames), 90.0)
    there = seen.present.clone()
    there[400:600] = False
    meter = Meter(seconds=1e9, period=1 / 30)
    meter.add(replace(seen, present=there))
    assert meter.changes is not None
    pose, speed, *_, presence = figure_of(meter.changes, 1 / 30).axes
    (line,) = pose.lines
    when, values = torch.tensor(line.get_xdata()), torch.tensor(line.get_ydata())
    assert len(when) <= 480
    known = values.isfinite()
    assert torch.allclose(values[known], torch.full_like(values[known], 30.0), atol=0.1)
    assert bool((when[~known] > 13).all())
    assert bool((when[~known] < 20.2).all())
    assert len(when[~known]) > 80
    assert "relative" in speed.get_title(loc="left")
    spans = torch.tensor(presence.lines[0].get_xdata()).reshape(2, 3)[:, :2]
    assert torch.allclose(spans, torch.tensor([[0, 400 / 30], [20, 1000 / 30]]).double(), atol=1e-4)
    picture = plot_changes(meter.changes, 1 / 30)
    assert float(picture.min()) < 0.3 < float(picture.max()) == 1.0


SENT = {"protocol": "json", "fps": 200.0, "pace": "as taken", "pickle": False}


def test_send_bodies() -> None:
    with TcpReceiver() as receiver:
        shown = SendBodies.execute(BODIES, address=f"{receiver.port}", **SENT).ui
        assert shown.value == f"json {receiver.port}: 8 frames sent, 0 dropped"
        eventually(lambda: receiver.data.count(b"\n") == 9)
        assert SendBodies.execute(BODIES.slice(0, 0), address="", **SENT).ui.value == (
            "no frames to send"
        )
    shown = SendBodies.execute(BODIES, address=f"{free_port()}", **SENT).ui
    assert "0 frames sent, 8 dropped" in shown.value
    (warning,) = shown.warnings
    assert "no receiver" in warning
    with pytest.raises(InputError, match="address: expected HOST:PORT"):
        SendBodies.execute(BODIES, address="a b", **SENT)


def test_a_resumed_run_sends_from_where_its_journal_ends() -> None:
    rule = catalogue().rule("KinographSendBodies")
    assert rule is not None
    assert rule.sends is not None
    with TcpReceiver() as receiver:
        values = {"bodies": BODIES, "address": f":{receiver.port}", **SENT}
        first = rule.sends()
        first.write(values)
        mark = first.mark()
        first.write(values)
        first.close()  # killed
        eventually(lambda: receiver.data.count(b"\n") == 17)
        resumed = rule.sends()
        resumed.resume(mark)
        resumed.write(values)
        assert resumed.finish() == ()
        eventually(lambda: receiver.data.count(b"\n") == 17 + 9)
    numbers = [json.loads(line).get("frame") for line in receiver.data.splitlines()]
    assert numbers == [None, *range(16), None, *range(8, 16)]
