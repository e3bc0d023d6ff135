"""`kinograph bench hands`: milliseconds per frame in which hands and faces are added to poses."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from ....bench.figures import Figure, Table
from ....graph.shipped import demo_clip
from ...arguments import (
    add_backend,
    add_debug,
    add_device,
    add_precision,
    add_report,
    add_runs,
    add_video,
)
from ...command import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_video(parser)
    add_runs(parser, 3)
    add_precision(parser)
    add_backend(parser)
    parser.add_argument("--no-baseline", action="store_true", help="do not measure PyTorch")
    add_report(parser)


def _run(arguments: argparse.Namespace) -> int:
    from ....bench.hands import bench_hands
    from ...terminal import write_report

    report = bench_hands(
        arguments.video or demo_clip(),
        device=arguments.device,
        precision=arguments.precision,
        backend=arguments.backend,
        runs=arguments.runs,
        baseline=not arguments.no_baseline,
    )
    _print(report)
    write_report(report, arguments.json)
    return 0


def _print(report: dict[str, Any]) -> None:
    from .....engines.words import counted
    from ...terminal import print_table

    width, height = report["size"]
    print(
        f"{report['video']}: {counted(report['frames'], 'frame')} of {width}x{height}, "
        f"{counted(report['people'], 'person', 'people')}; "
        f"{counted(report['hands'], 'hand')} at {counted(report['wrists'], 'wrist')}, "
        f"{counted(report['faces'], 'face')} at {counted(report['heads'], 'head')}\n"
        f"{report['backend']} {report['precision']} on {report['device']}, "
        f"{counted(report['threads'], 'thread')}, median of {counted(report['runs'], 'run')}"
    )
    names = {"bodies": "bodies, for comparison", "baseline": "hands and faces in PyTorch"}
    columns = [key for key in ("ms", "process_ms") if key in report["per_frame"]["bodies"]]
    rows = [
        [names.get(name, name), *(f"{times[key]:.1f}" for key in columns)]
        for name, times in report["per_frame"].items()
    ]
    header = ["what", "ms/frame", "all threads"][: len(columns) + 1]
    print_table(header, rows, ",".join(header[1:]))
    print(f"hands and faces: {report['fps']:.1f} frames per second")


def _figures(report: Mapping[str, Any]) -> list[Figure]:
    times = {name: found["ms"] for name, found in report["per_frame"].items()}
    plain = times.pop("baseline")
    return [
        *(
            Figure(f"{name}, per frame", ms, "bodies", times["bodies"])
            for name, ms in times.items()
        ),
        Figure("hands and faces", times["hands and faces"], "in PyTorch", plain),
    ]


TABLES = (Table("Hands and faces", {"cpu": "hands", "cuda": "hands"}, _figures, quick="--runs 1"),)


COMMAND = Command(
    name="hands",
    help="time adding hands and faces to a clip's poses, in milliseconds per frame",
    run=_run,
    arguments=(add_debug, add_device, _add_arguments),
    order=15,
)
