"""The subcommand `live`: a graph on a camera, a file in real time, or a stream."""

from __future__ import annotations

import argparse
import json
import re
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import Parents, input_folders

if TYPE_CHECKING:
    from ..graph.model import Graph
    from ..live.figures import Figures
    from ..live.graph import LiveGraph
    from ..live.page import Page
    from ..live.run import Summary
    from ..live.sources import Source


EXIT_CODES = """exit status:
  0    the source came to its end, or the time was up
  1    an internal error: a defect of Kinograph; --debug shows where
  2    a mistake that you can mend, or a camera that went away, said on the error stream
  130  ended by Ctrl-C (143: by SIGTERM); what was recorded until then is whole
"""


def add_commands(commands: Any, parents: Parents) -> None:
    """Add the subcommand to the parser's `commands`."""
    live = commands.add_parser(
        "live",
        parents=[parents.graph, parents.common, parents.running],
        help="run a graph on a camera or a stream, with a page that shows it",
        description="Run GRAPH frame by frame on a stream that stands for its Load Video, and show "
        "one of its pictures in the browser, with the latency. Frames that come too fast are "
        "dropped, never queued. Nodes that the picture does not need do not run; nothing is saved.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    live.add_argument(
        "--source",
        required=True,
        metavar="CAMERA|FILE|URL",
        help="a camera's number or device, a video file, or rtsp://, http:// and the like",
    )
    live.add_argument(
        "--show",
        default="",
        metavar="NODE[.OUTPUT]",
        help="what is shown; default: what the last node draws that draws poses, flow or both",
    )
    live.add_argument(
        "--size", type=_size, metavar="WxH", help="scale frames to this, the middle of them"
    )
    live.add_argument(
        "--fps",
        type=_positive,
        default=0.0,
        metavar="N",
        help="a file's pace, what a camera is asked for, the most that are taken of a stream",
    )
    live.add_argument("--loop", action="store_true", help="begin a file anew at its end")
    live.add_argument(
        "--seconds", type=_positive, default=0.0, metavar="N", help="end after that time"
    )
    live.add_argument(
        "--record", type=Path, metavar="FILE.mp4", help="record what is shown, at its real pace"
    )
    live.add_argument(
        "--overlay", action="store_true", help="write the latency into the corner of the picture"
    )
    live.add_argument("--host", default="127.0.0.1", help="where the page is; default: 127.0.0.1")
    live.add_argument("--port", type=_port, default=0, metavar="N", help="default: a free one")
    live.add_argument("--no-page", action="store_true", help="no page, e.g. only record")
    live.add_argument("--json", action="store_true", help="print the summary as JSON")
    live.set_defaults(run=_live)


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text.lower())
    if not found:
        raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT, e.g. 832x480, found {text}")
    return int(found[2]), int(found[1])


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e9:
        raise argparse.ArgumentTypeError(f"expected a number above 0, found {text}")
    return number


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected a port, 0 to 65535, found {text}")
    return int(text)


class _Terminal:
    """Lines on the error stream; the one of figures is written over itself where that is seen."""

    def __init__(self) -> None:
        self._rewrites = sys.stderr.isatty()
        self._open = False

    def status(self, line: str) -> None:
        if self._rewrites:
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
            self._open = True
        else:
            print(line, file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        self.end()
        print(text, file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._open:
            print(file=sys.stderr)
            self._open = False


def _live(arguments: argparse.Namespace) -> int:
    from dataclasses import replace

    from ..live.figures import Figures
    from ..live.reader import find_source
    from ..live.record import Recorder
    from ..live.run import Outlets, run_live
    from ..live.sources import Choices

    terminal = _Terminal()
    graph, live = _graphs(arguments)
    choices = Choices(arguments.fps, arguments.size, arguments.loop)
    source = find_source(arguments.source, choices)
    figures = Figures()
    with ExitStack() as closing:
        page = None if arguments.no_page else _page(arguments, figures)
        unread = closing.enter_context(ExitStack())
        unread.callback(source.close)
        source.open()
        recorder = None
        if arguments.record is not None:
            recorder = Recorder(arguments.record, source.rate, _carried(graph))
        if page is not None:
            page.start()
            closing.callback(page.stop)
        _introduce(live, source, page, terminal)
        for id_, text in live.prepare(source.rate, source.size).items():
            terminal.say(f"{graph.nodes[id_].label}: {text}")
        outlets = Outlets(figures, page, recorder, arguments.overlay, terminal.say, terminal.status)
        unread.pop_all()  # from here on the thread that reads it closes it
        summary = replace(
            run_live(live, source, outlets, arguments.seconds), graph=str(arguments.graph)
        )
    terminal.end()
    return _conclude(summary, arguments)


def _graphs(arguments: argparse.Namespace) -> tuple[Graph, LiveGraph]:
    from ...nodes.standin import host
    from ..graph.catalogue import catalogue
    from ..graph.model import load_graph, with_values
    from ..live.graph import LiveGraph

    nodes = catalogue()
    settings = host.Settings(inputs=input_folders(arguments.graph), device=arguments.device)
    graph = with_values(load_graph(arguments.graph), arguments.set, nodes)
    return graph, LiveGraph(graph, nodes, settings, show=arguments.show, size=arguments.size)


def _page(arguments: argparse.Namespace, figures: Figures) -> Page:
    from ..live.page import Page, check_page

    check_page()
    return Page(arguments.host, arguments.port, figures, f"Kinograph: {arguments.graph.name}")


def _carried(graph: Graph) -> dict[str, str]:
    """The graph, as pictures and videos carry it."""
    from ..graph.model import graph_as_json

    carried = {"prompt": json.dumps(graph_as_json(graph))}
    if graph.workflow:
        carried["workflow"] = json.dumps(graph.workflow)
    return carried


def _introduce(live: LiveGraph, source: Source, page: Page | None, terminal: _Terminal) -> None:
    from ..live.page import is_loopback

    terminal.say(f"showing {live.shown.label} of {source.name}")
    if live.left_out:
        terminal.say(f"not run live: {', '.join(live.left_out)}")
    for warning in live.warnings:
        terminal.say(f"warning: {warning}")
    if page is None:
        return
    terminal.say(f"open {page.url}")
    if not is_loopback(page.host):
        terminal.say(
            f"warning: --host {page.host}: other machines reach the page, unencrypted; whoever has "
            "this address with its token sees the picture"
        )


def _conclude(summary: Summary, arguments: argparse.Namespace) -> int:
    from ...engines.errors import KinographError

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


def _print(summary: Summary) -> None:
    from ..execution.report import print_table

    known = summary.figures
    latency = known["latency_ms"]
    rows = [
        [name, str(known[name])] for name in ("captured", "processed", "dropped", "drawn", "shown")
    ]
    rows += [["seconds", f"{summary.seconds:.1f}"], ["end", summary.ended]]
    if latency["median"] is not None:
        rows.append(["latency", f"{latency['median']} ms (95 %: {latency['p95']} ms)"])
    if summary.recorded is not None:
        rows.append(["recorded", str(summary.recorded)])
    print()
    print_table(["live", "in all"], rows)
