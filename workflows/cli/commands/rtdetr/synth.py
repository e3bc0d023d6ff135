"""`kinograph rtdetr synth`: a labelled data set of made pictures."""

from __future__ import annotations

import argparse
from pathlib import Path

from ...arguments import add_debug, add_device, count, ordinal, parsed_size
from ...command import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder of the data set"
    )
    parser.add_argument("--images", type=ordinal, default=512, metavar="N", help="default: 512")
    parser.add_argument(
        "--val-images",
        type=count,
        metavar="N",
        help="further pictures for the split val (default: an eighth of --images)",
    )
    parser.add_argument("--size", default="128x128", metavar="WxH", help="default: 128x128")
    parser.add_argument(
        "--objects", type=ordinal, default=2, metavar="N", help="most per picture (default 2)"
    )
    parser.add_argument(
        "--classes",
        type=ordinal,
        default=1,
        metavar="N",
        help="1 (default): cuboids of six colours; 2: also cuboids whose opposite faces are alike",
    )
    parser.add_argument("--seed", type=count, default=0, help="of everything random (default 0)")


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.datasets.synthesise import write_cuboids
    from .....engines.runtime.devices import chosen_device
    from ...terminal import Bars

    val = arguments.images // 8 if arguments.val_images is None else arguments.val_images
    with Bars("images") as bars:
        write_cuboids(
            arguments.out,
            {"train": arguments.images, "val": val},
            size=parsed_size("--size", arguments.size),
            most=arguments.objects,
            classes=arguments.classes,
            seed=arguments.seed,
            device=chosen_device(arguments.device, []),
            progress=bars.start("cuboids", arguments.images + val),
        )
    print(f"wrote {arguments.images} pictures for train and {val} for val to {arguments.out}")
    return 0


COMMAND = Command(
    name="synth",
    help="make pictures of cuboids with boxes, 6D poses and keypoints",
    run=_run,
    arguments=(add_debug, add_device, _add_arguments),
    order=10,
)
