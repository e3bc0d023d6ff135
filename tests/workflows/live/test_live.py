"""Live runs: frames are dropped and never queued; latency and other figures."""

import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from kinograph.engines.errors import GraphError
from kinograph.nodes.standin import host
from kinograph.workflows.core.image_scale import ImageScale
from kinograph.workflows.live.figures import Figures, as_line
from kinograph.workflows.live.graph import LiveGraph
from kinograph.workflows.live.reader import find_source
from kinograph.workflows.live.slot import Drawn, Frame, Slot, with_text
from kinograph.workflows.live.sources import FileSource, SourceOptions
from live_clips import (
    FPS,
    HEIGHT,
    PLAIN,
    WIDTH,
    Slow,
    defaults,
    live_graph,
    number_in,
    numbered,
    run,
)


def test_a_file_is_shown_in_order_at_its_own_pace(numbers: Path) -> None:
    summary, seen, _ = run(live_graph(PLAIN), FileSource(str(numbers), SourceOptions()))
    assert summary.ok
    assert summary.ended == "end of the source"
    found = [number_in(drawn.pixels) for drawn in seen.all]
    assert found == sorted(set(found))  # in order, none twice
    assert [drawn.number - 1 for drawn in seen.all] == found  # and each is what it says
    figures = summary.figures
    assert figures["captured"] == 60
    assert figures["processed"] + figures["dropped"] == 60
    assert figures["drawn"] == figures["processed"] == len(found) > 20
    assert found[-1] == 59  # the last is not lost
    assert 59 / FPS <= summary.seconds < 59 / FPS + 2


def test_a_slow_graph_drops_frames_and_latency_stays_bounded(numbers: Path) -> None:
    graph = live_graph(PLAIN)
    graph.__class__ = Slow
    summary, seen, _ = run(graph, FileSource(str(numbers), SourceOptions()))
    figures = summary.figures
    assert figures["captured"] == 60
    assert figures["dropped"] >= 30
    assert figures["processed"] + figures["dropped"] == 60
    found = [number_in(drawn.pixels) for drawn in seen.all]
    assert found == sorted(set(found))
    # A queue would let it grow to the 7 s that the graph is behind at the end.
    late = sorted(seen.latencies)
    assert late[len(late) // 2] < Slow.took + 3 / FPS
    assert late[len(late) * 9 // 10] < Slow.took + 8 / FPS
    assert figures["latency_ms"]["median"] >= Slow.took * 1000


def test_a_slot_keeps_the_newest() -> None:
    slot: Slot[int] = Slot()
    assert [slot.put(n) for n in (1, 2, 3)] == [None, 1, 2]
    assert slot.take(0) == 3
    assert slot.take(0) is None
    slot.put(4)
    slot.end()
    assert not slot.is_over  # the last one is still there
    assert slot.take(9) == 4
    assert slot.is_over
    assert slot.take(9) is None  # at once


def test_a_file_in_a_loop_ends_with_the_time_and_states_begin_anew(numbers: Path) -> None:
    graph = live_graph(PLAIN)
    resets = []
    graph._graph.reset = lambda: resets.append(1)  # type: ignore[method-assign]
    source = FileSource(str(numbers), SourceOptions(fps=120, loop=True))
    summary, seen, _ = run(graph, source, seconds=1.6)
    assert summary.ended == "time"
    assert 1.5 < summary.seconds < 3
    assert source.rate == 120
    assert 120 < summary.figures["captured"] < 230  # three rounds of half a second
    found = [number_in(drawn.pixels) for drawn in seen.all]
    rounds = sum(b < a for a, b in pairwise(found))
    assert rounds >= 2
    assert len(resets) == 1 + 1 + rounds  # after the black frames, at the start, each round


def test_pictures_of_nodes_that_look_ahead_have_the_time_of_their_own_frame(numbers: Path) -> None:
    graph = live_graph(
        {
            **PLAIN,
            "4": {
                "class_type": "KinographEstimateFlow",
                "inputs": defaults("KinographEstimateFlow")
                | {"image": ["2", 0], "direction": "both"},
            },
            "5": {
                "class_type": "KinographFlowOcclusion",
                "inputs": defaults("KinographFlowOcclusion") | {"flow": ["4", 0]},
            },
        },
        show="5",
    )
    graph.prepare(30.0, (HEIGHT, WIDTH))
    drawn = [graph.draw(_frame(n, captured=100.0 + n)) for n in range(1, 6)]
    assert drawn[0] is None
    assert [d and d.number for d in drawn[1:]] == [1, 2, 3, 4]
    assert [d and d.captured for d in drawn[1:]] == [101, 102, 103, 104]
    assert drawn[1] is not None
    assert drawn[1].pixels.shape == (HEIGHT, WIDTH, 3)  # a mask, as a picture
    again = graph.draw(replace(_frame(6), clip=1))  # a cut: nothing of before is carried over
    assert again is None


def _frame(number: int, captured: float = 0.0, pixels: Any = None) -> Frame:
    pixels = numbered(number) if pixels is None else pixels
    return Frame(number, 0, captured, av.VideoFrame.from_ndarray(pixels, format="rgb24"))


def test_another_size_begins_anew(root: Path) -> None:
    graph = live_graph(root / "workflows" / "api" / "flow_to_vace.json")
    assert graph.draw(_frame(1)) is None
    assert graph.draw(_frame(2)) is not None
    large = np.zeros((96, 160, 3), np.uint8)
    assert graph.draw(_frame(3, pixels=large)) is None
    found = graph.draw(_frame(4, pixels=large))
    assert found is not None
    assert found.pixels.shape == (96, 160, 3)


def test_size_cuts_out_the_middle_and_keeps_proportions() -> None:
    wide = np.zeros((100, 400, 3), np.uint8)
    wide[:, 150:250] = (255, 0, 0)
    assert (_frame(1, pixels=wide).pixels((50, 50)) == (255, 0, 0)).all()
    assert _frame(1, pixels=wide).pixels((200, 400)).shape == (200, 400, 3)
    same = _frame(1)
    assert (same.pixels((HEIGHT, WIDTH)) == same.pixels()).all()


def test_a_node_that_fails_ends_the_run_with_all_that_was_done(numbers: Path) -> None:
    class Fails(LiveGraph):
        def draw(self, frame: Frame) -> Drawn | None:
            if frame.number > 5:
                raise GraphError("node 9: no")
            return super().draw(frame)

    graph = live_graph(PLAIN)
    graph.__class__ = Fails
    summary, seen, _ = run(graph, FileSource(str(numbers), SourceOptions()))
    assert (summary.ok, summary.ended) == (False, "error")
    assert summary.as_dict()["errors"] == ["node 9: no"]
    assert seen.all


def test_what_nodes_warn_of_is_said_once(numbers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But not what they warn of before the first frame, of black ones."""
    real = ImageScale.execute.__func__

    def warning(cls: Any, image: Any, **inputs: Any) -> Any:
        host.warn("it is black" if not image.any() else "it is small")
        return real(cls, image, **inputs)

    monkeypatch.setattr(ImageScale, "execute", classmethod(warning))
    scale = {"upscale_method": "area", "width": 32, "height": 32, "crop": "disabled"}
    graph = {
        **PLAIN,
        "3": {"class_type": "ImageScale", "inputs": {"image": ["2", 0], **scale}},
        "4": {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}},
    }
    _, _, said = run(live_graph(graph), find_source(str(numbers), SourceOptions()), 1.0)
    assert [line for line in said if line.startswith("warning")] == [
        "warning: node 3 (ImageScale): it is small"
    ]


def test_figures() -> None:
    figures = Figures()
    assert "no picture yet" in as_line(figures.now())
    now = time.monotonic()
    for late in (10, 20, 30, 40, 1000):
        figures.captured(dropped=late == 20)
        figures.processed()
        figures.drawn(now - late / 1000)
    figures.shown(3)
    figures.shown(3)  # to another viewer
    found = figures.now()
    assert (found["captured"], found["dropped"], found["drawn"], found["shown"]) == (5, 1, 5, 1)
    assert found["latency_ms"]["median"] == pytest.approx(30, abs=5)
    assert found["latency_ms"]["p95"] == pytest.approx(1000, abs=10)
    assert figures.overall()["latency_ms"]["median"] == pytest.approx(30, abs=5)
    assert "1 of 5 dropped" in as_line(found)


def test_the_overlay_is_a_copy() -> None:
    plain = np.full((120, 200, 3), 90, np.uint8)
    written = with_text(plain, "12 ms")
    assert (plain == 90).all()
    assert written.max() == 255
    assert (written[60:] == 90).all()  # only a corner
