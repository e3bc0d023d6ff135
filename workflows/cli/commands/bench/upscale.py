"""`kinograph bench upscale`: milliseconds per frame of upscaling."""

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
    parsed_size,
)
from ...command import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        default="realesr_animevideov3_x4",
        help="a name of the registry (default realesr_animevideov3_x4) or FAMILY:FILE",
    )
    parser.add_argument("--size", default="832x464", metavar="WxH", help="default: 832x464")
    parser.add_argument("--batch", type=int, default=4, help="frames per call (default 4)")
    parser.add_argument(
        "--tile", type=int, default=0, help="longest side of tiles; 0: whole frames"
    )
    parser.add_argument("--plain", action="store_true", help="without the GPU kernels of our own")
    add_backend(parser)
    add_precision(parser)
    add_runs(parser, 20)
    add_video(parser)
    add_report(parser)


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.words import counted
    from ....bench.upscale import bench_upscale
    from ...terminal import print_gpu_memory, print_times, write_report

    report = bench_upscale(
        arguments.video or demo_clip(),
        model=arguments.model,
        size=parsed_size("--size", arguments.size),
        batch=arguments.batch,
        tile=arguments.tile,
        plain=arguments.plain,
        device=arguments.device,
        backend=arguments.backend,
        precision=arguments.precision,
        runs=arguments.runs,
    )
    (width, height), (wide, high) = report["size"], report["result"]
    print(
        f"{report['model']}, {report['network']}, {width}x{height} to {wide}x{high}, "
        f"{report['how']}\n{report['backend']} {report['precision']} on {report['device']}, "
        f"{counted(report['batch'], 'frame')} per call, median of {counted(report['runs'], 'run')}"
    )
    print_times(report["ms_per_frame"])
    print_gpu_memory(report["gpu_bytes"])
    write_report(report, arguments.json)
    return 0


def _figures(report: Mapping[str, Any]) -> list[Figure]:
    times = report["ms_per_frame"]
    network = times["network"]
    return [
        Figure("network, per frame", network),
        *(
            Figure(f"{name}, per frame", ms, "network", network)
            for name, ms in times.items()
            if name != "network"
        ),
    ]


_QUICK = "--size 48x32 --batch 1 --runs 1"

TABLES = (
    Table(
        "Upscaling, 832x464",
        {"cuda": "upscale --precision fp16"},
        _figures,
        quick=_QUICK,
    ),
    Table(
        "Upscaling, 832x464, without our kernels",
        {"cuda": "upscale --precision fp16 --plain"},
        _figures,
        quick=_QUICK,
    ),
    Table(
        "Upscaling, 1280x720",
        {"cuda": "upscale --precision fp16 --size 1280x720"},
        _figures,
        quick=_QUICK,
    ),
    Table(
        "Upscaling, 208x116",
        {"cpu": "upscale --size 208x116 --batch 1 --runs 3"},
        _figures,
        quick=_QUICK,
    ),
)


COMMAND = Command(
    name="upscale",
    help="time upscaling, in milliseconds per frame",
    run=_run,
    arguments=(add_debug, add_device, _add_arguments),
    order=25,
)
