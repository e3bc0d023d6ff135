"""The subcommand `eval`: how good what was found is."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the subcommand to the parser's `commands`."""
    evaluate = commands.add_parser("eval", help="compare what was found with annotations")
    subjects = evaluate.add_subparsers(required=True, metavar="SUBJECT")
    pose = subjects.add_parser(
        "pose", parents=[common], help="COCO's precision of poses, and pixels by joint"
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


def _eval_pose(arguments: argparse.Namespace) -> int:
    from ..engines.pose.evaluate import evaluate_file

    report = evaluate_file(arguments.predictions, arguments.annotations)
    _print_pose(report)
    if arguments.output:
        from ..engines.files import written_aside

        with written_aside(arguments.output) as aside:
            aside.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        print(f"wrote {arguments.output}")
    return 0


def _print_pose(report: dict[str, Any]) -> None:
    from .report import print_table

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
