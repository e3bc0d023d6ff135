"""`kinograph rtdetr suite`: compare and time a checkpoint on several backends."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ...arguments import add_debug, add_device, count, ordinal
from ...command import Command
from ...suite import add_suite
from ._finding import add_checkpoint, size_of


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dataset",
        type=Path,
        metavar="DIR",
        help="folder of a data set, whose pictures are looked at (default: smooth noise)",
    )
    parser.add_argument("--split", default="val", help="of the data set (default: val)")
    parser.add_argument(
        "--batch", type=ordinal, default=4, metavar="N", help="images per call beside 1 (default 4)"
    )
    parser.add_argument(
        "--samples", type=ordinal, default=2, metavar="N", help="inputs of each batch (default 2)"
    )
    parser.add_argument(
        "--reference", default="torch", choices=("torch",), help="in fp32 on the CPU, the only one"
    )
    parser.add_argument(
        "--score-atol", type=float, metavar="A", help="most that scores may differ (default: any)"
    )
    parser.add_argument(
        "--bbox-atol",
        type=float,
        metavar="A",
        help="most that boxes may differ, as parts of the picture (default: any)",
    )
    parser.add_argument(
        "--iterations", type=count, default=0, metavar="N", help="calls to time (default 0: none)"
    )
    parser.add_argument("--warmup", type=count, default=5, metavar="N", help="default: 5")


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.datasets.labelled import read_labelled
    from .....engines.detect.rtdetr_pose.own import trained_model
    from .....engines.evaluation.adapters.network import check_config, check_fits
    from .....engines.evaluation.adapters.pictures import Picture, check_there
    from .....engines.evaluation.backends import passed
    from .....engines.evaluation.object_suite import run_object_suite
    from .....engines.runtime.backends import names
    from ...terminal import Bars, write_report

    named = arguments.backends.split(",") if arguments.backends else []
    found = trained_model(arguments.checkpoint)
    size = size_of(arguments.image_size)
    check_config(found.trained, arguments.checkpoint, config=arguments.config, size=size)
    pictures = []
    if arguments.dataset is not None:
        data = read_labelled(arguments.dataset, arguments.split)
        check_fits(found.trained, data, arguments.checkpoint)
        check_there(data.images)
        pictures = [Picture.of(record) for record in data.images]
    with Bars("backends") as bars:
        report = run_object_suite(
            found,
            arguments.checkpoint,
            named,
            device=arguments.device,
            precision=arguments.precision,
            batch=arguments.batch,
            samples=arguments.samples,
            pictures=pictures,
            limits={"score": arguments.score_atol, "bbox": arguments.bbox_atol},
            runs=arguments.iterations,
            warmup=arguments.warmup,
            progress=bars.start("backends", len(named or names())),
        )
    _print(report)
    write_report(report, arguments.output)
    candidates = report["parity"]["candidates"]
    required = named or [name for name, told in candidates.items() if told["available"]]
    return 0 if passed(report, required) else 1


def _print(report: dict[str, Any]) -> None:
    from ...terminal import print_table

    rows = []
    reasons = {}
    for name, told in report["parity"]["candidates"].items():
        if told["reason"]:
            reasons[name] = told["reason"]
        if not told["available"]:
            rows.append([name, "unavailable", *[""] * 4])
            continue
        verdict = "passed" if told["passed"] else "FAILED"
        outputs = told.get("outputs", {})
        worst = [_worst(outputs, way) for way in ("ordered", "matched")]
        boxes = told["bbox"]["max_abs"] if outputs else None
        rows.append(
            [
                name,
                verdict,
                told.get("precision", ""),
                *worst,
                "" if boxes is None else f"{boxes:.2g}",
            ]
        )
    heads = "largest error in order", "as matched sets"
    print_table(["backend", "parity", "precision", *heads, "boxes apart"], rows)
    for name, reason in reasons.items():
        print(f"- {name}: {reason}")
    if report["benchmark"]["enabled"]:
        print()
        columns = ("p50", "p95", "mean")
        print_table(
            ["backend", "images", *(f"{part} ms" for part in columns), "images/s"],
            [
                [
                    timing["name"],
                    str(timing["images"]),
                    *(f"{timing['metrics']['latency_ms'][part]:.3f}" for part in columns),
                    f"{timing['metrics']['fps']:.1f}",
                ]
                for timing in report["benchmark"]["results"]
            ],
            "images,p50 ms,p95 ms,mean ms,images/s",
        )


def _worst(outputs: dict[str, Any], way: str) -> str:
    """Return the largest error of all heads, and of which."""
    known = {name: told[way] for name, told in outputs.items() if told[way] is not None}
    if not known:
        return "not compared"
    name = max(known, key=lambda head: known[head])
    return f"{known[name]:.2g} ({name})"


COMMAND = Command(
    name="suite",
    help="compare and time a checkpoint on several backends",
    run=_run,
    arguments=(add_debug, add_checkpoint, add_device, add_suite, _add_arguments),
    order=80,
)
