"""The bodies of a live run: which ones, what is measured of them, and who gets them."""

import csv
import json
import time
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kinograph.engines.errors import GraphError, InputError
from kinograph.workflows.live import measure
from kinograph.workflows.live.controls import Controls
from kinograph.workflows.live.measure import Measures
from kinograph.workflows.live.send import Receiver, Senders
from kinograph.workflows.live.slot import Frame
from kinograph.workflows.live.sources import FileSource, SourceOptions
from live_bodies import BODIES, CYCLE, bodies_graph
from live_clips import PLAIN, live_graph, run
from made_bodies import moving
from receivers import TcpReceiver, eventually, free_port

BESIDE = {  # bodies that the picture does not need, after others that it needs
    **BODIES,
    "e": {"class_type": "People", "inputs": {"image": ["2", 0]}},
}
APART: dict[str, Any] = {**PLAIN, "b": BODIES["b"]}


def test_which_bodies() -> None:
    graph = bodies_graph(BESIDE)
    assert graph.bodies is not None
    assert graph.bodies.label == "node b (People), output 0"
    assert bodies_graph(APART).bodies is None  # nobody asked for what the picture does not need
    wanted = bodies_graph(APART, wants_bodies=True)
    assert wanted.bodies is not None
    assert live_graph(PLAIN).bodies is None
    with pytest.raises(GraphError, match=r"--send: .*no node gives bodies .*; add Detect Bodies"):
        live_graph(PLAIN, wants_bodies=True)


def test_bodies_come_with_their_frames() -> None:
    graph = bodies_graph(APART, wants_bodies=True)
    graph.prepare(30.0, (64, 128))
    assert graph.draw(Frame(1, 0, 1.0, None, lambda picture: _black())) is not None
    assert graph.posed is not None
    assert graph.posed.captured == [1.0]
    assert len(graph.posed.bodies) == 1
    assert graph.stages.keys() >= {"waiting", "pixels", "People"}
    assert all(seconds >= 0 for seconds in graph.stages.values())


def _black() -> Any:
    return np.zeros((64, 128, 3), np.uint8)


class Recording(Measures):
    """Begins a record with the first frame."""

    def took(self, *given: Any) -> None:
        if "recording" not in vars(self):
            self.recording = True
            self.record()
        super().took(*given)


def test_a_run_that_measures_and_sends(numbers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In numbers that can be known: every frame that is drawn is measured and sent, in order."""
    monkeypatch.setattr(measure, "SECONDS", 1.0)
    said: list[str] = []
    measures = Recording(said.append)
    with TcpReceiver() as receiver:
        away = free_port()
        senders = Senders(
            [Receiver("json", f":{receiver.port}"), Receiver("remi", f"{away}")], said.append
        )
        source = FileSource(str(numbers), SourceOptions())
        summary, _, _ = run(bodies_graph(), source, measures=measures, senders=senders)
        assert summary.ok
        drawn = summary.figures["drawn"]
        (here, gone) = summary.as_dict()["sent"]
        assert here["receiver"] == f"json 127.0.0.1:{receiver.port}"
        assert here["sent"] + here["dropped"] == drawn
        assert here["sent"] > drawn / 2
        assert (gone["sent"], gone["dropped"]) == (0, drawn)
        eventually(lambda: receiver.data.count(b"\n") == 1 + here["sent"])
        lines = [json.loads(line) for line in receiver.data.splitlines()[1:]]
    found = [line["frame"] for line in lines]
    assert found == sorted(set(found))
    assert set(found) <= set(range(drawn))
    times = [line["time"] for line in lines]
    assert times[0] < 1
    assert times == sorted(times)
    assert sum("no receiver" in line for line in said) == 1
    points = measures.points(0)
    assert len(points) >= 2
    assert [row[0] for row in points[-1]["rows"]] == ["all", "3", "4"]
    json.dumps(points, allow_nan=False)
    assert measures.points(points[-1]["n"]) == []
    (row,) = csv.DictReader(StringIO(measures.table(compatible=True)))
    assert row["Condition"] == "Optimal"
    assert 15 < float(row["Avg Processing FPS"]) < 40
    assert row["People (ms)"]
    assert "recorded 1 s: Optimal" in said


def given(measures: Measures, frames: range, *, start: float, drop: int = 0) -> None:
    """Give frames at 25 per second, of which every `drop`-th is lost."""
    bodies = moving(CYCLE)
    for number in frames:
        at = start + number / 25
        if drop and number % drop == drop - 1:
            measures.lost(at)
        else:
            one = bodies.slice(number % CYCLE, number % CYCLE + 1)
            measures.took([at], one, at + 0.1, {"People": 0.05})


def test_dropped_frames_are_missed_detections() -> None:
    measures = Measures()
    start = time.monotonic()
    given(measures, range(100), start=start, drop=4)
    measures.close()
    (point,) = measures.points(measures.points(0)[-2]["n"])
    _, pose, moved, joints, variance, detection = point["rows"][0]
    assert detection == pytest.approx(75, abs=1.5)
    assert point["latency"] == pytest.approx(100, abs=1)
    assert point["fps"] == pytest.approx(25 * 0.75, rel=0.05)
    assert variance == pytest.approx(0, abs=1e-5)
    assert min(pose, moved, joints) > 0


def test_frames_that_are_dropped_before_any_is_drawn() -> None:
    """Also where a record begins among them."""
    measures = Measures()
    start = time.monotonic()
    for number in range(10):
        measures.lost(start - 1 + number / 25)
    measures.record()
    for number in range(10):
        measures.lost(time.monotonic() + number / 1000)
    given(measures, range(10, 30), start=start + 0.5)
    measures.close()
    detections = [point["rows"][0][-1] for point in measures.points(0)]
    assert detections[0] == 0.0
    assert 0 < detections[-1] < 100


def test_a_condition_marks_the_points_and_records_from_then_on() -> None:
    said: list[str] = []
    measures = Measures(said.append)
    start = time.monotonic()
    given(measures, range(40), start=start)
    measures.set_condition("Custom", " =SUM(1) ")
    measures.record()
    with pytest.raises(InputError, match="5 s are being recorded already"):
        measures.record()
    assert measures.now()["left"] == pytest.approx(5, abs=0.2)
    given(measures, range(40, 200), start=start)
    found = [point["condition"] for point in measures.points(0)]
    assert found == sorted(found, reverse=True)
    assert set(found) == {"Optimal", "Custom: =SUM(1)"}
    assert measures.now() == {"condition": "Custom: =SUM(1)", "records": 1, "left": None}
    rows = list(csv.DictReader(StringIO(measures.table(compatible=False))))
    assert [row["Track"] for row in rows] == ["all", "3", "4"]
    assert {row["Condition"] for row in rows} == {"Custom: =SUM(1)"}
    measures.record()
    measures.close()
    assert said[-1] == "the run has ended before 5 s were recorded"
    for choice, text in (("Foggy", ""), ("Optimal", "x"), ("Custom", "a\nb"), ("Custom", "x" * 81)):
        with pytest.raises(InputError, match="condition: "):
            measures.set_condition(choice, text)


def test_what_viewers_ask_of_a_graph_without_bodies() -> None:
    controls = Controls(live_graph(PLAIN), None, lambda text: None)  # type: ignore[arg-type]
    for ask in (lambda: controls.measure({}), lambda: controls.table(compatible=True)):
        with pytest.raises(InputError, match="no bodies to measure; add Detect Bodies"):
            ask()
    with pytest.raises(InputError, match=r"expected \{.condition"):
        controls.condition({"condition": 1})
    assert controls.points(0) == []


def test_receivers_that_are_none() -> None:
    with pytest.raises(InputError, match="send: expected one of json"):
        Receiver("osc", "9999")
    with pytest.raises(InputError, match="address: expected HOST:PORT"):
        Receiver("vmc", "a b:1")
    assert Receiver("vmc", "").label == "vmc 127.0.0.1:39539"
