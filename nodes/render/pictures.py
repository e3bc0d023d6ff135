"""Inputs that nodes that draw share: the size of the pictures, and what lies behind the drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...engines.errors import InputError
from ..api import io
from ..widgets import fit_input, side_input

if TYPE_CHECKING:
    from torch import Tensor

_BLACK, _FOOTAGE = "black", "footage"


def size_inputs() -> list[Any]:
    """Return the widgets for the size of the pictures, and for how frames are brought to it."""
    return [
        side_input(
            "width",
            "Width of the images in pixels. 0: that of the frames, or computed from the height.",
        ),
        side_input(
            "height",
            "Height of the images in pixels. 0: that of the frames, or computed from the width.",
        ),
        fit_input(
            "stretch",
            "How frames with another aspect ratio are fitted to width and height: each side "
            "scaled separately, whole with borders, or filled and cropped at the edges.",
        ),
    ]


def background_inputs(drawn: str, each: str) -> list[Any]:
    """Return the widget for what is drawn on, and the input for frames.

    drawn: what is drawn, in the plural; each: what a frame is needed for, in the singular
    """
    return [
        io.Combo.Input(
            "background",
            options=[_BLACK, _FOOTAGE],
            default=_BLACK,
            tooltip=f"What the {drawn} are drawn on: black, or the frames connected to footage.",
        ),
        io.Image.Input(
            "footage",
            optional=True,
            tooltip=f"Frames to draw on if background is footage: one, or one per {each}.",
        ),
    ]


def behind(background: str, footage: Tensor | None) -> Tensor | None:
    """Return the frames to draw on, None for black.

    Raises `InputError` for footage that is not connected, or is no IMAGE.
    """
    from ...engines.checks import check_frames

    if background != _FOOTAGE:
        return None
    if footage is None:
        raise InputError(
            "footage: background is footage, but no frames are connected; connect the frames or "
            "choose black"
        )
    check_frames("footage", footage)
    return footage
