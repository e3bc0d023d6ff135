"""The subcommand `eval`: how good what was found is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .arguments import MEDIA, Parents


def add_commands(commands: Any, parents: Parents) -> None:
    """Add the subcommand to the parser's `commands`."""
    evaluate = commands.add_parser("eval", help="compare what was found with annotations")
    subjects = evaluate.add_subparsers(required=True, metavar="SUBJECT")
    pose = subjects.add_parser(
        "pose", parents=[parents.common], help="COCO's precision of poses, and pixels by joint"
    )
    pose.add_argument(
        "--predictions",
        type=Path,
        required=True,
        metavar="FILE",
        help="poses: POSE_KEYPOINT, OpenPose's folder, COCO results, predictions or safetensors",
    )
    pose.add_argument(
        "--annotations", type=Path, required=True, metavar="FILE", help="COCO keypoint annotations"
    )
    pose.add_argument("--output", type=Path, metavar="FILE", help="write the report as JSON")
    pose.set_defaults(run=_eval_pose)
    _add_flow(subjects, parents)


def _add_flow(subjects: Any, parents: Parents) -> None:
    flow = subjects.add_parser(
        "flow", parents=[parents.common], help="distance of flow from a motion that is known"
    )
    flow.add_argument(
        "--data",
        nargs="+",
        default=["made", "motorcycle"],
        metavar="DATA",
        help="made, motorcycle (of scikit-image), or folders of MPI Sintel, KITTI, FlyingChairs or "
        "Middlebury (default: made motorcycle)",
    )
    flow.add_argument("--model", default="dis", help="dis (default), a model, or FAMILY:FILE")
    flow.add_argument(
        "--preset", default="medium", help="of DIS: ultrafast, fast, medium (default)"
    )
    flow.add_argument(
        "--size",
        type=int,
        default=0,
        help="longer side in the computation, px; 0: as recommended, with DIS that of the frames",
    )
    flow.add_argument("--backend", default="auto", help="auto (default) or a backend's name")
    flow.add_argument(
        "--device", default="auto", help="where networks run: cpu, cuda or auto (default)"
    )
    flow.add_argument("--precision", default="auto", help="auto (default), fp32, fp16 or bf16")
    flow.add_argument(
        "--limit", type=int, default=0, metavar="N", help="most pairs of a data set; 0: all"
    )
    flow.add_argument("--output", type=Path, metavar="FILE", help="write the report as JSON")
    flow.add_argument(
        "--picture",
        type=Path,
        metavar="DIR",
        help="write a PNG of each pair: first frame, true flow, error, flow",
    )
    flow.set_defaults(run=_eval_flow)


def _eval_pose(arguments: argparse.Namespace) -> int:
    from ...engines.evaluation.pose import evaluate_file
    from ..execution.report import write_report

    report = evaluate_file(arguments.predictions, arguments.annotations)
    _print_pose(report)
    write_report(report, arguments.output)
    return 0


def _eval_flow(arguments: argparse.Namespace) -> int:
    from ..execution.report import Bars, write_report
    from .eval_flow import eval_flow, print_flow

    with Bars() as bars:
        report = eval_flow(
            arguments.data,
            model=arguments.model,
            preset=arguments.preset,
            size=arguments.size,
            backend=arguments.backend,
            device=arguments.device,
            precision=arguments.precision,
            limit=arguments.limit,
            picture=arguments.picture,
            clip=next(MEDIA.glob("*.mp4")),
            bars=bars,
        )
    print_flow(report)
    write_report(report, arguments.output)
    return 0


def _print_pose(report: dict[str, Any]) -> None:
    from ..execution.report import print_table

    counts, summary, joints = report["counts"], report["summary"], report["joints"]
    print(
        f"{counts['images']} images, {counts['people']} people annotated "
        f"({counts['ignored_people']} more ignored), {counts['predictions']} predicted"
    )
    print()
    parts = {"OKS 0.50:0.95": "", "0.50": "_50", "0.75": "_75"}
    parts |= {"medium area": "_medium", "large area": "_large"}
    print_table(
        ["", *parts],
        [
            [name, *(_figure(summary[f"{key}{part}"]) for part in parts.values())]
            for name, key in (("average precision", "ap"), ("average recall", "ar"))
        ],
        ",".join(parts),
    )
    print()
    print_table(
        ["height", "pixels", "people", "AP", "AR"],
        [
            [name, _span(*report["thresholds"]["heights"][name]), str(size["people"])]
            + [_figure(size[key]) for key in ("ap", "ar")]
            for name, size in report["heights"].items()
        ],
        "people,AP,AR",
    )
    print()
    rows = {**joints["by_joint"], "all": joints}
    print_table(
        ["joint", "mean px", "compared", "missed"],
        [
            [name, _figure(row["mean_px"], 1), str(row["joints"]), str(row["missed"])]
            for name, row in rows.items()
        ],
        "mean px,compared,missed",
    )
    print(f"of {joints['people']} people found, mean OKS {_figure(joints['mean_oks'])}")


def _figure(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _span(low: float, high: float | None) -> str:
    return f"from {low:.0f}" if high is None else f"{low:.0f} to {high:.0f}"
