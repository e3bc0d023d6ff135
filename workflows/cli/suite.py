"""The suite that compares and times a model on several backends: of `parity` and `bench MODEL`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .arguments import add_precision, parsed_size


def add_suite(parser: argparse.ArgumentParser) -> None:
    """Add --backends, --precision and --output."""
    parser.add_argument(
        "--backends",
        metavar="A,B,...",
        help="default: all, including those that are not available here",
    )
    add_precision(parser)
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report as JSON")


def run_suite_command(arguments: argparse.Namespace) -> int:
    """Run the suite and print its report; return exit status 1 if a backend fails.

    The backends that are named must pass; without names, those that are available here.
    """
    from ...engines.evaluation.backends import passed, run_suite
    from ...engines.models.registry import resolve
    from .terminal import write_report

    named = arguments.backends.split(",") if arguments.backends else []
    report = run_suite(
        resolve(arguments.model),
        named,
        device=arguments.device,
        precision=arguments.precision,
        runs=arguments.runs,
        warmup=arguments.warmup,
        batch=arguments.batch,
        size=parsed_size("--size", arguments.size) if arguments.size else None,
    )
    _print(report)
    write_report(report, arguments.output)
    candidates = report["parity"]["candidates"]
    required = named or [name for name, found in candidates.items() if found["available"]]
    return 0 if passed(report, required) else 1


def _print(report: dict[str, Any]) -> None:
    from .terminal import print_table

    rows = []
    for name, candidate in report["parity"]["candidates"].items():
        verdict = "passed" if candidate["passed"] else "FAILED"
        if not candidate["available"]:
            rows.append([name, "unavailable", "", "", candidate["reason"]])
            continue
        outputs = candidate.get("outputs", {})
        worst = max(outputs, key=lambda n: outputs[n]["error"], default="")
        error = f"{outputs[worst]['error']:.2g} ({worst})" if worst else ""
        rows.append([name, verdict, candidate.get("precision", ""), error, candidate["reason"]])
    print_table(["backend", "parity", "precision", "largest error (output)", "reason"], rows)
    if not report["benchmark"]["enabled"]:
        return
    print()
    print("x".join(map(str, report["benchmark"]["input"])), "milliseconds per call")
    print_table(
        ["backend", "p50", "p95", "mean", "min", "max", "frames/s"],
        [
            [
                result["name"],
                *(
                    f"{result['metrics']['latency_ms'][part]:.3f}"
                    for part in ("p50", "p95", "mean", "min", "max")
                ),
                f"{result['metrics']['fps']:.1f}",
            ]
            for result in report["benchmark"]["results"]
        ],
        "p50,p95,mean,min,max,frames/s",
    )
