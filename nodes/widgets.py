"""Inputs and outputs that several nodes share, with their common names, defaults and limits. What
they mean for a node is in its tooltip."""

from typing import Any

from ..engines.geometry.choices import FITS
from . import advanced
from .api import io
from .types import KinoBodies, KinoFlow, KinoHeads, KinoPoses, KinoState

_LARGEST = 16384  # px


def side_input(name: str, tooltip: str, *, step: int = 1) -> Any:
    """Return the widget for the width or the height of pictures, in pixels; 0 leaves it open.

    name: "width" or "height"
    """
    return io.Int.Input(name, default=0, min=0, max=_LARGEST, step=step, tooltip=tooltip)


def fit_input(default: str, tooltip: str) -> Any:
    """Return the widget for how pictures of another shape are brought to a size."""
    return advanced.Combo.Input("fit", options=list(FITS), default=default, tooltip=tooltip)


def rate_input(
    tooltip: str = "Frame rate of the clip in frames per second, e.g. from Get Video Components.",
) -> Any:
    """Return the widget for the frame rate of a clip, 16 unless it is set."""
    return io.Float.Input("fps", default=16.0, min=1.0, max=240.0, step=0.01, tooltip=tooltip)


def open_rate_input(
    tooltip: str, *, name: str = "fps", optional: bool = False, rare: bool = False
) -> Any:
    """Return the widget for a frame rate that may be left open, which is 0.

    rare: hidden by the editor at first
    """
    return (advanced.Float if rare else io.Float).Input(
        name, default=0.0, min=0.0, max=1000.0, step=0.01, optional=optional, tooltip=tooltip
    )


def speed_threshold_input(tooltip: str) -> Any:
    """Return the widget for the speed, in pixels per frame, from which a pixel counts as moving."""
    return io.Float.Input("threshold", default=1.0, min=0.0, max=1000.0, step=0.05, tooltip=tooltip)


def prefix_input(
    default: str, tooltip: str = "Name of the file in the output folder; a number is appended."
) -> Any:
    """Return the widget for the name of what a node saves."""
    return io.String.Input("filename_prefix", default=default, tooltip=tooltip)


def file_input() -> Any:
    """Return the widget for a file or folder that a node reads."""
    return io.String.Input(
        "file", default="", tooltip="Name of a file or folder in the input folder."
    )


def model_file_input(kinds: str) -> Any:
    """Return the widget for a file of the models folder.

    kinds: the file's name or endings, as they go into the tooltip
    """
    return io.String.Input(
        "file",
        default="",
        tooltip=f"Name of {kinds} in the folder kinograph of ComfyUI's models folder.",
    )


def licence_input() -> Any:
    """Return the widget that accepts the terms of a pose model."""
    return io.Boolean.Input(
        "accept_licence",
        default=False,
        optional=True,
        tooltip="Accepts the licence terms shown in the model's error message, for models that "
        "have any. The included model has none.",
    )


def colour_strength_input() -> Any:
    """Return the widget for the strength of a flow's colours."""
    return io.Float.Input(
        "strength",
        default=1.0,
        min=0.0,
        max=10.0,
        step=0.05,
        tooltip="Strength of the colours after normalising: 0.5 is half as strong, 2 is full "
        "colour at half the speed.",
    )


def poses_input(tooltip: str = "From Detect Poses or any other node that outputs poses.") -> Any:
    """Return the input for poses."""
    return KinoPoses.Input("poses", tooltip=tooltip)


def heads_input(tooltip: str = "From Detect Heads or any other node that outputs heads.") -> Any:
    """Return the input for heads."""
    return KinoHeads.Input("heads", tooltip=tooltip)


def bodies_input(tooltip: str = "From Detect Bodies or any other node that outputs bodies.") -> Any:
    """Return the input for bodies."""
    return KinoBodies.Input("bodies", tooltip=tooltip)


def flow_input(tooltip: str = "From Estimate Flow or any other node that outputs flow.") -> Any:
    """Return the input for optical flow."""
    return KinoFlow.Input("flow", tooltip=tooltip)


def max_gap_input(who: str) -> Any:
    """Return the widget for how long tracks outlast those they belong to.

    who: one of them, such as "a head that"
    """
    return io.Int.Input(
        "max_gap",
        default=30,
        min=0,
        max=1000,
        step=1,
        tooltip=f"How many frames {who} is out of sight is remembered.",
    )


def cuts_input(effect: str) -> Any:
    """Return the input for the frames in which cuts are looked for.

    effect: what happens at a cut, a clause
    """
    return io.Image.Input(
        "image", optional=True, tooltip=f"The frames, used to detect cuts: {effect}."
    )


def state_input(tooltip: str) -> Any:
    """Return the input for the state of the same node after the previous chunk."""
    return KinoState.Input("state", optional=True, tooltip=tooltip)


def state_output() -> Any:
    """Return the output for the state that the next chunk needs."""
    return KinoState.Output(display_name="state", tooltip="For the same node with the next chunk.")
