"""`kinograph bench pose`: milliseconds per frame by stage, from a video file to a VACE tensor."""

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
    add_video(parser)
    add_runs(parser, 5)
    parser.add_argument("--size", type=int, default=0, help="detection size; 0: recommended")
    add_precision(parser)
    parser.add_argument("--style", default="vace", help="drawing style (default vace)")
    add_report(parser)
    parser.add_argument(
        "--resident",
        metavar="WxH",
        help="measure something else: from frames of this size on the device to drawn maps on the "
        "device, against processing frame by frame",
    )
    parser.add_argument(
        "--frames", type=int, default=64, help="with --resident: number of frames (default 64)"
    )
    parser.add_argument(
        "--batch", type=int, default=16, help="with --resident: frames per batch (default 16)"
    )
    add_backend(parser)


def _run(arguments: argparse.Namespace) -> int:
    from ...terminal import write_report

    video = arguments.video or demo_clip()
    common = {
        "device": arguments.device,
        "precision": arguments.precision,
        "backend": arguments.backend,
        "runs": arguments.runs,
    }
    if arguments.resident:
        from ....bench.resident import bench_resident

        report = bench_resident(
            video,
            parsed_size("--resident", arguments.resident),
            frames=arguments.frames,
            batch=arguments.batch,
            detection_size=arguments.size,
            **common,
        )
        _print_resident(report)
    else:
        from ....bench.pose import bench_pose

        report = bench_pose(video, size=arguments.size, style=arguments.style, **common)
        _print_stages(report)
    write_report(report, arguments.json)
    return 0


def _print_stages(report: dict[str, Any]) -> None:
    from .....engines.words import counted
    from ...terminal import print_table

    times = report["ms_per_frame"]
    width, height = report["size"]
    print(
        f"{report['video']}: {counted(report['frames'], 'frame')} of {width}x{height}, "
        f"{counted(report['people'], 'person', 'people')}"
    )
    print(
        f"{report['backend']} {report['precision']} on {report['device']}, "
        f"{counted(report['threads'], 'thread')}, network input "
        f"{report['network_input'][0]}x{report['network_input'][1]}, "
        f"median of {counted(report['runs'], 'run')}"
    )
    print_table(
        ["stage", "ms/frame", "share"],
        [[s, f"{t:.2f}", f"{t / times['total']:.0%}"] for s, t in times.items()],
        "ms/frame,share",
    )
    print(f"{report['fps']:.1f} frames per second")
    jitter = ", ".join(f"{n} {v:.2f}" for n, v in report["jitter_px_per_frame2"].items())
    print(f"mean acceleration of the joints, px/frame²: {jitter}")


def _print_resident(report: dict[str, Any]) -> None:
    from .....engines.words import counted
    from ...terminal import print_table

    width, height = report["size"]
    print(
        f"{counted(report['frames'], 'frame')} of {width}x{height} on the device, batches of "
        f"{report['batch']}, detection size {report['detection_size']}\n"
        f"{report['model']} on {report['backend']} {report['precision']} on {report['device']}, "
        f"{counted(report['threads'], 'thread')}, median of {counted(report['runs'], 'run')}"
    )
    stages = report["stages_ms_per_frame"]
    print_table(
        ["stage", "ms/frame"], [[name, f"{ms:.3f}"] for name, ms in stages.items()], "ms/frame"
    )
    base = report["baseline"]
    print(f"{report['fps']:.1f} frames per second")
    print(
        f"{base['fps']:.1f} frames per second frame by frame (copied to the device, "
        f"{base['backend']}, drawn by OpenCV, copied back): {report['ratio']:.1f} times as fast"
    )


def _figures(report: Mapping[str, Any]) -> list[Figure]:
    times = report["ms_per_frame"]
    network, total = times["network"], times["total"]
    beside = [Figure(name, ms, "network", network) for name, ms in times.items() if name != "total"]
    return [
        Figure("from the file to the VACE tensor, per frame", total, "network", network),
        Figure("all but the network, per frame", total - network, "network", network),
        *beside,
    ]


def _resident_figures(report: Mapping[str, Any]) -> list[Figure]:
    theirs = 1000 / report["baseline"]["fps"]
    return [Figure("in batches, per frame", 1000 / report["fps"], "one by one (torch)", theirs)]


TABLES = (
    Table(
        "Poses",
        {"cpu": "pose", "cuda": "pose"},
        _figures,
        quick="--runs 1",
    ),
    Table(
        "Poses, from frames on the device to maps there",
        {
            "cpu": "pose --resident 832x464 --frames 64",
            "cuda": "pose --resident 1920x1080 --frames 256",
        },
        _resident_figures,
        quick="--resident 320x192 --frames 8 --size 256 --runs 1",
    ),
)


COMMAND = Command(
    name="pose",
    help="time every stage from video to VACE, in milliseconds per frame",
    run=_run,
    arguments=(add_debug, add_device, _add_arguments),
    order=10,
)
