"""`kinograph rtdetr predict`: find objects in the images of a data set."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from ...arguments import add_debug, add_device, add_precision, ordinal
from ...command import Command
from ._finding import add_checkpoint, add_data, network_of


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--adapter",
        default="torch",
        metavar="BACKEND",
        help="what runs the network: torch (default), which rtdetr_pose is, too, onnxruntime, "
        "tensorrt_rtx, tensorrt or another of `kinograph doctor`",
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="predictions as JSON"
    )
    parser.add_argument(
        "--wrap", action="store_true", help="write how they came about, too, not only the list"
    )
    parser.add_argument(
        "--score-threshold", type=float, default=0.3, metavar="S", help="least score (default 0.3)"
    )
    parser.add_argument(
        "--max-detections", type=ordinal, default=50, metavar="N", help="per image (default 50)"
    )
    parser.add_argument("--batch-size", type=ordinal, default=16, metavar="N", help="default: 16")


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.datasets.labelled import read_labelled
    from .....engines.evaluation.adapters.pictures import Picture, check_there
    from .....engines.words import counted
    from ...terminal import Bars
    from ._writing import write_entries

    data = read_labelled(arguments.dataset, arguments.split)
    adapter = network_of(arguments, data, arguments.score_threshold)
    whole = len(data.images)
    if arguments.max_images is not None:
        data = replace(data, images=data.images[: arguments.max_images])
    check_there(data.images)
    with Bars("images") as bars:
        entries = adapter.find(
            [Picture.of(record) for record in data.images],
            bars.start("predicting", len(data.images)),
        )
    found = sum(len(entry["detections"]) for entry in entries)
    part = f" of {whole}" if len(entries) < whole else ""
    print(f"{counted(found, 'object')} in {counted(len(entries), 'image')}{part}")
    checkpoint = arguments.checkpoint if arguments.wrap else None
    write_entries(entries, arguments.output, checkpoint=checkpoint)
    return 0


COMMAND = Command(
    name="predict",
    help="find objects in the images of a data set",
    run=_run,
    arguments=(
        *(add_debug, add_data, add_checkpoint, add_device, add_precision),
        _add_arguments,
    ),
    order=30,
)
