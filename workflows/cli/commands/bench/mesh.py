"""`kinograph bench mesh`: milliseconds per frame of drawn meshes, against bounding boxes."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from ....bench.figures import Figure, Table
from ...arguments import add_debug, add_device, add_report, parsed_size
from ...command import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--size", default="1280x720", metavar="WxH", help="default: 1280x720")
    parser.add_argument(
        "--face", type=int, default=150, help="width of each face in pixels (default 150)"
    )
    parser.add_argument("--people", type=int, default=1, help="faces per frame (default 1)")
    parser.add_argument("--batch", type=int, default=16, help="frames per call (default 16)")
    parser.add_argument(
        "--samples", type=int, default=4, help="samples per pixel: 1, 4, 8 or 16 (default 4)"
    )
    parser.add_argument("--runs", type=int, default=10, help="measured calls (default 10)")
    parser.add_argument(
        "--no-baseline", action="store_true", help="do not measure the bounding boxes"
    )
    add_report(parser)


def _run(arguments: argparse.Namespace) -> int:
    from ....bench.mesh import bench_mesh
    from ...terminal import write_report

    report = bench_mesh(
        size=parsed_size("--size", arguments.size),
        face=arguments.face,
        people=arguments.people,
        batch=arguments.batch,
        samples=arguments.samples,
        device=arguments.device,
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
        f"{width}x{height}, {counted(report['people'], 'face')} of {report['face']} px, "
        f"{report['triangles']:,} triangles, {counted(report['samples'], 'sample')} per pixel\n"
        f"{report['device']}, {counted(report['threads'], 'thread')}, "
        f"{counted(report['runs'], 'run')}"
    )
    rows = [(f"{n} per call", times) for n, times in report["ms_per_frame"].items()]
    if "baseline" in report:
        rows.append(("bounding boxes, 1 per call", report["baseline"]))
    table = [
        [
            name,
            *(f"{times[key]:.2f}" for key in ("best", "median")),
            *([f"{times['process_ms']:.2f}"] if "process_ms" in times else []),
        ]
        for name, times in rows
    ]
    header = ["frames", "ms/frame, best", "median", "all threads"][: len(table[0])]
    print_table(header, table, ",".join(header[1:]))


def _figures(report: Mapping[str, Any]) -> list[Figure]:
    boxes = report["baseline"]["median"]
    return [
        Figure(f"{frames} per call, per frame", times["median"], "by bounding boxes", boxes)
        for frames, times in report["ms_per_frame"].items()
    ]


TABLES = (
    Table(
        "Meshes",
        {"cpu": "mesh", "cuda": "mesh"},
        _figures,
        quick="--size 160x96 --face 40 --batch 2 --runs 1",
    ),
    Table("Meshes, 64 per call", {"cuda": "mesh --batch 64"}, _figures, quick="--runs 1"),
)


COMMAND = Command(
    name="mesh",
    help="time drawing meshes, in milliseconds per frame, against bounding boxes",
    run=_run,
    arguments=(add_debug, add_device, _add_arguments),
    order=25,
)
