"""`kinograph flow`: the motion in a clip, as a video of colours."""

from __future__ import annotations

import argparse

from ....engines.render.wheels import WHEELS
from ..arguments import add_debug
from ..command import Command
from ..shorthand import add_clip, run_shorthand, target_of


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    first = next(iter(WHEELS))
    parser.add_argument(
        "--style", default=first, choices=list(WHEELS), help=f"the colours (default {first})"
    )


def _run(arguments: argparse.Namespace) -> int:
    target = target_of(arguments, "flow", (".mp4",))
    values = [f"Flow map.colours={arguments.style}"]
    return run_shorthand(arguments, "flow_to_vace", "Save flow map", target, values)


COMMAND = Command(
    name="flow",
    help="draw the motion in a clip",
    run=_run,
    arguments=(add_debug, _add_arguments, add_clip),
    description="Compute the motion of every pixel of CLIP and write it as a video of colours: the "
    "shared graph flow_to_vace up to its flow map. --set changes its nodes, e.g. --set 'Flow "
    "map.strength=2'.",
    order=14,
)
