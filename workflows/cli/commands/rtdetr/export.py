"""`kinograph rtdetr export`: a checkpoint as an ONNX graph and as an engine."""

from __future__ import annotations

import argparse
from pathlib import Path

from ...arguments import add_debug, ordinal
from ...command import Command
from ._finding import add_checkpoint, size_of


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--onnx", type=Path, metavar="FILE", help="write the ONNX graph")
    parser.add_argument(
        "--onnx-meta",
        type=Path,
        metavar="FILE",
        help="what it is, as JSON (default: beside it, with .meta.json)",
    )
    parser.add_argument("--engine", type=Path, metavar="FILE", help="write an engine of TensorRT")
    parser.add_argument(
        "--engine-meta",
        type=Path,
        metavar="FILE",
        help="what it is, as JSON (default: beside it, with .meta.json)",
    )
    parser.add_argument(
        "--flavour",
        default="tensorrt_rtx",
        choices=("tensorrt_rtx", "tensorrt"),
        help="of the engine (default: tensorrt_rtx)",
    )
    parser.add_argument(
        "--capability",
        action="append",
        default=[],
        metavar="SM",
        help="compute capability to build for, e.g. sm89; may be given several times; default: "
        "this machine's",
    )
    parser.add_argument(
        "--precision",
        default="fp16",
        choices=("fp32", "fp16"),
        help="of both (default fp16); inputs and outputs are fp32",
    )
    parser.add_argument(
        "--max-batch",
        type=ordinal,
        default=16,
        metavar="N",
        help="most images per call of the engine (default 16); the ONNX graph takes any number",
    )
    parser.add_argument(
        "--max-shape",
        metavar="Bx3xHxW",
        help="of the engine, instead of --max-batch; another height or width than the checkpoint's "
        "is an error",
    )
    for name in ("onnx", "engine"):
        parser.add_argument(
            f"--skip-{name}", action="store_true", help=f"do not write what --{name} names"
        )
    parser.add_argument(
        "--opset", type=int, metavar="N", help="18, the only one; others are an error"
    )
    parser.add_argument(
        "--input-name", metavar="NAME", help="images, the only one; others are an error"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be written, and write nothing"
    )


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.detect.rtdetr_pose.export import (
        described,
        export_engine,
        export_onnx,
        write_described,
    )
    from .....engines.detect.rtdetr_pose.own import trained_model
    from .....engines.errors import InputError
    from .....engines.evaluation.adapters.network import check_config
    from .....engines.runtime.cache import EngineCache
    from .....engines.runtime.folders import engine_folder
    from .....engines.runtime.onnx_export import OPSET
    from ..build import PhaseBars

    onnx = None if arguments.skip_onnx else arguments.onnx
    engine = None if arguments.skip_engine else arguments.engine
    if onnx is None and engine is None:
        raise InputError("expected --onnx FILE, --engine FILE or both, found neither")
    for name, given, only in (
        ("--opset", arguments.opset, OPSET),
        ("--input-name", arguments.input_name, "images"),
    ):
        if given not in (None, only):
            raise InputError(f"{name}: expected {only}, found {given}")
    found = trained_model(arguments.checkpoint)
    check_config(
        found.trained,
        arguments.checkpoint,
        config=arguments.config,
        size=size_of(arguments.image_size),
    )
    most = arguments.max_batch
    if arguments.max_shape is not None:
        most = _images_of(arguments.max_shape, found.trained.module.config.size)
    cards = [c for text in arguments.capability for c in text.split(",")]
    if arguments.dry_run:
        about = described(found)
        for name in ("inputs", "outputs"):
            for key, axes in about[name].items():
                print(f"{name[:-1]} {key}: {' x '.join(map(str, axes))}")
        for path in (onnx, engine):
            if path is not None:
                print(f"would write {path} and {_meta(path, None)}")
        return 0
    cache = EngineCache(engine_folder())
    with PhaseBars() as bars:
        if onnx is not None:
            about = export_onnx(found, onnx, arguments.precision, cache, progress=bars.step)
            write_described(about, meta := _meta(onnx, arguments.onnx_meta))
            last = about["parity"]["compared"][-1]
            print(f"agrees with PyTorch: {last['reason']}")
            print(f"wrote {onnx} and {meta}")
        if engine is not None:
            about = export_engine(
                found,
                engine,
                flavour=arguments.flavour,
                precision=arguments.precision,
                max_batch=most,
                cache=cache,
                capabilities=cards,
                progress=bars.step,
            )
            write_described(about, meta := _meta(engine, arguments.engine_meta))
            where = ", ".join(cards) or "this machine's card"
            print(f"built for {where}, and not run yet: the suite compares it on its card")
            print(f"wrote {engine} and {meta}")
    return 0


def _images_of(text: str, size: tuple[int, int]) -> int:
    """Return the images of a shape such as "16x3x320x320". Raises `InputError` for another one."""
    from .....engines.errors import InputError

    words = text.removeprefix("images:").lower().split("x")
    numbers = [int(word) for word in words if word.isdecimal()]
    if len(numbers) != len(words) or numbers[1:] != [3, *size] or numbers[0] < 1:
        raise InputError(
            f"--max-shape: expected Nx3x{size[0]}x{size[1]}, the input of the checkpoint, found "
            f"{text[:60]!r}"
        )
    return numbers[0]


def _meta(path: Path, given: Path | None) -> Path:
    return path.with_name(f"{path.name}.meta.json") if given is None else given


COMMAND = Command(
    name="export",
    help="write a checkpoint as an ONNX graph and as an engine of TensorRT",
    run=_run,
    arguments=(add_debug, add_checkpoint, _add_arguments),
    order=70,
)
