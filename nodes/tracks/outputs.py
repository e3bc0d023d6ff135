"""What nodes that give motion tracks have in common: their size and length, and their outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...engines.motion_tracks.choices import TARGETS, TIMINGS
from ...engines.words import counted
from ..api import io
from ..streaming import Outputs
from ..types import Tracks
from ..widgets import side_input

if TYPE_CHECKING:
    from ...engines.motion_tracks.tracks import MotionTracks


def tracks_input() -> Any:
    """Return the input for motion tracks."""
    return Tracks.Input(
        "tracks", tooltip="From Motion Tracks or any other node that outputs tracks."
    )


def tracks_output() -> Any:
    """Return the output for motion tracks."""
    return Tracks.Output(
        display_name="tracks",
        tooltip="For WanMoveTrackToVideo and other nodes that take tracks: where each point is in "
        "each frame, and whether it is visible.",
    )


def text_output() -> Any:
    """Return the output for motion tracks as text."""
    return io.String.Output(
        display_name="text",
        tooltip="The tracks as JSON, in the form that the target takes: 121 places over the whole "
        "clip for WanTrackToVideo (ati), otherwise one place per frame.",
    )


def target_inputs() -> list[Any]:
    """Return the widgets for the video that is to be generated."""
    return [
        io.Combo.Input(
            "target",
            options=list(TARGETS),
            default="wan_move",
            tooltip="What takes the tracks, which decides the lengths and the text. wan_move: "
            "WanMoveTrackToVideo, 4n + 1 frames. ati: WanTrackToVideo, 4n + 1 frames except 121, "
            "241 and so on. ltx: LTX-2, 8n + 1 frames. any: any length.",
        ),
        side_input("width", "Width of the video to generate in pixels. 0: as the footage."),
        side_input("height", "Height of the video to generate in pixels. 0: as the footage."),
        io.Int.Input(
            "length",
            default=0,
            min=0,
            max=16384,
            step=1,
            tooltip="Length of the video to generate in frames. 0: that of the clip, or the next "
            "smaller one that the target takes.",
        ),
        io.Combo.Input(
            "timing",
            options=list(TIMINGS),
            default="spread",
            tooltip="How the clip is brought to the length. spread: the whole motion, faster or "
            "slower. cut: only the first frames, at their own speed.",
        ),
    ]


def size_outputs() -> list[Any]:
    """Return the outputs for the size and the length of the tracks."""
    return [
        io.Int.Output(display_name="width", tooltip="Width of the video to generate in pixels."),
        io.Int.Output(display_name="height", tooltip="Height of the video to generate in pixels."),
        io.Int.Output(display_name="length", tooltip="Length of the video to generate in frames."),
    ]


def target_outputs(tracks: MotionTracks, target: str) -> Outputs:
    """Return tracks, text, width, height and length."""
    from ...engines.motion_tracks.text import as_text

    height, width = tracks.canvas
    return (tracks.as_core(), as_text(tracks, target), width, height, tracks.frame_count)


def said(tracks: MotionTracks, warnings: Sequence[str] = ()) -> str:
    """Return how many tracks there are, and how many last, as the text of a node."""
    height, width = tracks.canvas
    lasting = int(tracks.visible.all(0).sum())
    text = (
        f"{counted(tracks.point_count, 'track')}, {counted(tracks.frame_count, 'frame')} of "
        f"{width}x{height}; {lasting} visible throughout"
    )
    return "\n".join([text, *(f"Warning: {warning}" for warning in warnings)])
