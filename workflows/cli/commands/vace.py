"""`kinograph vace`: a clip as the control of a VACE model."""

from __future__ import annotations

import argparse

from ....engines.render.styles import STYLES
from ....engines.vace.presets import PRESETS
from ..arguments import add_debug
from ..command import Command
from ..shorthand import add_clip, run_shorthand, target_of

_SUFFIXES = (".mp4", ".safetensors")
# By what is drawn, the graph, the titles of its map, of the video of it and of what saves that.
_GRAPHS = {
    "pose": ("pose_to_vace", "Pose map", "Pose map video", "Save pose map"),
    "flow": ("flow_to_vace", "Flow map", "Flow map video", "Save flow map"),
}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--control", default="pose", choices=list(_GRAPHS), help="what is drawn (default pose)"
    )
    parser.add_argument(
        "--style", default="vace", choices=list(STYLES), help="how people are drawn (default vace)"
    )
    parser.add_argument(
        "--preset",
        default="wan_480p",
        choices=list(PRESETS),
        help="the model: its size, lengths and frame rate (default wan_480p)",
    )


def _run(arguments: argparse.Namespace) -> int:
    from ...graph.load import load_graph
    from ...graph.shipped import shared_graph

    target = target_of(arguments, "vace", _SUFFIXES)
    name, drawn, video, saved = _GRAPHS[arguments.control]
    values = [f"VACE Normalise.preset={arguments.preset}"]
    if arguments.control == "pose":
        values.append(f"{drawn}.style={arguments.style}")
    if target.suffix.lower() != ".mp4":
        return run_shorthand(arguments, name, "Save VACE Tensor", target, values)
    ready = load_graph(shared_graph(name)).one("VACE Normalise", name).id
    values += [f'{video}.images=["{ready}", 0]', f'{video}.fps=["{ready}", 7]']
    return run_shorthand(arguments, name, saved, target, values)


COMMAND = Command(
    name="vace",
    help="prepare a clip as the control of a VACE model",
    run=_run,
    arguments=(add_debug, _add_arguments, add_clip),
    description="Draw the people or the motion in CLIP and bring the result into the size, frame "
    "rate and length that a VACE model takes: as a control video (.mp4) or as the tensor itself "
    "(.safetensors, with the mask). The shared graphs pose_to_vace and flow_to_vace.",
    order=16,
)
