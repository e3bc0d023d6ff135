"""`kinograph rtdetr baseline`: everything that is measured of a detector, in one report."""

from __future__ import annotations

import argparse
from pathlib import Path

from ...arguments import add_debug
from ...command import Command
from ._finding import (
    add_data,
    add_finding,
    add_scenarios,
    finding_of,
    print_part,
    scenario_settings,
)
from .scenarios import figure, print_scenarios


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--iou-threshold",
        type=float,
        default=0.5,
        metavar="T",
        help="least IoU of a box with the object that it is of, in the summary (default 0.5)",
    )
    parser.add_argument(
        "--coco", action="store_true", help="COCO's figures, which are there in any case"
    )
    parser.add_argument("--no-scenarios", action="store_true", help="leave the scenarios out")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report as JSON")
    parser.add_argument(
        "--predictions-out", type=Path, metavar="FILE", help="write the predictions as JSON"
    )
    parser.add_argument(
        "--wrap",
        action="store_true",
        help="with --predictions-out and a network: write how they came about, too",
    )


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.errors import InputError
    from .....engines.evaluation.baseline import run_baseline
    from ...terminal import Bars, print_table, write_report

    settings = scenario_settings(arguments)
    if arguments.wrap and (arguments.predictions is not None or not arguments.predictions_out):
        raise InputError("--wrap: needs --predictions-out FILE and a network")
    with Bars("images") as bars:
        looked = finding_of(arguments, bars.start)
        report, entries = run_baseline(
            looked.data,
            looked.finder,
            looked.adapter,
            threshold=arguments.score_threshold,
            scenarios=None if arguments.no_scenarios else settings,
            whole=looked.whole,
            least=arguments.iou_threshold,
            about=looked.about,
        )
    named = {**report["summary"], **report["metrics"]}
    named["fps"] = report["speed"]["fps"]
    latency = report["speed"].get("latency_ms", {})
    named |= {f"latency_{part}_ms": latency.get(part) for part in ("p50", "p95")}
    rows = [[name, figure(value)] for name, value in named.items()]
    print_table(["figure", "value"], rows, "value")
    print(f"predictions {report['predictions']['hash_sha256'][:16]}")
    if not arguments.no_scenarios:
        print()
        print_scenarios(report["scenario_suite"])
    print_part(looked)
    write_report(report, arguments.output)
    if arguments.predictions_out is not None:
        from ._writing import write_entries

        write_entries(
            entries,
            arguments.predictions_out,
            checkpoint=arguments.checkpoint if arguments.wrap else None,
        )
    return 0


COMMAND = Command(
    name="baseline",
    help="measure figures, speed and scenarios of a detector, in one report",
    run=_run,
    arguments=(add_debug, add_data, add_finding, add_scenarios, _add_arguments),
    order=60,
)
