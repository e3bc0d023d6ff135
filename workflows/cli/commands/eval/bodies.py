"""`kinograph eval bodies`: errors of bodies in 3D, and how steady they are."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .....engines.body.choices import FOV
from ....graph.shipped import demo_clip
from ...arguments import add_backend, add_debug, add_device, add_precision
from ...command import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        nargs="+",
        default=["made", "clip"],
        metavar="DATA",
        help="made (synthetic pictures), clip (the shipped one), video files, or folders with the "
        "videos of several cameras of one person, such as Pose2Sim's Demo_SinglePerson "
        "(default: made clip)",
    )
    parser.add_argument(
        "--annotations",
        type=Path,
        metavar="FILE",
        help="COCO keypoint annotations of frames of the clip",
    )
    parser.add_argument("--count", type=int, default=64, help="made pictures (default 64)")
    parser.add_argument("--seed", type=int, default=0, help="of the made pictures (default 0)")
    parser.add_argument(
        "--fov",
        type=float,
        default=FOV,
        help=f"vertical field of view of the cameras in degrees (default {FOV:g})",
    )
    add_backend(parser)
    add_device(parser)
    add_precision(parser)
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report as JSON")


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.evaluation.bodies import evaluate_bodies
    from ...terminal import Bars, write_report

    with Bars() as bars:
        report = evaluate_bodies(
            arguments.data,
            clip=demo_clip(),
            annotations=arguments.annotations,
            count=arguments.count,
            seed=arguments.seed,
            fov=arguments.fov,
            backend=arguments.backend,
            device=arguments.device,
            precision=arguments.precision,
            progress=bars.start,
        )
    model = report["meta"]["model"]
    print(f"{model['name']} ({model['precision']}) on {model['backend']}, {model['device']}")
    for name, result in report["results"].items():
        print()
        {"made": _print_made, "video": _print_video, "cameras": _print_cameras}[result["kind"]](
            name, result
        )
    write_report(report, arguments.output)
    return 0


def _print_made(name: str, result: dict[str, Any]) -> None:
    from ...terminal import print_table

    print(f"{name} (synthetic): {result['found']} of {result['bodies']} bodies found")
    lean = _figure(result["lean_deg"], "{:+.1f}")
    print_table(
        ["error", "mean"],
        [
            ["joints, from the middle of the hips (MPJPE), mm", _figure(result["mpjpe_mm"])],
            ["joints, aligned (PA-MPJPE), mm", _figure(result["pa_mpjpe_mm"])],
            *(
                [f"  {joint}, not aligned, mm", _figure(value)]
                for joint, value in result["joints_mm"].items()
            ),
            ["turns of bones relative to their parents, degrees", _figure(result["angle_deg"])],
            ["turn of the pelvis, degrees", _figure(result["pelvis_deg"])],
            ["trunk leans to the front, degrees", lean],
            ["  its standard deviation, degrees", _figure(result["lean_std_deg"])],
            ["size, %", _figure(result["size_percent"])],
        ],
        "mean",
    )


def _print_video(name: str, result: dict[str, Any]) -> None:
    from .....engines.words import counted
    from ...terminal import print_table

    width, height = result["size"]
    print(
        f"{name}: {counted(result['frames'], 'frame')} of {width}x{height} at {result['fps']:g} "
        f"frames per second, {counted(result['bodies'], 'body', 'bodies')}; the network's bones "
        f"vary by {_figure(result['bone_spread_percent'])} %"
    )
    header = ["bodies", "°/frame", "m/s²", "jerk m/s³", "feet mm/frame", "95 %", "lag, frames"]
    print_table(
        header,
        [
            [
                step,
                _figure(row["pose_deg"], "{:.2f}"),
                _figure(row["acceleration"]),
                _figure(row["jerk"], "{:.0f}"),
                _figure(row["feet"]["mean_mm"]),
                _figure(row["feet"]["p95_mm"]),
                _figure(row["lag_frames"]),
            ]
            for step, row in result["steps"].items()
        ],
        ",".join(header[1:]),
    )
    feet = result["steps"]["found"]["feet"]["steps"]
    print(f"feet that stand: {counted(feet, 'step')} from frame to frame")
    if marks := result["marks"]:
        print(
            f"joints of arms and legs of "
            f"{counted(marks['people'], 'annotated person', 'annotated people')}: "
            f"{_figure(marks['mean_px'])} px off, {marks['joints']} compared, "
            f"{marks['missed']} missed"
        )


def _print_cameras(name: str, result: dict[str, Any]) -> None:
    from ...terminal import print_table

    print(f"{name}: joints of one body, seen by two cameras")
    header = ["cameras", "frames", "clip aligned, mm", "every frame aligned, mm"]
    rows = [
        [
            " and ".join(pair["cameras"]),
            str(pair["frames"]),
            *(_figure(pair[k]) for k in ("clip_mm", "frame_mm")),
        ]
        for pair in result["pairs"]
    ]
    rows.append(["all", "", *(_figure(result[k]) for k in ("clip_mm", "frame_mm"))])
    print_table(header, rows, ",".join(header[1:]))


def _figure(value: float | None, form: str = "{:.1f}") -> str:
    return "-" if value is None else form.format(value)


COMMAND = Command(
    name="bodies",
    help="measure errors of bodies in 3D against known ones, and how steady they are",
    run=_run,
    arguments=(add_debug, _add_arguments),
    order=17,
)
