"""`kinograph rtdetr scenarios`: what a detector does under nine circumstances."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report as JSON")


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.evaluation.scenarios.suite import run_scenarios
    from ...terminal import Bars, write_report

    settings = scenario_settings(arguments)
    with Bars("images") as bars:
        looked = finding_of(arguments, bars.start)
        report = run_scenarios(
            looked.data,
            looked.finder,
            threshold=arguments.score_threshold,
            whole=looked.whole,
            about=looked.about,
            **settings,
        )
    print_scenarios(report)
    print_part(looked)
    write_report(report, arguments.output)
    return 0


def print_scenarios(report: Mapping[str, Any]) -> None:
    """Print a table of the scenarios, and below it why figures are missing."""
    from ...terminal import print_table

    names = list(report["summary"])
    rows = [
        [row["name"], str(row["objects"]), *(figure(row["metrics"][name]) for name in names)]
        for row in report["scenarios"]
    ]
    rows.append(["mean", "", *(figure(report["summary"][name]) for name in names)])
    print_table(["scenario", "objects", *names], rows, ",".join(["objects", *names]))
    reasons: dict[str, list[str]] = {}
    for row in report["scenarios"]:
        for name, reason in row["reasons"].items():
            whole = len(row["reasons"]) == len(names)
            place = row["name"] if whole else f"{row['name']} {name}"
            if place not in reasons.setdefault(reason, []):
                reasons[reason].append(place)
    for reason, places in reasons.items():
        many = f"{places[0]} and {len(places) - 1} more" if len(places) > 2 else ", ".join(places)
        print(f"- {many}: {reason}")


def figure(value: float | None) -> str:
    """Return a figure as tables show it."""
    return "-" if value is None else f"{value:.4g}"


COMMAND = Command(
    name="scenarios",
    help="measure a detector under nine circumstances",
    run=_run,
    arguments=(add_debug, add_data, add_finding, add_scenarios, _add_arguments),
    order=50,
)
