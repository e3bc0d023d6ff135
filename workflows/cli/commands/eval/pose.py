"""`kinograph eval pose`: COCO's average precision of poses, and pixel errors by joint."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ...arguments import add_debug
from ...command import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--predictions",
        type=Path,
        required=True,
        metavar="FILE",
        help="poses: POSE_KEYPOINT, a folder of OpenPose, COCO results, predictions or safetensors",
    )
    parser.add_argument(
        "--annotations", type=Path, required=True, metavar="FILE", help="COCO keypoint annotations"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report as JSON")


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.evaluation.pose import evaluate_file
    from ...terminal import write_report

    report = evaluate_file(arguments.predictions, arguments.annotations)
    _print(report)
    write_report(report, arguments.output)
    return 0


def _print(report: dict[str, Any]) -> None:
    from ...terminal import print_table

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
            [name, _range(*report["thresholds"]["heights"][name]), str(size["people"])]
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
    print(f"over {joints['people']} matched people, mean OKS {_figure(joints['mean_oks'])}")


def _figure(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _range(low: float, high: float | None) -> str:
    return f"from {low:.0f}" if high is None else f"{low:.0f} to {high:.0f}"


COMMAND = Command(
    name="pose",
    help="measure COCO's average precision of poses, and pixel errors by joint",
    run=_run,
    arguments=(add_debug, _add_arguments),
    order=10,
)
