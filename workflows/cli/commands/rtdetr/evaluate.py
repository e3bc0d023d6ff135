"""`kinograph rtdetr evaluate`: compare predictions with the labels of a data set."""

from __future__ import annotations

import argparse
from pathlib import Path

from ...arguments import add_debug
from ...command import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--predictions",
        type=Path,
        required=True,
        metavar="FILE",
        help="of kinograph rtdetr predict",
    )
    parser.add_argument(
        "--dataset", type=Path, required=True, metavar="DIR", help="folder of the data set"
    )
    parser.add_argument("--split", default="val", help="default: val")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report as JSON")


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.evaluation.objects import evaluate_predictions
    from ...terminal import print_table, write_report

    report = evaluate_predictions(arguments.predictions, arguments.dataset, arguments.split)
    rows = [
        [name, "-" if value is None else f"{value:.4g}"]
        for name, value in report["metrics"].items()
    ]
    print_table(["figure", "value"], rows, "value")
    write_report(report, arguments.output)
    return 0


COMMAND = Command(
    name="evaluate",
    help="compare predictions with the labels of a data set",
    run=_run,
    arguments=(add_debug, _add_arguments),
    order=40,
)
