"""Clips whose frames show their number, and live runs that keep what they show."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from kinograph.nodes.standin import host
from kinograph.workflows.graph.assign import with_values
from kinograph.workflows.graph.catalogue import catalogue
from kinograph.workflows.graph.load import load_graph, parse_graph
from kinograph.workflows.graph.shipped import MEDIA
from kinograph.workflows.live.figures import Figures
from kinograph.workflows.live.graph import LiveGraph
from kinograph.workflows.live.run_live import LiveSummary, Outlets, run_live
from kinograph.workflows.live.slot import Drawn, Frame
from kinograph.workflows.live.sources import FrameSource

HEIGHT, WIDTH, BLOCK, BITS = 64, 128, 16, 8
FPS = 30
PLAIN = {  # shows the frames unchanged
    "1": {"class_type": "LoadVideo", "inputs": {"file": "not there.mp4"}},
    "2": {"class_type": "GetVideoComponents", "inputs": {"video": ["1", 0]}},
    "3": {"class_type": "PreviewImage", "inputs": {"images": ["2", 0]}},
}


def numbered(number: int) -> Any:
    """Return a frame [H,W,3] with its number in binary, one block per bit, above stripes."""
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


def live_graph(graph: dict[str, Any] | Path, *assignments: str, **more: Any) -> LiveGraph:
    nodes = catalogue()
    found = load_graph(graph) if isinstance(graph, Path) else parse_graph(graph, "test.json")
    settings = host.Settings(inputs=(MEDIA,), device="cpu")
    return LiveGraph(with_values(found, assignments, nodes), nodes, settings, **more)


class Seen:
    """Takes the place of the page and keeps everything that it would show."""

    def __init__(self) -> None:
        self.all: list[Drawn] = []
        self.latencies: list[float] = []

    def show(self, drawn: Drawn) -> None:
        self.all.append(drawn)
        self.latencies.append(time.monotonic() - drawn.captured)


def run(
    graph: LiveGraph, source: FrameSource, seconds: float = 0.0, **more: Any
) -> tuple[LiveSummary, Seen, list[str]]:
    seen, said = Seen(), []
    source.open()
    graph.prepare(source.rate, source.size)
    outlets = Outlets(more.pop("figures", Figures()), seen, say=said.append, **more)  # type: ignore[arg-type]
    summary = run_live(graph, source, outlets, seconds)
    left = {thread.name for thread in threading.enumerate()}
    assert left.isdisjoint({"kinograph-reader", "kinograph-ticker"})
    return summary, seen, said


@contextmanager
def mjpeg(
    connections: Callable[[int], int], *, silent_at: int = -1, kind: str = "image/jpeg"
) -> Iterator[str]:
    """Run a network camera that sends numbered pictures as MJPEG at 25 fps.

    Connection n is dropped after `connections(n)` pictures; connection `silent_at` stalls instead.
    """
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
                pass  # the reader has left

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


class Slow(LiveGraph):
    took = 0.15

    def draw(self, frame: Frame) -> Drawn | None:
        time.sleep(self.took)
        return super().draw(frame)


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    """Return a node with the defaults of its widgets and these inputs."""
    return {"class_type": class_type, "inputs": defaults(class_type) | inputs}


def defaults(class_type: str) -> dict[str, Any]:
    schema = catalogue().require(class_type)
    return {s.id: s.default for s in schema.inputs if s.is_widget and not s.optional}


FLOW = {  # draws the flow by DIS
    "1": {"class_type": "LoadVideo", "inputs": {"file": "not there.mp4"}},
    "2": {"class_type": "GetVideoComponents", "inputs": {"video": ["1", 0]}},
    "3": node("KinographEstimateFlow", image=["2", 0]),
    "4": node("KinographDrawFlow", flow=["3", 0], colours="middlebury"),
    "5": {"class_type": "PreviewImage", "inputs": {"images": ["4", 0]}},
}
