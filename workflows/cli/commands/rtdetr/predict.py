"""`kinograph rtdetr predict`: find objects in the images of a data set."""

from __future__ import annotations

import argparse
from pathlib import Path

from ...arguments import add_debug, add_device, ordinal
from ...command import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--checkpoint", type=Path, required=True, metavar="FILE", help="of a training"
    )
    parser.add_argument(
        "--dataset", type=Path, required=True, metavar="DIR", help="folder of the data set"
    )
    parser.add_argument("--split", default="val", help="default: val")
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
    from .....engines.datasets.coco_yolo.read import read_coco_yolo
    from .....engines.detect.files.predictions import wrapped
    from .....engines.detect.rtdetr_pose.weights import load_trained
    from .....engines.document import as_text
    from .....engines.evaluation.detected_objects import check_fits, predict_images
    from .....engines.files import atomic_write
    from .....engines.runtime.devices import chosen_device
    from .....engines.words import counted
    from ...terminal import Bars

    device = chosen_device(arguments.device, [])
    trained = load_trained(arguments.checkpoint)
    data = read_coco_yolo(arguments.dataset, arguments.split)
    check_fits(trained, data, arguments.checkpoint)
    with Bars("images") as bars:
        entries = predict_images(
            trained,
            data,
            device=device,
            batch=arguments.batch_size,
            threshold=arguments.score_threshold,
            most=arguments.max_detections,
            progress=bars.start("predicting", len(data.images)),
        )
    content = (
        wrapped(entries, config="in the checkpoint", checkpoint=str(arguments.checkpoint))
        if arguments.wrap
        else entries
    )
    with atomic_write(arguments.output) as aside:
        aside.write_text(as_text(content) + "\n", encoding="utf-8")
    found = sum(len(entry["detections"]) for entry in entries)
    print(f"{counted(found, 'object')} in {counted(len(entries), 'image')}")
    print(f"wrote {arguments.output}")
    return 0


COMMAND = Command(
    name="predict",
    help="find objects in the images of a data set",
    run=_run,
    arguments=(add_debug, add_device, _add_arguments),
    order=30,
)
