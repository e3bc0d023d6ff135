"""`kinograph eval masks`: how near masks of people come to silhouettes that are known."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ...arguments import add_debug, parsed_size
from ...command import Command

_COLUMNS = ("IoU", "worst", "precision", "recall", "ms")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, default=64, help="synthetic bodies (default 64)")
    parser.add_argument("--seed", type=int, default=0, help="of the bodies (default 0)")
    parser.add_argument(
        "--size", default="832x464", metavar="WxH", help="of the masks in px (default: 832x464)"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report as JSON")


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.evaluation.masks import evaluate_masks
    from ...terminal import Bars, write_report

    with Bars("methods") as bars:
        report = evaluate_masks(
            count=arguments.count,
            seed=arguments.seed,
            size=parsed_size("--size", arguments.size),
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
            *(f"{figures[key]:.3f}" for key in ("iou", "worst", "precision", "recall")),
            f"{figures['ms']:.2f}",
        ]
        for name, figures in report["methods"].items()
    ]
    print_table(["", *_COLUMNS], rows, ",".join(_COLUMNS))


COMMAND = Command(
    name="masks",
    help="measure masks of people by joints against known silhouettes",
    run=_run,
    arguments=(add_debug, _add_arguments),
    order=26,
)
