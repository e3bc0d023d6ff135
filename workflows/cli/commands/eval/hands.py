"""`kinograph eval hands`: hands and faces found, missed and invented in annotated pictures."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from ...arguments import add_backend, add_debug, add_device
from ...command import Command

# What is shown: the score from which a hand or a face counts, and whether hands must fit arms.
_SETTINGS = ((0.0, False), (0.0, True), (0.5, False), (0.5, True))


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--annotations",
        type=Path,
        required=True,
        metavar="FILE",
        help="COCO annotations of hands and faces, beside their pictures",
    )
    add_backend(parser)
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report as JSON")


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.evaluation.part_annotations import read_part_annotations
    from .....engines.evaluation.parts import evaluate_parts
    from .....engines.evaluation.report import report
    from .....engines.files import sha256_of
    from .....engines.head.hands_and_face import add_hands_and_face
    from .....engines.pose.detect import detect_poses
    from .....engines.runtime.named import engine_named
    from .....engines.video.stills import read_pictures
    from ...terminal import write_report

    engine_of = partial(engine_named, backend=arguments.backend, device=arguments.device)
    truth = read_part_annotations(arguments.annotations)
    frames = read_pictures(truth.images, truth.size)
    poses = detect_poses(frames, engine_of("movenet_multipose"), second_pass=True)
    hand, face = engine_of("mediapipe_hand"), engine_of("mediapipe_face")
    rows = []
    for score, fit in _SETTINGS:
        found = add_hands_and_face(
            frames,
            poses,
            hand_engine=hand,
            face_engine=face,
            score_threshold=score,
            plausible=fit,
        )
        judged = evaluate_parts(found.poses, truth)
        rows.append({"score_threshold": score, "fit_arms": fit, **judged})
    about = {
        "annotations": {
            "file": str(arguments.annotations),
            "sha256": sha256_of(arguments.annotations),
        },
        "backend": hand.backend,
        "device": str(hand.device),
    }
    made = report("hands", 1, {"images": len(frames), "results": rows}, about=about)
    _print(made)
    write_report(made, arguments.output)
    return 0


def _print(report: dict[str, Any]) -> None:
    from .....engines.words import counted
    from ...terminal import print_table

    print(f"{counted(report['images'], 'picture')}, {report['meta']['backend']}")
    for kind in ("hand", "face"):
        rows = [row for row in report["results"] if kind == "hand" or row["fit_arms"]]
        print()
        print_table(
            [f"{kind}s", "found", "missed", "invented", "points", "mean px", "of size"],
            [
                [
                    f"score above {row['score_threshold']:g}"
                    + (", fitting the arm" if kind == "hand" and row["fit_arms"] else ""),
                    *(str(row[kind][key]) for key in ("found", "missed", "invented", "points")),
                    *_distances(row[kind]),
                ]
                for row in rows
            ],
            "found,missed,invented,points,mean px,of size",
        )


def _distances(judged: dict[str, Any]) -> list[str]:
    if judged["mean_px"] is None:
        return ["-", "-"]
    return [f"{judged['mean_px']:.1f}", f"{judged['mean_relative']:.1%}"]


COMMAND = Command(
    name="hands",
    help="count hands and faces found, missed and invented in annotated pictures",
    run=_run,
    arguments=(add_debug, add_device, _add_arguments),
    order=15,
)
