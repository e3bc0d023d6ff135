"""`kinograph bench MODEL`: latency of one model on every backend."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from ....bench.figures import Figure, Table
from ...arguments import add_debug, add_device
from ...command import Command, CommandFamily
from ...suite import add_suite, run_suite_command


def _names() -> list[str]:
    from .....engines.models.registry import registry

    return list(registry())


def _command(name: str) -> Command:
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--batch", type=int, default=1, help="images per call (default 1)")
        parser.add_argument(
            "--size", metavar="WxH", help="default: 16:9 at the recommended size of the model"
        )
        parser.add_argument("--runs", type=int, default=50, help="measured calls (default 50)")
        parser.add_argument(
            "--warmup", type=int, default=10, help="calls before the measurement (default 10)"
        )
        parser.set_defaults(model=name)

    return Command(
        name=name,
        help="time this model on every backend",
        run=run_suite_command,
        arguments=(add_debug, add_device, add_suite, add_arguments),
    )


_ON_CPU, _ON_GPU = "torch,onnxruntime", "torch,torch_cudagraph,torch_compiled"


def _figures(report: Mapping[str, Any]) -> list[Figure]:
    times = {
        found["name"]: found["metrics"]["latency_ms"]["p50"]
        for found in report["benchmark"]["results"]
    }
    plain = times.get("torch", 0.0)
    baseline = "torch" if plain else ""
    return [Figure(f"{name}, per call", ms, baseline, plain) for name, ms in times.items()]


TABLES = tuple(
    Table(
        f"MoveNet, {images}",
        {
            "cpu": f"movenet_multipose --backends {_ON_CPU} --batch {batch}",
            "cuda": f"movenet_multipose --backends {_ON_GPU} --batch {batch}",
        },
        _figures,
        quick="--runs 3 --warmup 1 --size 128x96",
        report="--output",
    )
    for batch, images in ((1, "1 image"), (16, "16 images"))
)


COMMANDS = CommandFamily(metavar="MODEL", names=_names, command=_command, order=30)
