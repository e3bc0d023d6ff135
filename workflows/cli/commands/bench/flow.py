"""`kinograph bench flow`: milliseconds per pair of frames, against torchvision's networks."""

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
        default="raft_small",
        help="raft_small (default) or raft_large with random weights, dis, a name of the "
        "registry, or FAMILY:FILE",
    )
    parser.add_argument("--size", default="512x512", metavar="WxH", help="default: 512x512")
    parser.add_argument(
        "--batch", type=int, default=16, help="pairs per call (default 16); with dis: frames"
    )
    parser.add_argument(
        "--updates", type=int, default=0, help="update iterations; 0: the network's default"
    )
    parser.add_argument("--both", action="store_true", help="both directions in one pass")
    add_backend(parser)
    add_precision(parser)
    add_runs(parser, 10)
    parser.add_argument("--no-baseline", action="store_true", help="do not measure torchvision")
    add_video(parser)
    add_report(parser)


def _run(arguments: argparse.Namespace) -> int:
    from ....bench.flow import bench_flow
    from ...terminal import write_report

    report = bench_flow(
        arguments.video or demo_clip(),
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
    if "presets" in report:
        _print_dis(report)
    else:
        _print_network(report)
    write_report(report, arguments.json)
    return 0


def _print_dis(report: dict[str, Any]) -> None:
    from .....engines.words import counted
    from ...terminal import print_table

    width, height = report["size"]
    print(
        f"OpenCV's DIS, {counted(report['frames'], 'frame')} of {width}x{height}, "
        f"{report['device']}, {counted(report['threads'], 'thread')}, "
        f"median of {counted(report['runs'], 'run')}"
    )
    print_table(
        ["preset", "estimate", "draw", "frames/s"],
        [
            [name, f"{part['estimate']:.1f}", f"{part['draw']:.1f}", f"{part['fps']:.1f}"]
            for name, part in report["presets"].items()
        ],
        "estimate,draw,frames/s",
    )


def _print_network(report: dict[str, Any]) -> None:
    from .....engines.words import counted
    from ...terminal import print_table

    width, height = report["size"]
    print(
        f"{report['model']}, {report['network']}, pairs of {width}x{height}\n{report['backend']} "
        f"{report['precision']} on {report['device']}, {counted(report['threads'], 'thread')}, "
        f"median of {counted(report['runs'], 'run')}"
    )
    theirs: dict[str, float] = report.get("torchvision", {})
    others = list(dict.fromkeys(name.split(",")[0] for name in theirs))
    rows = []
    for pairs, ours in report["ms_per_pair"].items():
        row = [pairs, f"{ours:.3f}"]
        for name in others:
            other = theirs[f"{name}, {pairs}"]
            row += [f"{other:.3f}", f"{other / ours:.1f}"]
        reserved = report["gpu_bytes"][pairs]
        rows.append([*row, *([f"{reserved / 2**30:.2f}"] if reserved else [])])
    header = ["pairs per call", "ms/pair"]
    for name in others:
        header += [f"torchvision {name}", "ratio"]
    header += ["GPU GiB"] if len(rows[0]) > len(header) else []
    print_table(header, rows, ",".join(header))
    if floor := report.get("floor"):
        best = min(report["ms_per_pair"].values())
        print(
            f"{floor['gflop']:.1f} GFLOP per pair at {floor['tflop_per_s']:.1f} TFLOP/s, the rate "
            f"of large matrix products here, would take {floor['ms_per_pair']:.3f} ms; the network "
            f"takes {best / floor['ms_per_pair']:.1f} times as long"
        )


def _figures(report: Mapping[str, Any]) -> list[Figure]:
    theirs = report.get("torchvision", {})
    baseline = "torchvision, fp32" if theirs else ""
    return [
        Figure(f"{pairs} per call, per pair", ms, baseline, theirs.get(f"fp32, {pairs}", 0.0))
        for pairs, ms in report["ms_per_pair"].items()
    ]


def _dis_figures(report: Mapping[str, Any]) -> list[Figure]:
    presets = report["presets"]
    usual = presets["medium"]["estimate"]
    return [
        *(
            Figure(f"{name}, per frame", part["estimate"], "medium", usual)
            for name, part in presets.items()
        ),
        Figure("drawing, per frame", presets["medium"]["draw"], "medium", usual),
    ]


_QUICK = "--size 128x128 --batch 1 --updates 2 --runs 1"

TABLES = (
    Table(
        "Flow, raft_small",
        {"cpu": "flow --batch 1 --runs 3", "cuda": "flow"},
        _figures,
        quick=_QUICK,
    ),
    Table("Flow, raft_large", {"cuda": "flow --model raft_large"}, _figures, quick=_QUICK),
    Table(
        "Flow, raft_small, 1920x1088",
        {"cuda": "flow --size 1920x1088 --batch 1 --no-baseline"},
        _figures,
        quick=_QUICK,
    ),
    Table(
        "Flow, DIS",
        {"cpu": "flow --model dis --size 832x480 --batch 64"},
        _dis_figures,
        quick="--size 96x64 --batch 4 --runs 1",
    ),
)


COMMAND = Command(
    name="flow",
    help="time flow, in milliseconds per pair of frames, against torchvision",
    run=_run,
    arguments=(add_debug, add_device, _add_arguments),
    order=20,
)
