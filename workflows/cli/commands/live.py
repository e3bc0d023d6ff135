"""`kinograph live`: run a graph on a camera, a file in real time, or a stream."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from ..arguments import add_debug, add_device, add_graph, frame_size, input_folders, port, positive
from ..command import Command

if TYPE_CHECKING:
    from ...graph.model import Graph
    from ...live.figures import Figures
    from ...live.graph import LiveGraph
    from ...live.page import Page
    from ...live.run_live import LiveSummary
    from ...live.send import Receiver
    from ...live.sources import FrameSource


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source",
        required=True,
        metavar="CAMERA|FILE|FOLDER|URL",
        help="the number or device of a camera, a video file, a folder of pictures or a pattern "
        "of them such as frames/%%04d.png, or a URL such as rtsp:// or http://",
    )
    parser.add_argument(
        "--show",
        default="",
        metavar="NODE[.OUTPUT]",
        help="the output to show; default: that of the last node that draws poses or flow, or "
        "combines both",
    )
    parser.add_argument(
        "--size",
        type=frame_size,
        metavar="WxH",
        help="scale frames to this size; their centre is cropped to its aspect ratio",
    )
    parser.add_argument(
        "--fps",
        type=positive,
        default=0.0,
        metavar="N",
        help="frames per second: the pace of a file or of pictures (default: 16), what a camera is "
        "asked for, the limit for a stream",
    )
    parser.add_argument("--loop", action="store_true", help="restart a file or a folder at its end")
    parser.add_argument(
        "--seconds", type=positive, default=0.0, metavar="N", help="stop after N seconds"
    )
    parser.add_argument(
        "--record",
        type=Path,
        metavar="FILE.mp4",
        help="record what is shown, in real time, from the beginning; the page can start and stop "
        "recordings, too",
    )
    parser.add_argument(
        "--send",
        nargs=2,
        action="append",
        default=[],
        metavar=("PROTOCOL", "HOST:PORT"),
        help="send the bodies of every frame to another program, by json, remi, vmc or aitviewer; "
        "PORT alone is this machine; may be given several times",
    )
    parser.add_argument(
        "--send-pickle",
        action="store_true",
        help="send remi's frames as pickles, which REMI's own viewer reads and which can harm "
        "whoever reads them, instead of JSON",
    )
    parser.add_argument(
        "--overlay", action="store_true", help="draw the latency in a corner of the picture"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address of the page; default: 127.0.0.1"
    )
    parser.add_argument(
        "--port", type=port, default=0, metavar="N", help="port of the page; default: any free one"
    )
    parser.add_argument("--no-page", action="store_true", help="no page, e.g. only to record")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


class _Terminal:
    """Lines on the error stream; the status line is overwritten in place on a terminal."""

    def __init__(self) -> None:
        self._rewrites = sys.stderr.isatty()
        self._open = False

    def status(self, line: str) -> None:
        """Print a status line in place of the previous one."""
        if self._rewrites:
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
            self._open = True
        else:
            print(line, file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self.end()
        print(text, file=sys.stderr, flush=True)

    def end(self) -> None:
        """Finish the status line."""
        if self._open:
            print(file=sys.stderr)
            self._open = False


def _run(arguments: argparse.Namespace) -> int:
    from dataclasses import replace

    from ...live.controls import Controls
    from ...live.figures import Figures
    from ...live.measure import Measures
    from ...live.reader import find_source, open_source
    from ...live.record import Recordings
    from ...live.run_live import Outlets, run_live
    from ...live.send import Senders
    from ...live.sources import SourceOptions

    terminal = _Terminal()
    receivers = _receivers(arguments)
    graph, live = _graphs(arguments)
    options = SourceOptions(arguments.fps, arguments.size, arguments.loop)
    source = find_source(arguments.source, options)
    figures = Figures()
    with ExitStack() as closing:
        page = None if arguments.no_page else _page(arguments, figures, terminal.say)
        unread = closing.enter_context(ExitStack())
        unread.callback(source.close)
        open_source(source)
        measures = None if live.bodies is None else Measures(terminal.say)
        senders = Senders(receivers, _both(terminal.say, figures)) if receivers else None
        recordings = Recordings(
            source.rate, lambda: _metadata(live.graph), terminal.say, arguments.record
        )
        if page is not None:
            page.controls = Controls(live, recordings, terminal.say, measures)
            page.start()
            closing.callback(page.stop)
        _introduce(live, source, page, receivers, terminal)
        for id_, text in live.prepare(source.rate, source.size).items():
            terminal.say(f"{graph.nodes[id_].label}: {text}")
        outlets = Outlets(
            figures=figures,
            page=page,
            recordings=recordings,
            measures=measures if page is not None else None,
            senders=senders,
            overlay=arguments.overlay,
            say=terminal.say,
            status=terminal.status,
        )
        unread.pop_all()  # from here on, the thread that reads the source closes it
        summary = replace(
            run_live(live, source, outlets, arguments.seconds), graph=str(arguments.graph)
        )
    terminal.end()
    return _conclude(summary, arguments)


def _graphs(arguments: argparse.Namespace) -> tuple[Graph, LiveGraph]:
    from ....nodes.standin import host
    from ...graph.assign import with_values
    from ...graph.catalogue import catalogue
    from ...graph.load import load_graph
    from ...live.graph import LiveGraph

    nodes = catalogue()
    settings = host.Settings(inputs=input_folders(arguments.graph), device=arguments.device)
    graph = with_values(load_graph(arguments.graph), arguments.set, nodes)
    live = LiveGraph(
        graph,
        nodes,
        settings,
        show=arguments.show,
        size=arguments.size,
        wants_bodies=bool(arguments.send),
    )
    return graph, live


def _receivers(arguments: argparse.Namespace) -> list[Receiver]:
    """Return where bodies are to be sent. Raises `InputError` for a protocol or an address that is
    none, and for --send-pickle without what it is for."""
    from ....engines.errors import InputError
    from ...live.send import Receiver

    pickles = arguments.send_pickle
    if pickles and all(protocol != "remi" for protocol, _ in arguments.send):
        raise InputError("--send-pickle: is for --send remi only; leave it out")
    return [
        Receiver(protocol, address, pickles and protocol == "remi")
        for protocol, address in arguments.send
    ]


def _both(say: Callable[[str], None], figures: Figures) -> Callable[[str], None]:
    """Return what says a message in the terminal and on the page."""

    def saying(text: str) -> None:
        say(text)
        figures.tell(text)

    return saying


def _page(arguments: argparse.Namespace, figures: Figures, say: Callable[[str], None]) -> Page:
    from ...live.page import Page, check_page

    check_page()
    return Page(arguments.host, arguments.port, figures, f"Kinograph: {arguments.graph.name}", say)


def _metadata(graph: Graph) -> dict[str, str]:
    """Return the graph as it is embedded in pictures and videos."""
    from ...graph.model import graph_as_json

    metadata = {"prompt": json.dumps(graph_as_json(graph))}
    if graph.workflow:
        metadata["workflow"] = json.dumps(graph.workflow)
    return metadata


def _introduce(
    live: LiveGraph,
    source: FrameSource,
    page: Page | None,
    receivers: list[Receiver],
    terminal: _Terminal,
) -> None:
    from ...live.page import is_loopback

    terminal.say(f"showing {live.shown.label} of {source.name}")
    if live.bodies is not None:
        terminal.say(f"bodies of {live.bodies.label}")
    if live.left_out:
        terminal.say(f"not run live: {', '.join(live.left_out)}")
    if any("SendBodies" in label for label in live.left_out) and not receivers:
        terminal.say("warning: bodies are sent live by --send PROTOCOL HOST:PORT, not by the node")
    for warning in live.warnings:
        terminal.say(f"warning: {warning}")
    if page is None:
        return
    terminal.say(f"open {page.url}")
    if not is_loopback(page.host):
        terminal.say(
            f"warning: --host {page.host}: other machines can reach the page, unencrypted; anyone "
            "who has this URL with its token can see the picture"
        )


def _conclude(summary: LiveSummary, arguments: argparse.Namespace) -> int:
    from ....engines.errors import KinographError

    if arguments.json:
        print(json.dumps(summary.as_dict(), indent=2))
    else:
        _print(summary)
    failure = summary.failure
    if failure is not None:
        if arguments.debug or not isinstance(failure, KinographError):
            raise failure
        print(f"kinograph: {failure}", file=sys.stderr)
        return 2
    return 128 + summary.signal if summary.signal else 0


def _print(summary: LiveSummary) -> None:
    from ..terminal import print_table

    figures = summary.figures
    latency = figures["latency_ms"]
    rows = [
        [name, str(figures[name])]
        for name in ("captured", "processed", "dropped", "drawn", "shown")
    ]
    rows += [["seconds", f"{summary.seconds:.1f}"], ["end", summary.ended]]
    if latency["median"] is not None:
        rows.append(["latency", f"{latency['median']} ms (95 %: {latency['p95']} ms)"])
    rows += [["recorded", str(path)] for path in summary.recorded]
    rows += [
        [f"sent by {one['receiver']}", f"{one['sent']} ({one['dropped']} dropped)"]
        for one in summary.sent
    ]
    rows += [["changed", f"--set {assignment}"] for assignment in summary.changed]
    print()
    print_table(["live", "total"], rows)


COMMAND = Command(
    name="live",
    help="run a graph on a camera or a stream, with a page that shows it",
    run=_run,
    arguments=(add_graph, add_debug, add_device, _add_arguments),
    description="Run GRAPH frame by frame on a stream that takes the place of its Load Video, and "
    "show one of its outputs in the browser, with the latency. Frames that arrive too fast are "
    "dropped, never queued. Nodes that the output does not depend on do not run; nothing is saved.",
    epilog="""exit status:
  0    the source ended, or the time was up
  1    an internal error: a defect of Kinograph; --debug shows where
  2    a user error, or a camera that was disconnected, described on the error stream
  130  stopped by Ctrl-C (143: by SIGTERM); what was recorded until then is complete
""",
    order=60,
)
