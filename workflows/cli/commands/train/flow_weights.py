"""`kinograph train flow-weights`: a trained flow network as a file of weights."""

from __future__ import annotations

import argparse
from pathlib import Path

from ...arguments import add_debug
from ...command import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--checkpoint", type=Path, required=True, metavar="FILE", help="of kinograph train flow"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("kinograph_flow_s.safetensors"),
        metavar="FILE",
        help="default: kinograph_flow_s.safetensors",
    )


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.training.flow_weights import write_flow_weights

    written = write_flow_weights(arguments.checkpoint, arguments.output)
    recipe = written.recipe
    print(f"wrote {written.path}: {written.bytes} bytes, {recipe['steps']} steps")
    print(f"sha256 {written.sha256}")
    print(f"its entry in engines/models/models.yaml:\n\n{written.entry}", end="")
    return 0


COMMAND = Command(
    name="flow-weights",
    help="write the averaged weights of a trained flow network",
    run=_run,
    arguments=(add_debug, _add_arguments),
    order=20,
)
