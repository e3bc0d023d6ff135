"""`kinograph eval tracks`: the error of motion tracks on footage whose motion is known."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ...arguments import add_debug, parsed_size
from ...command import Command

_COLUMNS = ("frames", "points", "EPE, px", "survival", "wrong")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--size", default="320x240", metavar="WxH", help="of the footage in px (default: 320x240)"
    )
    parser.add_argument(
        "--points", type=int, default=256, help="that begin in each clip, about (default: 256)"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report as JSON")


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.evaluation.tracks import evaluate_tracks
    from ...terminal import Bars, write_report

    with Bars("clips") as bars:
        report = evaluate_tracks(
            size=parsed_size("--size", arguments.size),
            points=arguments.points,
            progress=bars.start,
        )
    _print(report)
    write_report(report, arguments.output)
    return 0


def _print(report: dict[str, Any]) -> None:
    from ...terminal import print_table

    rows = [
        [
            name,
            length,
            str(figures["points"]),
            "-" if figures["epe"] is None else f"{figures['epe']:.2f}",
            *(
                "-" if figures[key] is None else f"{figures[key]:.1%}"
                for key in ("survival", "wrong")
            ),
        ]
        for name, lengths in report["methods"].items()
        for length, figures in lengths.items()
    ]
    print_table(["", *_COLUMNS], rows, ",".join(_COLUMNS))


COMMAND = Command(
    name="tracks",
    help="measure the error of motion tracks against known motion",
    run=_run,
    arguments=(add_debug, _add_arguments),
    order=25,
)
