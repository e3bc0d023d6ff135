"""What is played live: files, cameras, streams that break off."""

import re
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from kinograph.engines.errors import InputError, MediaError
from kinograph.workflows.live import urls
from kinograph.workflows.live.figures import Figures
from kinograph.workflows.live.reader import find_source
from kinograph.workflows.live.sources import FileSource, SourceOptions
from kinograph.workflows.live.urls import UrlSource, masked
from live_clips import FPS, HEIGHT, PLAIN, WIDTH, live_graph, mjpeg, number_in, numbered, run
from video_files import cut, remux


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("0", "CameraSource"),
        ("/dev/video3", "CameraSource"),
        ("clip.mp4", "FileSource"),
        ("RTSP://h/x", "UrlSource"),
    ],
)
def test_what_a_source_is(text: str, kind: str) -> None:
    assert type(find_source(text, SourceOptions())).__name__ == kind


def test_sources_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"expected a camera's number, a file, a folder or a URL .* gopher"
    ):
        find_source("gopher://x", SourceOptions())
    with pytest.raises(InputError, match="--loop: needs a file or a folder, but --source is 0"):
        find_source("0", SourceOptions(loop=True))
    with pytest.raises(MediaError, match="expected a video file, but it does not exist"):
        find_source(str(tmp_path / "no.mp4"), SourceOptions()).open()
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(MediaError, match="is not a video"):
        find_source(str(tmp_path / "text.mp4"), SourceOptions()).open()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks for a device of Linux")
def test_a_camera_that_is_not_there() -> None:
    with pytest.raises(MediaError, match="/dev/video987: there is no such camera; found "):
        find_source("987", SourceOptions()).open()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks for a device of Linux")
def test_a_device_that_is_no_camera(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MediaError, match="camera /dev/null: cannot be opened; close other"):
        find_source("/dev/null", SourceOptions()).open()


def test_passwords_are_not_shown() -> None:
    assert masked("rtsp://me:secret@camera/1?x=a:b@c") == "rtsp://me:***@camera/1?x=a:b@c"
    assert masked("http://camera:8080/a@b") == "http://camera:8080/a@b"
    assert masked("rtsp://admin:p@ss@10.0.0.2/1") == "rtsp://admin:***@10.0.0.2/1"
    assert masked("http://cam/v?user=me&pwd=secret&x=1") == "http://cam/v?user=me&pwd=***&x=1"
    source = find_source("http://me:secret@127.0.0.1:9/", SourceOptions())
    with pytest.raises(MediaError, match=r"http://me:\*\*\*@127.0.0.1:9/: cannot be opened") as got:
        source.open()
    assert "secret" not in str(got.value)


def test_a_file_that_breaks_off(numbers: Path, tmp_path: Path) -> None:
    broken = cut(remux(numbers, tmp_path / "whole.mkv"), tmp_path / "broken.mkv", 0.5)
    summary, seen, _ = run(live_graph(PLAIN), FileSource(str(broken), SourceOptions()))
    assert summary.ended in ("error", "end of the source")  # Matroska tells no end
    assert 0 < len(seen.all) < 60


def test_a_stream_is_connected_again() -> None:
    figures = Figures()
    with mjpeg(lambda n: 30) as url:
        graph = live_graph(PLAIN)
        summary, seen, said = run(graph, find_source(url, SourceOptions()), 6.0, figures=figures)
    assert summary.ok
    assert summary.ended == "time"
    found = [number_in(drawn.pixels) for drawn in seen.all]
    assert found == sorted(set(found))
    assert found[-1] > 60  # of the third connection
    assert len(found) > 40
    lost = [line for line in said if "reconnecting in 0.5 s" in line]
    assert len(lost) >= 2
    assert said.count(f"{url}: reconnected") >= len(lost) - 1 >= 1
    assert figures.state == "ended"


def test_a_stream_that_falls_silent_is_connected_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urls, "SILENCE", 1.0)
    with mjpeg(lambda n: 15 if n == 0 else 10_000, silent_at=0) as url:
        summary, seen, said = run(live_graph(PLAIN), find_source(url, SourceOptions()), 4.5)
    assert summary.ok
    assert any("no data for 1 s" in line for line in said)
    assert number_in(seen.all[-1].pixels) > 15


def test_a_stream_that_is_gone_is_tried_again_ever_more_seldom(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(urls, "_WAITS", (0.1, 0.2))
    with mjpeg(lambda n: 20) as url:
        source = find_source(url, SourceOptions())
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
    waits = [float(re.findall(r"reconnecting in ([\d.]+) s", line)[0]) for line in said]
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
    source = find_source(f"tcp://127.0.0.1:{server.getsockname()[1]}", SourceOptions())
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
        summary, _, _ = run(live_graph(PLAIN), find_source(url, SourceOptions(fps=5)), 3.0)
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
        source = UrlSource(f"http://127.0.0.1:{server.server_port}/numbers.mp4", SourceOptions())
        summary, seen, said = run(live_graph(PLAIN), source)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert (summary.ended, said) == ("end of the source", [])
    assert summary.figures["captured"] == 60
    assert 59 / FPS <= summary.seconds < 59 / FPS + 2
    assert number_in(seen.all[-1].pixels) == 59


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    """In natural order, at its pace, again and again; pictures that cannot be played."""
    for number in (1, 2, 10):
        Image.fromarray(numbered(number)).save(tmp_path / f"f{number}.png")
    for name in (str(tmp_path), str(tmp_path / "f%d.png")):
        if "%" in name:
            (tmp_path / "f10.png").rename(tmp_path / "f3.png")
        source = find_source(name, SourceOptions(fps=100.0))
        _, seen, said = run(live_graph(PLAIN), source)
        shown = [number_in(drawn.pixels) for drawn in seen.all]
        assert shown[-1] == 10
        assert shown == sorted(shown)
        assert source.size == numbered(1).shape[:2]
        assert said == []
    looped = find_source(str(tmp_path), SourceOptions(loop=True))
    summary, seen, said = run(live_graph(PLAIN), looped, 0.5)
    assert summary.ended == "time"
    assert summary.figures["captured"] > 4
    assert "pictures have no frame rate; read at 16 fps" in said[0]
    Image.new("RGB", (8, 8)).save(tmp_path / "f4.png")
    summary, _, _ = run(live_graph(PLAIN), find_source(str(tmp_path), SourceOptions(fps=100.0)))
    assert "expected 128x64 as the first picture, found 8x8" in str(summary.failure)
    empty = tmp_path / "none"
    empty.mkdir()
    with pytest.raises(MediaError, match="expected pictures"):
        find_source(str(empty), SourceOptions()).open()
