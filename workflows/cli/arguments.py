"""Arguments that commands share, and what follows from them."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..graph.shipped import MEDIA

if TYPE_CHECKING:
    from ...engines.video.timing import ReadOptions
    from ..remote.link import Server

OUTPUT = Path("kinograph-output")


def add_debug(parser: argparse.ArgumentParser) -> None:
    """Add --debug, which every command has."""
    parser.add_argument("--debug", action="store_true", help="show tracebacks")


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add --device."""
    parser.add_argument(
        "--device", default="auto", help="where networks run: cpu, cuda or auto (default)"
    )


def add_output_dir(parser: argparse.ArgumentParser) -> None:
    """Add --output-dir."""
    parser.add_argument(
        "--output-dir", type=Path, default=OUTPUT, metavar="DIR", help=f"default: {OUTPUT}"
    )


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add --start, --duration, --every and --fps."""
    group = parser.add_argument_group("reading videos", "for every video that the graph loads")
    group.add_argument("--start", type=seconds, default=0.0, metavar="S", help="skip S seconds")
    group.add_argument(
        "--duration", type=positive, default=0.0, metavar="S", help="read S seconds (default: all)"
    )
    group.add_argument("--every", type=ordinal, default=1, metavar="N", help="take every Nth frame")
    group.add_argument(
        "--fps",
        type=positive,
        default=0.0,
        metavar="R",
        help="read at R frames per second, by time: frames are repeated or left out; the frame "
        "rate of pictures in a folder (default: the video's own; 16 for pictures)",
    )


def reading_of(arguments: argparse.Namespace) -> ReadOptions:
    """Return how videos are to be read."""
    from fractions import Fraction

    from ...engines.video.timing import ReadOptions

    return ReadOptions(
        start=arguments.start,
        duration=arguments.duration,
        every=arguments.every,
        fps=Fraction(arguments.fps).limit_denominator(1001),
    )


def add_graph(parser: argparse.ArgumentParser) -> None:
    """Add GRAPH and --set."""
    parser.add_argument("graph", type=Path, metavar="GRAPH", help="the file of a graph")
    add_set(parser)


def add_set(parser: argparse.ArgumentParser) -> None:
    """Add --set."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NODE.INPUT=VALUE",
        help="set an input of a node, e.g. 'Detect Poses.max_people=1'; NODE is an id, or the "
        "title or class of one node; may be given several times",
    )


def add_backend(parser: argparse.ArgumentParser) -> None:
    """Add --backend."""
    parser.add_argument("--backend", default="auto", help="auto (default) or the name of a backend")


def add_precision(parser: argparse.ArgumentParser) -> None:
    """Add --precision."""
    parser.add_argument("--precision", default="auto", help="auto (default), fp32, fp16 or bf16")


def add_video(parser: argparse.ArgumentParser) -> None:
    """Add --video, the footage of a benchmark."""
    parser.add_argument("--video", type=Path, help="default: the shipped clip")


def add_runs(parser: argparse.ArgumentParser, default: int) -> None:
    """Add --runs, of a benchmark whose figures are medians."""
    parser.add_argument(
        "--runs", type=int, default=default, help=f"runs to take the median of (default {default})"
    )


def add_report(parser: argparse.ArgumentParser) -> None:
    """Add --json, the file that the report of a benchmark goes into."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the report as JSON")


def add_server(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Add --server, whose help is `purpose`, and --header."""
    parser.add_argument("--server", default="", metavar="URL", help=purpose)
    parser.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="with --server: a header to send with every request, e.g. "
        "Authorization='Bearer ...'; may be given several times",
    )


def server_of(arguments: argparse.Namespace) -> Server | None:
    """Return the server that --server names, or None.

    Raises `InputError` for a malformed URL, and for --header without --server.
    """
    if arguments.server:
        from ..remote.link import Server

        return Server.at(arguments.server, arguments.header)
    if arguments.header:
        from ...engines.errors import InputError

        raise InputError("--header: needs --server URL")
    return None


def count(text: str) -> int:
    """Parse an integer of at least 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected an integer of at least 0, found {text}")
    return int(text)


def ordinal(text: str) -> int:
    """Parse an integer of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected an integer of at least 1, found {text}")
    return int(text)


def seconds(text: str) -> float:
    """Parse a number of at least 0."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9:
        raise argparse.ArgumentTypeError(f"expected seconds, at least 0, found {text}")
    return number


def positive(text: str) -> float:
    """Parse a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e9:
        raise argparse.ArgumentTypeError(f"expected a number above 0, found {text}")
    return number


def frame_size(text: str) -> tuple[int, int]:
    """Parse "832x480" to (height, width)."""
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text.lower())
    if not match:
        raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT, e.g. 832x480, found {text}")
    return int(match[2]), int(match[1])


def port(text: str) -> int:
    """Parse the number of a TCP port; 0 is any free one."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected a port number, 0 to 65535, found {text}")
    return int(text)


def parsed_size(option: str, text: str) -> tuple[int, int]:
    """Parse "448x256" to (height, width). Raises `InputError` for anything else."""
    from ...engines.errors import InputError

    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdigit() and height.isdigit() and int(width) and int(height)):
        raise InputError(f"{option}: expected WIDTHxHEIGHT, e.g. 448x256, found {text!r}")
    return int(height), int(width)


def input_folders(graph: Path) -> tuple[Path, ...]:
    """Return where to look for the files that a graph names: here, beside it, among the shipped."""
    return tuple(dict.fromkeys((Path.cwd(), graph.resolve().parent, MEDIA)))
