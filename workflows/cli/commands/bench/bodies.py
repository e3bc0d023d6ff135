"""`kinograph bench bodies`: from crops to vertices, from a file to an overlay, and by backend."""

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
    parser.add_argument(
        "--batch", type=int, default=64, help="bodies per call, from crops (default 64)"
    )
    parser.add_argument(
        "--frames", type=int, default=16, help="frames per call, from the file (default 16)"
    )
    add_runs(parser, 3)
    add_precision(parser)
    add_backend(parser)
    parser.add_argument(
        "--no-baseline", action="store_true", help="without one frame and one body at a time"
    )
    parser.add_argument(
        "--compare",
        metavar="A,B,...",
        help="instead, compare these backends on the video, frame by frame: frames per second, "
        "latency and steadiness",
    )
    add_report(parser)


def _run(arguments: argparse.Namespace) -> int:
    from ...terminal import write_report

    video = arguments.video or demo_clip()
    common = {"device": arguments.device, "precision": arguments.precision}
    if arguments.compare is not None:
        from ....bench.body_backends import compare_backends

        report = compare_backends(video, arguments.compare.split(","), **common)
        _print_backends(report)
    else:
        from ....bench.bodies import bench_bodies

        report = bench_bodies(
            video,
            batch=arguments.batch,
            frames=arguments.frames,
            backend=arguments.backend,
            runs=arguments.runs,
            baseline=not arguments.no_baseline,
            **common,
        )
        _print(report)
    write_report(report, arguments.json)
    return 0


def _print(report: dict[str, Any]) -> None:
    from .....engines.words import counted
    from ...terminal import print_gpu_memory, print_table, print_times

    (width, height), (wide, high) = report["size"], report["drawn"]
    batch, each = report["batch"], report["frames_per_call"]
    print(
        f"{report['video']}: {counted(report['frames'], 'frame')} of {width}x{height}, "
        f"{counted(report['people'], 'person', 'people')}\n"
        f"{report['backend']} {report['precision']} on {report['device']}, "
        f"{counted(report['threads'], 'thread')}, median of {counted(report['runs'], 'run')}"
    )
    print()
    names = {
        "batches": f"crops to vertices, {counted(batch, 'body', 'bodies')} per call",
        "baseline": "baseline: one body per call in PyTorch",
    }
    rows = [
        [names[name], f"{ms:.3f}", f"{1000 / ms:.1f}"] for name, ms in report["ms_per_body"].items()
    ]
    print_table(["what", "ms/body", "bodies/s"], rows, "ms/body,bodies/s")
    print()
    drawn = f"two bodies drawn over {wide}x{high}"
    times = report["ms_per_frame"]
    per = counted(each, "frame")
    print_times(
        {
            **{f"  {name}": ms for name, ms in times["batches"].items() if name != "total"},
            f"file to overlay, {per} per call": times["batches"]["total"],
            **(
                {"baseline: one frame per call in PyTorch": times["baseline"]["total"]}
                if "baseline" in times
                else {}
            ),
            f"{drawn}, {per} per call": times["draw two"],
            **(
                {"baseline: one frame per call": times["baseline, draw two"]}
                if "baseline" in times
                else {}
            ),
        }
    )
    print_gpu_memory(report["gpu_bytes"])


def _print_backends(report: dict[str, Any]) -> None:
    from .....engines.words import counted
    from ...terminal import print_table

    width, height = report["size"]
    print(
        f"{report['video']}: {counted(report['frames'], 'frame')} of {width}x{height}, one at a "
        f"time, {counted(report['threads'], 'thread')}"
    )
    header = ["backend", "precision", "frames/s", "p50 ms", "p95 ms", "°/frame", "m/s²"]
    header += ["jerk m/s³", "apart mm"]
    print_table(
        header,
        [
            [
                f"{name} on {row['device']}",
                row["precision"],
                f"{row['fps']:.1f}",
                f"{row['latency_p50_ms']:.1f}",
                f"{row['latency_p95_ms']:.1f}",
                *(_figure(row[key]) for key in ("pose_deg", "acceleration", "jerk", "apart_mm")),
            ]
            for name, row in report["backends"].items()
        ],
        ",".join(header[2:]),
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _figures(report: Mapping[str, Any]) -> list[Figure]:
    bodies, frames = report["ms_per_body"], report["ms_per_frame"]
    one = "one per call, in PyTorch"
    return [
        Figure("from crops to vertices, per body", bodies["batches"], one, bodies["baseline"]),
        Figure(
            "from the file to the overlay, per frame",
            frames["batches"]["total"],
            one,
            frames["baseline"]["total"],
        ),
        Figure(
            "two bodies drawn over 1280x720, per frame",
            frames["draw two"],
            "one frame per call",
            frames["baseline, draw two"],
        ),
    ]


def _backend_figures(report: Mapping[str, Any]) -> list[Figure]:
    times = {name: row["latency_p50_ms"] for name, row in report["backends"].items()}
    first = next(iter(times))
    return [Figure(f"{name}, per frame", ms, first, times[first]) for name, ms in times.items()]


TABLES = (
    Table("Bodies", {"cpu": "bodies", "cuda": "bodies"}, _figures, quick="--batch 4 --runs 1"),
    Table(
        "Bodies, frame by frame",
        {
            "cpu": "bodies --compare torch,onnxruntime",
            "cuda": "bodies --compare torch,torch_cudagraph",
        },
        _backend_figures,
    ),
)


COMMAND = Command(
    name="bodies",
    help="time bodies in 3D: crops to vertices, file to overlay; or compare backends on a clip",
    run=_run,
    arguments=(add_debug, add_device, _add_arguments),
    order=17,
)
