"""Arguments of commands that find objects in a data set, by a network or from a file."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...arguments import add_device, add_precision, count, ordinal, parsed_size

if TYPE_CHECKING:
    from .....engines.datasets.records import Records
    from .....engines.evaluation.adapters.network import NetworkAdapter
    from .....engines.evaluation.scenarios.setting import Finder

_FILE = "precomputed"
_ALIASES = {"rtdetr_pose": "torch"}
Start = Callable[[str, int], Callable[[int], None]]


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add --dataset, --split and --max-images."""
    group = parser.add_argument_group("data")
    group.add_argument(
        "--dataset", type=Path, required=True, metavar="DIR", help="folder of the data set"
    )
    group.add_argument("--split", default="val", help="default: val")
    group.add_argument(
        "--max-images",
        type=ordinal,
        metavar="N",
        help="look at the first N images only; the report says that it is not about all",
    )


def add_checkpoint(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add --checkpoint, --config and --image-size."""
    parser.add_argument(
        "--checkpoint", type=Path, required=required, metavar="FILE", help="of a training"
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="JSON of the network's config; a checkpoint of another one is an error",
    )
    parser.add_argument(
        "--image-size",
        metavar="N or WxH",
        help="of the network's input, px; a checkpoint of another size is an error",
    )


def add_finding(parser: argparse.ArgumentParser) -> None:
    """Add --adapter and what networks and files need."""
    group = parser.add_argument_group("detections")
    group.add_argument(
        "--adapter",
        default="torch",
        metavar="NAME",
        help="precomputed, or the backend of a network: torch (default), onnxruntime, "
        "tensorrt_rtx, tensorrt or another of `kinograph doctor`; rtdetr_pose is torch",
    )
    group.add_argument(
        "--predictions", type=Path, metavar="FILE", help="with --adapter precomputed: the file"
    )
    add_checkpoint(parser, required=False)
    add_device(parser)
    add_precision(parser)
    group.add_argument(
        "--score-threshold",
        type=float,
        default=0.3,
        metavar="S",
        help="detections with at most this score are rejected (default 0.3)",
    )
    group.add_argument(
        "--max-detections", type=ordinal, default=50, metavar="N", help="per image (default 50)"
    )
    group.add_argument("--batch-size", type=ordinal, default=16, metavar="N", help="default: 16")


def add_scenarios(parser: argparse.ArgumentParser) -> None:
    """Add --table-plane, --template-tau and --seed."""
    group = parser.add_argument_group("scenarios")
    group.add_argument(
        "--table-plane",
        metavar="NX,NY,NZ,D",
        help="the plane n x + d = 0 of the table in the axes of the camera, m (default: the plane "
        "that all objects stand on, if there is one)",
    )
    group.add_argument(
        "--template-tau",
        type=float,
        default=0.5,
        metavar="T",
        help="least IoU of a box with the outline of its shape (default 0.5)",
    )
    group.add_argument("--seed", type=count, default=0, help="of the camera's jitter (default 0)")


@dataclass(frozen=True)
class Looked:
    """What the arguments name.

    data:    the images to look at
    whole:   images of the split
    adapter: the network; None: predictions from a file
    about:   for reports
    """

    data: Records
    whole: int
    finder: Finder
    adapter: NetworkAdapter | None
    about: dict[str, Any]


def finding_of(arguments: argparse.Namespace, start: Start | None) -> Looked:
    """Return what finds objects in which data set; PyTorch is imported for networks only.

    Raises `InputError` for arguments that do not go together, and as the readers do.
    """
    from .....engines.datasets.labelled import read_labelled
    from .....engines.errors import InputError
    from .....engines.files import sha256_of

    from_file = arguments.adapter == _FILE
    needed, other = ("predictions", "checkpoint") if from_file else ("checkpoint", "predictions")
    for name, wanted in ((needed, True), (other, False)):
        if (getattr(arguments, name) is not None) != wanted:
            verb = "needs" if wanted else "takes no"
            raise InputError(f"--adapter {arguments.adapter}: {verb} --{name} FILE")
    data = read_labelled(arguments.dataset, arguments.split)
    whole = len(data.images)
    if from_file:
        from .....engines.evaluation.scenarios.finders import FileFinder

        finder: Finder = FileFinder(arguments.predictions, data)
        adapter, source = None, arguments.predictions
    else:
        adapter = network_of(arguments, data)
        from .....engines.evaluation.scenarios.finders import NetworkFinder

        finder, source = NetworkFinder(adapter, data, start), arguments.checkpoint
    if arguments.max_images is not None:
        data = replace(data, images=data.images[: arguments.max_images])
    about = {needed: {"file": str(source), "sha256": sha256_of(source)}}
    return Looked(data, whole, finder, adapter, about)


def network_of(
    arguments: argparse.Namespace, data: Records, threshold: float = 0.0
) -> NetworkAdapter:
    """Return the network that looks at the images of a data set.

    Raises `InputError` and `ModelError` for a checkpoint that does not fit, and `EngineError` for a
    backend that cannot be used.
    """
    from .....engines.detect.rtdetr_pose.own import trained_model
    from .....engines.evaluation.adapters.network import (
        Limits,
        NetworkAdapter,
        check_config,
        check_fits,
    )

    limits = Limits(threshold, arguments.max_detections)
    found = trained_model(arguments.checkpoint)
    check_fits(found.trained, data, arguments.checkpoint)
    check_config(
        found.trained,
        arguments.checkpoint,
        config=arguments.config,
        size=size_of(arguments.image_size),
    )
    return NetworkAdapter.open(
        found,
        backend=_ALIASES.get(arguments.adapter, arguments.adapter),
        device=arguments.device,
        precision=arguments.precision,
        limits=limits,
        batch=arguments.batch_size,
    )


def size_of(text: str | None) -> tuple[int, int] | None:
    """Return height and width of "64" or "96x64"; None of None. Raises `InputError`."""
    if text is None:
        return None
    return parsed_size("--image-size", text if "x" in text.lower() else f"{text}x{text}")


def scenario_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the settings of `run_scenarios`. Raises `InputError` for a plane that is none."""
    import numpy as np

    from .....engines.errors import InputError

    plane = None
    if arguments.table_plane is not None:
        try:
            plane = np.array([float(word) for word in arguments.table_plane.split(",")])
        except ValueError:
            plane = np.zeros(0)
        if len(plane) != 4 or not np.isfinite(plane).all() or not plane[:3].any():
            raise InputError(
                "--table-plane: expected NX,NY,NZ,D with a direction, found "
                f"{arguments.table_plane[:60]!r}"
            )
        plane = plane / np.linalg.norm(plane[:3])
    return {"plane": plane, "tau": arguments.template_tau, "seed": arguments.seed}


def print_part(looked: Looked) -> None:
    """Say so if not all images were looked at."""
    if len(looked.data.images) < looked.whole:
        print(f"only {len(looked.data.images)} of {looked.whole} images were looked at")
