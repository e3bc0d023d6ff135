"""The subcommands `bench pose` and `bench flow`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .arguments import MEDIA, Parents


def add_commands(subjects: Any, parents: Parents) -> None:
    """Add the subjects to those of the parser's `bench`."""
    pose = subjects.add_parser(
        "pose",
        parents=[parents.common, parents.running],
        help="milliseconds a frame, by stage, video to VACE",
    )
    pose.add_argument("--video", type=Path, help="default: the shipped clip")
    pose.add_argument("--runs", type=int, default=5, help="runs to take the median of (default 5)")
    pose.add_argument("--size", type=int, default=0, help="detection size; 0: recommended")
    pose.add_argument("--precision", default="auto", help="auto (default), fp32, fp16 or bf16")
    pose.add_argument("--style", default="vace", help="drawing style (default vace)")
    pose.add_argument("--json", type=Path, metavar="FILE", help="write the figures, too")
    pose.add_argument(
        "--resident",
        metavar="WxH",
        help="instead: frames of this size on the device to maps there, against one by one",
    )
    pose.add_argument("--frames", type=int, default=64, help="with --resident (default 64)")
    pose.add_argument("--batch", type=int, default=16, help="with --resident (default 16)")
    pose.add_argument("--backend", default="auto", help="auto (default) or a backend's name")
    pose.set_defaults(run=_bench_pose)
    flow = subjects.add_parser(
        "flow",
        parents=[parents.common, parents.running],
        help="milliseconds a pair of frames, and torchvision's",
    )
    flow.add_argument(
        "--model",
        default="raft_small",
        help="raft_small (default) or raft_large with random weights, dis, a name of the "
        "registry, or FAMILY:FILE",
    )
    flow.add_argument("--size", default="512x512", metavar="WxH", help="default: 512x512")
    flow.add_argument(
        "--batch", type=int, default=16, help="pairs a call (default 16); dis: frames"
    )
    flow.add_argument("--updates", type=int, default=0, help="0: as the network is usually run")
    flow.add_argument("--both", action="store_true", help="both directions in one pass")
    flow.add_argument("--backend", default="auto", help="auto (default) or a backend's name")
    flow.add_argument("--precision", default="auto", help="auto (default), fp32, fp16 or bf16")
    flow.add_argument(
        "--runs", type=int, default=10, help="runs to take the median of (default 10)"
    )
    flow.add_argument("--no-baseline", action="store_true", help="leave torchvision out")
    flow.add_argument("--video", type=Path, help="default: the shipped clip")
    flow.add_argument("--json", type=Path, metavar="FILE", help="write the figures, too")
    flow.set_defaults(run=_bench_flow)


def _bench_pose(arguments: argparse.Namespace) -> int:
    from ..execution.report import write_report

    video = arguments.video or next(MEDIA.glob("*.mp4"))
    common = {
        "device": arguments.device,
        "precision": arguments.precision,
        "backend": arguments.backend,
        "runs": arguments.runs,
    }
    if arguments.resident:
        from ..bench.resident import bench_resident, print_resident
        from .engine import parsed_size

        report = bench_resident(
            video,
            parsed_size("--resident", arguments.resident),
            frames=arguments.frames,
            batch=arguments.batch,
            detection_size=arguments.size,
            **common,
        )
        print_resident(report)
    else:
        from ..bench.pose import bench_pose, print_bench

        report = bench_pose(video, size=arguments.size, style=arguments.style, **common)
        print_bench(report)
    write_report(report, arguments.json)
    return 0


def _bench_flow(arguments: argparse.Namespace) -> int:
    from ..bench.flow import bench_flow, print_flow
    from ..execution.report import write_report
    from .engine import parsed_size

    report = bench_flow(
        arguments.video or next(MEDIA.glob("*.mp4")),
        model=arguments.model,
        size=parsed_size("--size", arguments.size),
        batch=arguments.batch,
        updates=arguments.updates,
        both=arguments.both,
        device=arguments.device,
        backend=arguments.backend,
        precision=arguments.precision,
        runs=arguments.runs,
        baseline=not arguments.no_baseline,
    )
    print_flow(report)
    write_report(report, arguments.json)
    return 0
