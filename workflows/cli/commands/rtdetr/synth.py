"""`kinograph rtdetr synth`: a labelled data set of made pictures."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...arguments import add_debug, add_device, count, ordinal, parsed_size
from ...command import Command

if TYPE_CHECKING:
    from .....engines.datasets.backgrounds import Backgrounds

_KINDS = {"cuboids": 2, "people": 3}  # most per picture


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
        "--kind", default="cuboids", help="cuboids (default), or people with COCO's 17 keypoints"
    )
    parser.add_argument(
        "--objects",
        type=ordinal,
        metavar="N",
        help="most per picture (default: 2 cuboids, 3 people)",
    )
    parser.add_argument(
        "--classes",
        type=ordinal,
        default=1,
        metavar="N",
        help="of cuboids: 1 (default), of six colours; 2, also some whose opposite faces are alike",
    )
    parser.add_argument(
        "--backgrounds",
        default="photographs",
        metavar="WHAT",
        help="of people: photographs (default; those of scikit-image), made (soft colours), or a "
        "folder of pictures without people",
    )
    parser.add_argument("--seed", type=count, default=0, help="of everything random (default 0)")
    parser.add_argument(
        "--num-workers",
        type=count,
        default=0,
        metavar="N",
        help="processes that make pictures on a CPU (default: one per core where that pays)",
    )


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.datasets.synthesise import write_cuboids, write_people
    from .....engines.errors import InputError
    from .....engines.runtime.devices import chosen_device
    from ...terminal import Bars

    kind = arguments.kind
    if kind not in _KINDS:
        raise InputError(f"--kind: expected one of {', '.join(_KINDS)}, found {kind[:40]!r}")
    val = arguments.images // 8 if arguments.val_images is None else arguments.val_images
    shared: dict[str, Any] = {
        "size": parsed_size("--size", arguments.size),
        "most": arguments.objects or _KINDS[kind],
        "seed": arguments.seed,
        # Pictures are small: several processes on CPUs make more of them than one GPU does.
        "device": "cpu" if arguments.device == "auto" else chosen_device(arguments.device, []),
        "workers": arguments.num_workers,
    }
    splits = {"train": arguments.images, "val": val}
    backgrounds = _backgrounds(arguments.backgrounds) if kind == "people" else None
    if backgrounds is not None:
        print(f"backgrounds: {backgrounds.name}")
    with Bars("images") as bars:
        shared["progress"] = bars.start(kind, arguments.images + val)
        if kind == "people":
            write_people(arguments.out, splits, backgrounds=backgrounds, **shared)
        else:
            write_cuboids(arguments.out, splits, classes=arguments.classes, **shared)
    print(f"wrote {arguments.images} pictures for train and {val} for val to {arguments.out}")
    return 0


def _backgrounds(what: str) -> Backgrounds | None:
    from .....engines.datasets.backgrounds import Backgrounds

    if what == "made":
        return None
    return Backgrounds.photographs() if what == "photographs" else Backgrounds.of_folder(Path(what))


COMMAND = Command(
    name="synth",
    help="make pictures of cuboids or people with boxes, 6D poses and keypoints",
    run=_run,
    arguments=(add_debug, add_device, _add_arguments),
    order=10,
)
