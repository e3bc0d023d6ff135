"""`kinograph rtdetr evaluate`: compare predictions with the labels of a data set."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from ...arguments import add_debug, count
from ...command import Command
from .scenarios import figure


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
    parser.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="write a page with figures, curves and the worst images, in one file",
    )
    parser.add_argument(
        "--worst", type=count, default=12, metavar="N", help="images on the page (default 12)"
    )


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.datasets.labelled import read_labelled
    from .....engines.evaluation.objects import judge_predictions, objects_report
    from .....engines.files import atomic_write
    from ...terminal import print_table, write_report

    data = read_labelled(arguments.dataset, arguments.split)
    judged = judge_predictions(arguments.predictions, data)
    report = objects_report(judged, arguments.predictions, data)
    rows = [[name, figure(value)] for name, value in report["metrics"].items()]
    print_table(["figure", "value"], rows, "value")
    for reason, names in _reasons(report["unmeasured"]).items():
        print(f"- {', '.join(names)}: {reason}")
    write_report(report, arguments.output)
    if arguments.html is not None:
        from .....engines.evaluation.page.page import page_of

        content = page_of(judged, report, worst=arguments.worst)
        with atomic_write(arguments.html) as aside:
            aside.write_text(content, encoding="utf-8")
        print(f"wrote {arguments.html}")
    return 0


def _reasons(unmeasured: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the figures that each reason stands for."""
    found: dict[str, list[str]] = {}
    for name, reason in unmeasured.items():
        found.setdefault(reason, []).append(name)
    return found


COMMAND = Command(
    name="evaluate",
    help="compare predictions with the labels of a data set",
    run=_run,
    arguments=(add_debug, _add_arguments),
    order=40,
)
