"""Motion Tracks: points that are followed through a clip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...engines.errors import InputError
from ..api import io
from ..search import found_by
from ..show import Shown
from ..streaming import Outputs, Rule, Step
from ..types import KinoFlow, KinoHeads, KinoPoses
from . import CATEGORY
from .outputs import said, size_outputs, target_inputs, target_outputs, text_output, tracks_output

if TYPE_CHECKING:
    from ...engines.motion_tracks.collect import Collected
    from ...engines.motion_tracks.tracks import MotionTracks

_SOURCES = ("flow", "poses", "heads")


class _Step(Step):
    """Keeps the places of the points, and not the flow."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._found: Collected | None = None  # the tracks of all frames so far

    def run(self, inputs: Mapping[str, Any]) -> None:
        self._found = _collected(self._found, inputs)

    def finish(self, inputs: Mapping[str, Any]) -> None:
        if self._found is not None:
            _, outputs, self.text = _finished(self._found, inputs)
            self.ends = dict(enumerate(outputs))

    @property
    def state(self) -> Any:
        return self._found

    @state.setter
    def state(self, value: Any) -> None:
        self._found = value


def _collected(before: Collected | None, inputs: Mapping[str, Any]) -> Collected:
    from ...engines.motion_tracks.collect import Collected

    found = [name for name in _SOURCES if inputs.get(name) is not None]
    if len(found) != 1:
        raise InputError(
            "Motion Tracks: expected one of flow, poses and heads, found "
            f"{' and '.join(found) or 'none'}; connect exactly one"
        )
    return (before or Collected()).after(
        inputs[found[0]],
        points=inputs["points"],
        mask=inputs.get("mask"),
        image=inputs.get("image"),
    )


def _finished(collected: Collected, inputs: Mapping[str, Any]) -> tuple[MotionTracks, Outputs, str]:
    """Return the tracks in the footage, the outputs, and the text."""
    from ...engines.motion_tracks.target import for_generation

    tracks = collected.finished()
    height, width = inputs["height"], inputs["width"]
    ready = for_generation(
        tracks,
        size=(height or tracks.canvas[0], width or tracks.canvas[1]),
        length=inputs["length"],
        target=inputs["target"],
        timing=inputs["timing"],
    )
    text = said(ready, collected.warnings(tracks))
    return tracks, target_outputs(ready, inputs["target"]), text


class FollowPoints(io.ComfyNode):
    STREAMING = Rule(
        "sums",
        (*_SOURCES, "mask", "image"),
        one=("mask",),
        step=_Step,
        least=2,
        ends=(0, 1, 2, 3, 4),
    )
    ORDER = 800

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographMotionTracks",
            display_name="Motion Tracks",
            category=CATEGORY,
            **found_by(
                "point tracking, cotracker, spline, trajectory, wan move, ati, ltx motion track"
            ),
            description="Follows points through a clip, from optical flow, tracked people or "
            "heads, for models that take motion tracks: Wan-Move, ATI and LTX-2.",
            inputs=[
                *target_inputs(),
                io.Int.Input(
                    "points",
                    default=64,
                    min=1,
                    max=10000,
                    step=1,
                    tooltip="With flow: about how many points are spread over the first frame or "
                    "the mask. With heads: at most so many of each. With poses every joint counts.",
                ),
                KinoFlow.Input(
                    "flow",
                    optional=True,
                    tooltip="From Estimate Flow, in both directions so that tracks end where a "
                    "point is hidden. Connect flow, poses or heads.",
                ),
                KinoPoses.Input(
                    "poses", optional=True, tooltip="From Track Poses: the joints are the points."
                ),
                KinoHeads.Input(
                    "heads", optional=True, tooltip="From Track Heads: landmarks are the points."
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Only points that it marks in the first frame, in the size of the "
                    "footage.",
                ),
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="The frames, used to detect cuts, which end every track, and for the "
                    "preview.",
                ),
            ],
            outputs=[tracks_output(), text_output(), *size_outputs()],
        )

    @classmethod
    def execute(cls, image: Any = None, **values: Any) -> io.NodeOutput:
        from ..previews import of_tracks

        inputs = {**values, "image": image}
        tracks, outputs, text = _finished(_collected(None, inputs), inputs)
        return io.NodeOutput(*outputs, ui=Shown(text, picture=lambda: of_tracks(tracks, image)))
