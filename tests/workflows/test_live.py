"""Live runs: what is shown, that frames are dropped and never queued, the page, the sources."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from browser import chromium
from kinograph.engines.errors import GraphError, InputError, MediaError
from kinograph.nodes.standin import host
from kinograph.workflows.catalogue import catalogue
from kinograph.workflows.cli import main
from kinograph.workflows.core_nodes import ImageScale
from kinograph.workflows.graph import load_graph, parse_graph, with_values
from kinograph.workflows.live import urls
from kinograph.workflows.live.figures import Figures, as_line
from kinograph.workflows.live.graph import LiveGraph
from kinograph.workflows.live.page import Page, is_loopback
from kinograph.workflows.live.reader import find_source
from kinograph.workflows.live.record import Recorder
from kinograph.workflows.live.run import Outlets, Summary, run_live
from kinograph.workflows.live.shown import choose_shown
from kinograph.workflows.live.slot import Drawn, Frame, Slot, with_text
from kinograph.workflows.live.sources import Choices, File, Source
from kinograph.workflows.live.urls import Url, masked
from kinograph.workflows.live_cli import MEDIA

HEIGHT, WIDTH, BLOCK, BITS = 64, 128, 16, 8
FPS = 30
PLAIN = {  # shows the frames as they are
    "1": {"class_type": "LoadVideo", "inputs": {"file": "not there.mp4"}},
    "2": {"class_type": "GetVideoComponents", "inputs": {"video": ["1", 0]}},
    "3": {"class_type": "PreviewImage", "inputs": {"images": ["2", 0]}},
}


def numbered(number: int) -> Any:
    """[H,W,3] with the number in binary, a block a bit, in the upper half; stripes below."""
    picture = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    for bit in range(BITS):
        value = 255 if number >> bit & 1 else 0
        picture[: HEIGHT // 2, bit * BLOCK : (bit + 1) * BLOCK] = value
    picture[HEIGHT // 2 :, :: number % 7 + 2] = 200
    return picture


def number_in(picture: Any) -> int:
    middle = picture[HEIGHT // 4, BLOCK // 2 :: BLOCK, 0]
    return sum(1 << bit for bit in range(BITS) if middle[bit] > 127)


def write_numbers(path: Path, count: int, fps: int = FPS) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("h264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(numbered(number), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 frames at 30 a second, each with its number."""
    return write_numbers(tmp_path_factory.mktemp("numbers") / "numbers.mp4", 60)


def live_graph(graph: dict[str, Any] | Path, *assignments: str, **more: Any) -> LiveGraph:
    nodes = catalogue()
    found = load_graph(graph) if isinstance(graph, Path) else parse_graph(graph, "test.json")
    settings = host.Settings(inputs=(MEDIA,), device="cpu")
    return LiveGraph(with_values(found, assignments, nodes), nodes, settings, **more)


class Seen:
    """In place of the page: everything that it would show."""

    def __init__(self) -> None:
        self.all: list[Drawn] = []
        self.latencies: list[float] = []

    def show(self, drawn: Drawn) -> None:
        self.all.append(drawn)
        self.latencies.append(time.monotonic() - drawn.captured)


def run(
    graph: LiveGraph, source: Source, seconds: float = 0.0, **more: Any
) -> tuple[Summary, Seen, list[str]]:
    seen, said = Seen(), []
    source.open()
    graph.prepare(source.rate, source.size)
    outlets = Outlets(more.pop("figures", Figures()), seen, say=said.append, **more)  # type: ignore[arg-type]
    summary = run_live(graph, source, outlets, seconds)
    left = {thread.name for thread in threading.enumerate()}
    assert left.isdisjoint({"kinograph-reader", "kinograph-ticker"})
    return summary, seen, said


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
    _, _, said = run(live_graph(graph), find_source(str(numbers), Choices()), 1.0)
    assert [line for line in said if line.startswith("warning")] == [
        "warning: node 3 (ImageScale): it is small"
    ]


# --- order, dropping, latency


def test_a_file_is_shown_in_order_at_its_own_pace(numbers: Path) -> None:
    summary, seen, _ = run(live_graph(PLAIN), File(str(numbers), Choices()))
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


class Slow(LiveGraph):
    took = 0.15

    def draw(self, frame: Frame) -> Drawn | None:
        time.sleep(self.took)
        return super().draw(frame)


def test_a_slow_graph_drops_frames_and_latency_stays_bounded(numbers: Path) -> None:
    graph = live_graph(PLAIN)
    graph.__class__ = Slow
    summary, seen, _ = run(graph, File(str(numbers), Choices()))
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
    assert [slot.put(n) for n in (1, 2, 3)] == [False, True, True]
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
    source = File(str(numbers), Choices(fps=120, loop=True))
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
                "inputs": _defaults("KinographEstimateFlow")
                | {"image": ["2", 0], "direction": "both"},
            },
            "5": {
                "class_type": "KinographFlowOcclusion",
                "inputs": _defaults("KinographFlowOcclusion") | {"flow": ["4", 0]},
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


def _defaults(class_type: str) -> dict[str, Any]:
    schema = catalogue().require(class_type)
    return {s.id: s.default for s in schema.inputs if s.is_widget and not s.optional}


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
    summary, seen, _ = run(graph, File(str(numbers), Choices()))
    assert (summary.ok, summary.ended) == (False, "error")
    assert summary.as_dict()["errors"] == ["node 9: no"]
    assert seen.all


# --- figures


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


# --- what is shown, and what cannot be


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("pose_to_vace", "node 7 (KinographDrawSkeleton), output 0 (IMAGE)"),
        ("flow_to_vace", "node 4 (KinographDrawFlow), output 0 (IMAGE)"),
        ("pose_over_flow", "node 9 (KinographVaceCombine), output 0 (IMAGE)"),
        ("character_replacement", "node 10 (KinographVaceCombine), output 0 (IMAGE)"),
    ],
)
def test_what_shipped_graphs_show(root: Path, name: str, shown: str) -> None:
    steady = ("8.steady=false",) if name == "character_replacement" else ()
    graph = live_graph(root / "workflows" / "api" / f"{name}.json", *steady)
    assert graph.shown.label == shown
    assert any("KinographSaveVace" in label for label in graph.left_out)


def test_the_editor_form_serves_as_well(root: Path) -> None:
    graph = live_graph(root / "workflows" / "pose_to_vace.json")
    assert "KinographDrawSkeleton" in graph.shown.label


@pytest.mark.parametrize(
    ("asked", "label"),
    [
        ("6", "node 6 (KinographDrawSkeleton), output 0 (IMAGE)"),
        ("2.0", "node 2 (GetVideoComponents), output 0 (IMAGE)"),
        ("2.images", "node 2 (GetVideoComponents), output 0 (IMAGE)"),
        ("KinographVaceNormalise", "node 8 (KinographVaceNormalise), output 0 (IMAGE)"),
        ("8.1", "node 8 (KinographVaceNormalise), output 1 (MASK)"),
    ],
)
def test_show_chooses(root: Path, asked: str, label: str) -> None:
    graph = load_graph(root / "workflows" / "api" / "pose_to_vace.json")
    assert choose_shown(graph, catalogue(), asked).label == label


@pytest.mark.parametrize(
    ("name", "assignments", "show", "message"),
    [
        ("pose_to_vace", (), "99", "--show 99: there is no such node .* 7.0 "),
        ("pose_to_vace", (), "KinographDrawSkeleton", "more than one node is called so"),
        ("pose_to_vace", (), "5", r"node 5 \(KinographDetectPoses\) has no such output"),
        ("pose_to_vace", (), "2.7", "has no such output of pictures"),
        ("pose_to_vace", ("8.length=81",), "8", "gives no more pictures than its length"),
        ("flow_to_vace", ("5.preset=wan_480p",), "5", "set fps to 0"),
        ("flow_to_vace", ("4.normalise=clip",), "", "node 4 .* choose vace, fixed or ema"),
        ("tracked_poses_to_vace", (), "", r"node 8 \(KinographSmoothPoses\): .* choose causal"),
        ("keypoints_and_back", (), "", r"node 9 \(KinographPosesFromKeypoints\): .*Load Poses$"),
        ("character_replacement", (), "", r"node 8 \(KinographVaceMask\): .* steady to false"),
        ("character_replacement", (), "11", "does not depend on the frames"),
        ("build_and_benchmark", (), "", "nothing to show: .* none: add Load Video"),
    ],
)
def test_graphs_that_cannot_be_shown_live(
    root: Path, name: str, assignments: tuple[str, ...], show: str, message: str
) -> None:
    path = root / "workflows" / "api" / f"{name}.json"
    with pytest.raises(GraphError, match=message) as caught:
        live_graph(path, *assignments, show=show)
    assert "--chunk" not in str(caught.value)


def test_tracked_poses_run_live_once_smoothing_is_causal(root: Path) -> None:
    path = root / "workflows" / "api" / "tracked_poses_to_vace.json"
    graph = live_graph(path, "8.direction=causal")
    assert graph.shown.node.id == "12"
    (warning,) = graph.warnings
    assert warning.startswith("node 7 (KinographFillPoseGaps): holds pictures back")


def test_two_videos_are_refused() -> None:
    graph = {
        **PLAIN,
        "4": {"class_type": "LoadVideo", "inputs": {"file": "b.mp4"}},
        "5": {"class_type": "GetVideoComponents", "inputs": {"video": ["4", 0]}},
        "6": {
            "class_type": "KinographVaceCombine",
            "inputs": _defaults("KinographVaceCombine") | {"base": ["2", 0], "over": ["5", 0]},
        },
    }
    with pytest.raises(GraphError, match=r"node 1 \(LoadVideo\) and node 4 .*one video"):
        live_graph(graph, show="6")


# --- sources


@pytest.mark.parametrize(
    ("text", "kind"),
    [("0", "Camera"), ("/dev/video3", "Camera"), ("clip.mp4", "File"), ("RTSP://h/x", "Url")],
)
def test_what_a_source_is(text: str, kind: str) -> None:
    assert type(find_source(text, Choices())).__name__ == kind


def test_sources_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected a camera's number, a file or a URL .* gopher"):
        find_source("gopher://x", Choices())
    with pytest.raises(InputError, match="--loop: goes with a file, and --source is 0"):
        find_source("0", Choices(loop=True))
    with pytest.raises(MediaError, match="expected a video file, but it does not exist"):
        find_source(str(tmp_path / "no.mp4"), Choices()).open()
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(MediaError, match="is not a video"):
        find_source(str(tmp_path / "text.mp4"), Choices()).open()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks for a device of Linux")
def test_a_camera_that_is_not_there() -> None:
    with pytest.raises(MediaError, match="/dev/video987: there is no such camera; found "):
        find_source("987", Choices()).open()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks for a device of Linux")
def test_a_device_that_is_no_camera(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MediaError, match="camera /dev/null: cannot be opened; close other"):
        find_source("/dev/null", Choices()).open()


def test_passwords_are_not_shown() -> None:
    assert masked("rtsp://me:secret@camera/1?x=a:b@c") == "rtsp://me:***@camera/1?x=a:b@c"
    assert masked("http://camera:8080/a@b") == "http://camera:8080/a@b"
    assert masked("rtsp://admin:p@ss@10.0.0.2/1") == "rtsp://admin:***@10.0.0.2/1"
    assert masked("http://cam/v?user=me&pwd=secret&x=1") == "http://cam/v?user=me&pwd=***&x=1"
    source = find_source("http://me:secret@127.0.0.1:9/", Choices())
    with pytest.raises(MediaError, match=r"http://me:\*\*\*@127.0.0.1:9/: cannot be opened") as got:
        source.open()
    assert "secret" not in str(got.value)


def test_a_file_that_breaks_off(numbers: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mkv"
    with av.open(str(numbers)) as given, av.open(str(broken), "w") as made:
        stream = made.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                made.mux(packet)
    data = broken.read_bytes()
    broken.write_bytes(data[: len(data) // 2])
    summary, seen, _ = run(live_graph(PLAIN), File(str(broken), Choices()))
    assert summary.ended in ("error", "end of the source")  # Matroska tells no end
    assert 0 < len(seen.all) < 60


@contextmanager
def mjpeg(
    connections: Callable[[int], int], *, silent_at: int = -1, kind: str = "image/jpeg"
) -> Iterator[str]:
    """A camera of a network: numbered pictures, 25 a second, as MJPEG. The connection with number
    n is dropped after `connections(n)` pictures; that numbered `silent_at` goes silent instead."""
    count = iter(range(1_000_000))
    number = iter(range(1_000_000))
    ending = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            here = next(count)
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=cut")
            self.end_headers()
            try:
                for _ in range(connections(here)):
                    out = BytesIO()
                    Image.fromarray(numbered(next(number) % 256)).save(out, "JPEG", quality=95)
                    head = f"--cut\r\nContent-Type: {kind}\r\nContent-Length: {out.tell()}\r\n\r\n"
                    self.wfile.write(head.encode() + out.getvalue() + b"\r\n")
                    if ending.wait(0.04):
                        return
                if here == silent_at:
                    ending.wait(20)
            except OSError:
                pass  # the reader went

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        ending.set()
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_stream_is_connected_again() -> None:
    figures = Figures()
    with mjpeg(lambda n: 30) as url:
        graph = live_graph(PLAIN)
        summary, seen, said = run(graph, find_source(url, Choices()), 6.0, figures=figures)
    assert summary.ok
    assert summary.ended == "time"
    found = [number_in(drawn.pixels) for drawn in seen.all]
    assert found == sorted(set(found))
    assert found[-1] > 60  # of the third connection
    assert len(found) > 40
    lost = [line for line in said if "connecting again in 0.5 s" in line]
    assert len(lost) >= 2
    assert said.count(f"{url}: connected again") >= len(lost) - 1 >= 1
    assert figures.state == "ended"


def test_a_stream_that_falls_silent_is_connected_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urls, "SILENCE", 1.0)
    with mjpeg(lambda n: 15 if n == 0 else 10_000, silent_at=0) as url:
        summary, seen, said = run(live_graph(PLAIN), find_source(url, Choices()), 4.5)
    assert summary.ok
    assert any("nothing came for 1 s" in line for line in said)
    assert number_in(seen.all[-1].pixels) > 15


def test_a_stream_that_is_gone_is_tried_again_ever_more_seldom(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(urls, "_WAITS", (0.1, 0.2))
    with mjpeg(lambda n: 20) as url:
        source = find_source(url, Choices())
        source.open()
    said: list[str] = []
    stop = threading.Event()
    thread = threading.Thread(target=lambda: list(source.pictures(stop, said.append)))
    thread.start()
    time.sleep(1.2)
    stop.set()
    thread.join(5)
    source.close()
    assert not thread.is_alive()
    waits = [float(re.findall(r"again in ([\d.]+) s", line)[0]) for line in said]
    assert waits[:3] == [0.1, 0.2, 0.2]
    assert "cannot be opened" in said[-1]


def test_h264_by_tcp_does_not_fall_behind() -> None:
    """MPEG-TS as senders of live video make it: whoever joins sees what is sent now."""
    sent: dict[int, float] = {}
    ending = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def send() -> None:
        line, _ = server.accept()

        class Out:
            def write(self, data: bytes) -> int:
                line.sendall(data)
                return len(data)

        fast = {"tune": "zerolatency", "preset": "ultrafast", "g": "30"}
        with line, av.open(Out(), "w", format="mpegts", options={"flush_packets": "1"}) as out:
            stream = out.add_stream("h264", rate=FPS, options=fast)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            for number in range(256):
                sent[number] = time.monotonic()
                frame = av.VideoFrame.from_ndarray(numbered(number), format="rgb24")
                out.mux(stream.encode(frame))
                if ending.wait(1 / FPS):
                    return

    thread = threading.Thread(target=send)
    thread.start()
    source = find_source(f"tcp://127.0.0.1:{server.getsockname()[1]}", Choices())
    source.open()
    stop = threading.Event()
    late = []
    for _, picture in source.pictures(stop, lambda text: None):
        number = number_in(picture.to_ndarray(format="rgb24"))
        late.append(time.monotonic() - sent[number])
        if len(late) == 60:
            ending.set()
            stop.set()
    thread.join(5)
    source.close()
    server.close()
    assert not thread.is_alive()
    assert len(late) == 60
    assert sorted(late[-30:])[15] < 0.4


def test_fps_takes_fewer_frames_of_a_stream() -> None:
    with mjpeg(lambda n: 10_000) as url:
        summary, _, _ = run(live_graph(PLAIN), find_source(url, Choices(fps=5)), 3.0)
    assert 6 <= summary.figures["captured"] <= 20


def test_a_video_on_a_server_is_played_like_a_file(numbers: Path) -> None:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            data = numbers.read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        source = Url(f"http://127.0.0.1:{server.server_port}/numbers.mp4", Choices())
        summary, seen, said = run(live_graph(PLAIN), source)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert (summary.ended, said) == ("end of the source", [])
    assert summary.figures["captured"] == 60
    assert 59 / FPS <= summary.seconds < 59 / FPS + 2
    assert number_in(seen.all[-1].pixels) == 59


# --- recording


def test_a_recording_plays_as_long_as_it_was_live(numbers: Path, tmp_path: Path) -> None:
    graph = live_graph(PLAIN)
    graph.__class__ = Slow  # frames are dropped, and time is not
    recorder = Recorder(tmp_path / "out.mp4", FPS, {"prompt": json.dumps(PLAIN)})
    summary, seen, _ = run(graph, File(str(numbers), Choices()), recorder=recorder)
    assert summary.recorded == tmp_path / "out.mp4"
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]  # nothing is left beside
    with av.open(str(summary.recorded)) as container:
        assert float(container.duration / 1e6) == pytest.approx(60 / FPS, abs=0.35)
        frames = list(container.decode(video=0))
    assert [number_in(f.to_ndarray(format="rgb24")) for f in frames] == [
        number_in(drawn.pixels) for drawn in seen.all
    ]
    wanted = [drawn.captured - seen.all[0].captured for drawn in seen.all]
    assert [float(f.time) for f in frames] == pytest.approx(wanted, abs=0.001)
    assert load_graph(summary.recorded).nodes["1"].class_type == "LoadVideo"
    (file,) = summary.as_dict()["files"]
    assert file["bytes"] == summary.recorded.stat().st_size


def test_recordings_of_odd_sides_lack_a_line(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.mp4", 30, {})
    for number in range(3):
        recorder.write(Drawn(np.zeros((33, 65, 3), np.uint8), number, number / 30))
    assert recorder.is_cropped
    with pytest.raises(MediaError, match="changes from 64x32 to 64x64; fix it with --size"):
        recorder.write(Drawn(np.zeros((64, 64, 3), np.uint8), 4, 1.0))
    recorder.close()
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].frames == 3


def test_recordings_without_pictures_and_bad_names(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "none.mp4", 30, {})
    recorder.close()
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match=r"ends in \.mp4"):
        Recorder(tmp_path / "out.avi", 30, {})
    (tmp_path / "there.mp4").touch()
    with pytest.raises(InputError, match="is there already"):
        Recorder(tmp_path / "there.mp4", 30, {})
    (tmp_path / "file").touch()
    recorder = Recorder(tmp_path / "file" / "out.mp4", 30, {})
    with pytest.raises(MediaError, match="cannot be written"):
        recorder.write(Drawn(numbered(1), 1, 0.0))
    recorder.close()


# --- the page


@pytest.fixture
def page() -> Iterator[Page]:
    made = Page("127.0.0.1", 0, Figures(), "Kinograph: <test> & more")
    made.start()
    yield made
    made.stop()


def ask(page: Page, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(*_address(page), timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def _address(page: Page) -> tuple[str, int]:
    found = re.fullmatch(r"http://([\d.]+):(\d+)/\?token=[\w-]{32}", page.url)
    assert found
    return found[1], int(found[2])


@pytest.mark.parametrize(
    "path", ["/", "/stream", "/stats", "/snapshot.png", "/none", "/favicon.ico"]
)
def test_every_route_needs_the_token(page: Page, path: str) -> None:
    page.show(Drawn(numbered(1), 1, 0.0))
    for query in ("", "?token=", "?token=x", f"?token={page.token[:-1]}", "?token=%C3%A9%FF"):
        status, _, body = ask(page, path + query)
        assert status == 403
        assert page.token.encode() not in body
    if path != "/stream":
        status, _, _ = ask(page, f"{path}?token={page.token}")
        assert status == (404 if path in ("/none", "/favicon.ico") else 200)


def test_another_name_for_the_machine_is_refused(page: Page) -> None:
    port = _address(page)[1]
    path = f"/stats?token={page.token}"
    for name in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", ""):
        assert ask(page, path, Host=name)[0] == 403, name
    for name in ("127.0.0.1", f"localhost:{port}", f"[::1]:{port}", f"192.168.1.7:{port}"):
        assert ask(page, path, Host=name)[0] == 200, name


def test_the_page_has_a_strict_policy_and_no_outside(page: Page) -> None:
    _, headers, body = ask(page, f"/?token={page.token}")
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["referrer-policy"] == "no-referrer"
    text = body.decode()
    (nonce,) = set(re.findall(r'nonce="([^"]+)"', text))
    assert f"script-src 'nonce-{nonce}'" in policy
    assert "<title>Kinograph: &lt;test&gt; &amp; more</title>" in text
    assert not re.search(r"https?://|innerHTML|insertAdjacentHTML|\beval\b|\{nonce\}", text)
    assert ask(page, f"/?token={page.token}")[1]["content-security-policy"] != policy


def test_statistics_and_snapshot(page: Page) -> None:
    path = f"/snapshot.png?token={page.token}"
    status, _, body = ask(page, path)
    assert (status, body) == (503, b"no picture yet\n")
    page.show(Drawn(numbered(77), 5, 0.0))
    status, headers, body = ask(page, path)
    assert (headers["content-type"], headers["x-frame"]) == ("image/png", "5")
    assert (np.asarray(Image.open(BytesIO(body))) == numbered(77)).all()
    found = json.loads(ask(page, f"/stats?token={page.token}")[2])
    assert found["state"] == "preparing"
    assert found["latency_ms"] == {"median": None, "p95": None}
    assert found["viewers"] == 0


class Viewer:
    """Reads the stream of a page, part by part."""

    def __init__(self, page: Page):
        self._line = socket.create_connection(_address(page), timeout=10)
        request = f"GET /stream?token={page.token} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"
        self._line.sendall(request.encode())
        self._file = self._line.makefile("rb")
        self._headers()
        assert self._file.readline() == b"--kinograph\r\n"

    def _headers(self) -> dict[str, str]:
        found = {}
        while line := self._file.readline().decode().strip():
            key, _, value = line.partition(": ")
            found[key] = value
        return found

    def next(self) -> tuple[int, Any] | None:
        """The next picture and its number; None behind the last."""
        headers = self._headers()
        if not headers:
            return None
        data = self._file.read(int(headers["Content-Length"]))
        assert self._file.read(len(b"\r\n--kinograph\r\n")) == b"\r\n--kinograph\r\n"
        return int(headers["X-Frame"]), np.asarray(Image.open(BytesIO(data)))

    def close(self) -> None:
        self._file.close()
        self._line.close()


def test_viewers_get_the_same_pictures_each_encoded_once(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    import kinograph.workflows.live.slot as slots

    encoded = []
    real = slots._encoded
    monkeypatch.setattr(slots, "_encoded", lambda *a: encoded.append(1) or real(*a))
    viewers = [Viewer(page), Viewer(page)]
    for number in (1, 2, 3):
        page.show(Drawn(numbered(number), number, 0.0))
        for viewer in viewers:
            found = viewer.next()
            assert found is not None
            assert found[0] == number == number_in(found[1])
    assert len(encoded) == 3
    late = Viewer(page)
    assert (late.next() or [0])[0] == 3  # at once, without a new one
    assert json.loads(ask(page, f"/stats?token={page.token}")[2])["viewers"] == 3
    assert page._figures.overall()["shown"] == 3
    viewers[0].close()
    page.stop()  # sends the others away
    assert viewers[1].next() is None
    viewers[1].close()
    late.close()


def test_a_slow_viewer_gets_fewer_pictures_and_stops_nobody(page: Page) -> None:
    random = np.random.default_rng(0)
    noise = random.integers(0, 255, (400, 600, 3), np.uint8)  # some 300 kB each
    slow, quick = Viewer(page), Viewer(page)
    got: list[int] = []

    def look() -> None:
        while (found := quick.next()) is not None:
            got.append(found[0])

    thread = threading.Thread(target=look)
    thread.start()
    shows = []
    for number in range(1, 61):
        before = time.perf_counter()
        page.show(Drawn(np.roll(noise, number, 1), number, 0.0))
        shows.append(time.perf_counter() - before)
        time.sleep(0.03)
    time.sleep(0.5)
    assert max(shows) < 0.1  # who draws never waits
    assert len(got) > 20
    assert got[-1] == 60
    seen = []
    while (found := slow.next()) is not None:
        seen.append(found[0])
        if found[0] == 60:
            break
    assert seen == sorted(set(seen))
    assert len(seen) < 40  # not all that were made while it slept
    page.stop()
    thread.join(5)
    assert not thread.is_alive()
    slow.close()
    quick.close()


def test_addresses() -> None:
    for name in ("127.0.0.1", "::1", "localhost", "127.3.2.1"):
        assert is_loopback(name)
    for name in ("0.0.0.0", "::", "192.168.1.2", "example.org"):
        assert not is_loopback(name)


def test_a_port_that_is_taken(page: Page) -> None:
    other = Page("127.0.0.1", _address(page)[1], Figures(), "")
    with pytest.raises(InputError, match=r"--port \d+: cannot be used .* choose another port"):
        other.start()


def test_a_page_is_a_source(page: Page) -> None:
    """What one run shows, another can go on with."""
    going = threading.Event()

    def feed() -> None:
        number = 0
        while not going.wait(0.03):
            number += 1
            page.show(Drawn(numbered(number % 256), number, time.monotonic()))

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        host_, port = _address(page)
        source = Url(f"http://{host_}:{port}/stream?token={page.token}", Choices())
        summary, seen, _ = run(live_graph(PLAIN), source, 2.0)
    finally:
        going.set()
        thread.join()
    assert summary.figures["drawn"] > 15
    found = [number_in(drawn.pixels) for drawn in seen.all]
    assert found == sorted(set(found))


@pytest.mark.comfyui  # needs Chromium
@pytest.mark.filterwarnings("ignore::DeprecationWarning:playwright")
def test_the_page_in_a_browser(root: Path, clip_path: Path, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    graph = live_graph(root / "workflows" / "api" / "pose_to_vace.json")
    source = File(str(clip_path), Choices(loop=True))
    source.open()
    figures = Figures()
    page = Page("127.0.0.1", 0, figures, "Kinograph: pose_to_vace.json")
    page.start()
    graph.prepare(source.rate, source.size)
    made: list[Summary] = []
    thread = threading.Thread(
        target=lambda: made.append(
            run_live(graph, source, Outlets(figures, page, overlay=True), 60)
        )
    )
    thread.start()
    wrong: list[str] = []
    shots = Path(os.environ.get("KINOGRAPH_SHOTS", tmp_path))
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium(), headless=True, args=["--no-sandbox"]
            )
            tab = browser.new_page(viewport={"width": 1000, "height": 800}, color_scheme="dark")
            tab.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
            tab.on("pageerror", lambda error: wrong.append(str(error)))
            tab.goto(page.url)
            wide = "document.getElementById('picture').naturalWidth"
            tab.wait_for_function(f"() => {wide} === 832")
            tab.wait_for_function(
                "() => document.getElementById('median').textContent.includes('ms')"
            )
            shown = _number(tab, "shown")
            tab.wait_for_timeout(2500)
            assert _number(tab, "shown") > shown  # it goes on
            tab.screenshot(path=str(shots / "live_dark.png"))
            tab.emulate_media(color_scheme="light")
            tab.get_by_role("button", name="Pause").click()
            tab.wait_for_function(
                "() => document.getElementById('picture').src.startsWith('blob:')"
            )
            tab.wait_for_function(f"() => {wide} === 832")
            first = _pixels(tab)
            tab.wait_for_timeout(1500)
            assert (_pixels(tab) == first).all()
            with tab.expect_download() as download:
                tab.get_by_role("button", name="Snapshot").click()
            saved = np.asarray(Image.open(download.value.path()))
            assert re.fullmatch(r"kinograph_\d{6}\.png", download.value.suggested_filename)
            assert (saved == first).all()  # what was seen
            tab.screenshot(path=str(shots / "live_light.png"))
            tab.get_by_role("button", name="Resume").click()
            tab.wait_for_function(
                "() => document.getElementById('picture').src.includes('/stream')"
            )
            tab.wait_for_function(f"() => {wide} === 832")
            assert wrong == []
            browser.close()
    finally:
        page_figures = figures.now()
        page.stop()
        graph.__class__ = _Ending
        thread.join(30)
    assert page_figures["drawn"] > 10
    assert made
    assert not thread.is_alive()


class _Ending(LiveGraph):
    def draw(self, frame: Frame) -> Drawn | None:
        raise GraphError("the test is over")


def _number(tab: Any, name: str) -> int:
    return int(re.sub(r"\D", "", tab.locator(f"#{name}").inner_text()))


def _pixels(tab: Any) -> Any:
    """What the picture on the page holds."""
    data = tab.evaluate(
        """() => {
            const image = document.getElementById('picture');
            const canvas = document.createElement('canvas');
            canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
            canvas.getContext('2d').drawImage(image, 0, 0);
            return canvas.toDataURL('image/png').split(',')[1];
        }"""
    )
    import base64

    return np.asarray(Image.open(BytesIO(base64.b64decode(data))).convert("RGB"))


# --- the command


def graph_file(folder: Path, graph: dict[str, Any] = PLAIN) -> str:
    path = folder / "graph.json"
    path.write_text(json.dumps(graph))
    return str(path)


def test_the_command_runs_to_the_end(
    numbers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["live", graph_file(tmp_path), "--source", str(numbers), "--json", "--fps", "60"]
    words += ["--record", str(tmp_path / "out.mp4"), "--size", "64x32", "--device", "cpu"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert report["showing"] == "node 2 (GetVideoComponents), output 0 (IMAGE)"
    assert (report["ok"], report["ended"], report["captured"]) == (True, "end of the source", 60)
    assert report["files"][0]["path"] == str(tmp_path / "out.mp4")
    assert re.search(r"^open http://127\.0\.0\.1:\d+/\?token=[\w-]{32}$", err, re.M)
    assert "not run live: node 3 (PreviewImage)" in err
    assert "warning" not in err
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (64, 32)


def test_a_page_for_other_machines_is_warned_of(
    numbers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    # The server stays on loopback: only the name is another.
    monkeypatch.setattr("kinograph.workflows.live.page.is_loopback", lambda host: False)
    words = ["live", graph_file(tmp_path), "--source", str(numbers), "--seconds", "0.3"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert "warning: --host 127.0.0.1: other machines reach the page, unencrypted" in err
    assert "captured" in out
    assert re.search(r"^end +time$", out, re.M)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--source", "no.mp4"], "no.mp4: expected a video file, but it does not exist"),
        (["--source", "ftp://x"], "expected a camera's number, a file or a URL"),
        (["--source", "{numbers}", "--show", "1"], "has no such output of pictures"),
        (["--source", "{numbers}", "--record", "out.avi"], "expected a name that ends in .mp4"),
        (["--source", "{numbers}", "--host", "nowhere.invalid"], "cannot be used"),
    ],
)
def test_mistakes_end_with_status_2(
    numbers: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    words = [word.replace("{numbers}", str(numbers)) for word in words]
    assert main(["live", graph_file(tmp_path), *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--size", "0x4"],
        ["--size", "wide"],
        ["--fps", "0"],
        ["--fps", "nan"],
        ["--seconds", "-1"],
        ["--port", "65536"],
    ],
)
def test_values_that_are_none(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["live", "graph.json", "--source", "0", *words])
    assert "expected" in capsys.readouterr().err


def test_without_aiohttp(
    numbers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    words = ["live", graph_file(tmp_path), "--source", str(numbers), "--seconds", "0.2"]
    assert main(words) == 2
    assert "pip install 'kinograph[live]'" in capsys.readouterr().err
    assert main([*words, "--no-page"]) == 0


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_cleanly(numbers: Path, tmp_path: Path, number: int) -> None:
    words = ["live", graph_file(tmp_path), "--source", str(numbers), "--loop", "--json"]
    words += ["--record", "out.mp4"]
    with subprocess.Popen(
        [sys.executable, "-m", "kinograph.workflows.cli", *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "fps in" in line:
                break
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert json.loads(out)["ended"] == "interrupted"
    assert json.loads(out)["ok"]
    assert "Traceback" not in err
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].frames == json.loads(out)["drawn"]
