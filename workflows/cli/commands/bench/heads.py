"""`kinograph bench heads`: milliseconds per frame until the poses of heads are known."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from ....bench.figures import Figure, Table
from ...arguments import (
    add_backend,
    add_debug,
    add_device,
    add_precision,
    add_report,
    add_runs,
    parsed_size,
)
from ...command import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--size", default="1920x1080", metavar="WxH", help="default: 1920x1080")
    parser.add_argument("--faces", type=int, default=8, help="faces in each frame (default 8)")
    parser.add_argument(
        "--face", type=int, default=150, help="height of each face in px (default 150)"
    )
    parser.add_argument(
        "--smallest-face",
        type=int,
        default=0,
        help="smallest_face of Detect Heads; 0: three quarters of --face",
    )
    parser.add_argument("--batch", type=int, default=16, help="frames per call (default 16)")
    parser.add_argument(
        "--max-batch", type=int, default=64, help="tiles or faces per call (default 64)"
    )
    parser.add_argument(
        "--no-baseline", action="store_true", help="without one frame and one face at a time"
    )
    add_backend(parser)
    add_precision(parser)
    add_runs(parser, 10)
    add_report(parser)


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.words import counted
    from ....bench.heads import bench_heads
    from ...terminal import print_gpu_memory, print_times, write_report

    report = bench_heads(
        size=parsed_size("--size", arguments.size),
        faces=arguments.faces,
        face=arguments.face,
        smallest_face=arguments.smallest_face,
        batch=arguments.batch,
        max_batch=arguments.max_batch,
        device=arguments.device,
        backend=arguments.backend,
        precision=arguments.precision,
        runs=arguments.runs,
        baseline=not arguments.no_baseline,
    )
    (width, height), batch = report["size"], report["batch"]
    print(
        f"{width}x{height}, {counted(report['faces'], 'face')} of {report['face']} px per frame, "
        f"{report['found']:.3g} found with smallest_face {report['smallest_face']}\n"
        f"{report['backend']} {report['precision']} on {report['device']}, median of "
        f"{counted(report['runs'], 'run')}"
    )
    names = {
        "batches": f"{counted(batch, 'frame')} per call",
        "baseline": "baseline: one frame and one face at a time",
    }
    print_times({names[name]: ms for name, ms in report["ms_per_frame"].items()})
    print_gpu_memory(report["gpu_bytes"])
    write_report(report, arguments.json)
    return 0


def _figures(report: Mapping[str, Any]) -> list[Figure]:
    times = report["ms_per_frame"]
    one = "one frame and one face at a time"
    return [Figure("in batches, per frame", times["batches"], one, times["baseline"])]


TABLES = (
    Table(
        "Heads, 1920x1080, eight faces",
        {
            "cpu": "heads --smallest-face 60 --batch 4 --runs 3",
            "cuda": "heads --batch 64 --max-batch 128 --smallest-face 60 --precision fp16",
        },
        _figures,
        quick="--size 320x240 --faces 1 --face 70 --batch 2 --runs 1",
    ),
)


COMMAND = Command(
    name="heads",
    help="time heads: from frames to their poses, in milliseconds per frame",
    run=_run,
    arguments=(add_debug, add_device, _add_arguments),
    order=27,
)
