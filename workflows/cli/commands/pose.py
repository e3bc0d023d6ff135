"""`kinograph pose`: skeletons of the people in a clip, as a video."""

from __future__ import annotations

import argparse

from ....engines.render.styles import STYLES
from ..arguments import add_debug
from ..command import Command
from ..shorthand import add_clip, run_shorthand, target_of


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--style", default="vace", choices=list(STYLES), help="how people are drawn (default vace)"
    )


def _run(arguments: argparse.Namespace) -> int:
    target = target_of(arguments, "pose", (".mp4",))
    values = [f"Pose map.style={arguments.style}"]
    return run_shorthand(arguments, "pose_to_vace", "Save pose map", target, values)


COMMAND = Command(
    name="pose",
    help="draw the skeletons of the people in a clip",
    run=_run,
    arguments=(add_debug, _add_arguments, add_clip),
    description="Find the people in CLIP and write a video of their skeletons on black: the shared "
    "graph pose_to_vace up to its pose map. --set changes its nodes, e.g. --set 'Detect "
    "Poses.max_people=1'.",
    order=12,
)
