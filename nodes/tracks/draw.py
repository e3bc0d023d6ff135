"""Draw Tracks: motion tracks as pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...engines.errors import InputError
from ...engines.motion_tracks.choices import LOOKS
from ...engines.words import counted
from .. import previews
from ..api import host, io
from ..search import found_by
from ..show import Shown
from ..streaming import Outputs, Rule, Step
from . import CATEGORY
from .outputs import tracks_input

if TYPE_CHECKING:
    from torch import Tensor


class _Step(Step):
    """Counts the frames of the footage, which tell where in the tracks it is."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._seen = 0

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        image, text = _drawn(
            inputs["tracks"], inputs["look"], inputs["footage"], self._seen, last=False
        )
        self._seen += len(image)
        self.text = text
        return (image,)

    @property
    def state(self) -> Any:
        return self._seen

    @state.setter
    def state(self, value: Any) -> None:
        self._seen = value


def _drawn(
    value: Mapping[str, Any], look: str, footage: Tensor | None, start: int, *, last: bool
) -> tuple[Tensor, str]:
    """Return the pictures of some frames, and the node's text.

    start: the frame of the tracks that the first of the footage is; last: whether all of it is here
    """
    from ...engines.motion_tracks.tracks import MotionTracks
    from ...engines.render.tracks.dots import draw_dots
    from ...engines.render.tracks.trails import draw_trails

    size = None if footage is None else (footage.shape[1], footage.shape[2])
    tracks = MotionTracks.from_core(value, size)
    count = tracks.frame_count
    many = None  # all frames: there is no footage, or one picture for all of them
    if footage is not None and not (last and len(footage) == 1):
        many, end = len(footage), start + len(footage)
        if end > count or (last and end < count):
            raise InputError(
                f"footage: expected the {counted(count, 'frame')} of the tracks, found "
                f"{end}{'' if last else ' or more'}; set length 0 and target any in Motion Tracks, "
                "or cut the footage"
            )
    if look == "ltx_dots":
        image = draw_dots(tracks, start=start, count=many)
    else:
        image = draw_trails(tracks, footage=footage, start=start, count=many)
    return image.to(host.image_device()), f"{counted(tracks.point_count, 'track')} drawn"


class DrawTracks(io.ComfyNode):
    STREAMING = Rule("stream", ("footage",), step=_Step)
    ORDER = 820

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographDrawTracks",
            display_name="Draw Tracks",
            category=CATEGORY,
            **found_by("trajectory preview, ltx motion track control, dot video, spline preview"),
            description="Draws motion tracks over footage, or as the dots that LTX-2 takes as a "
            "control video.",
            inputs=[
                tracks_input(),
                io.Combo.Input(
                    "look",
                    options=list(LOOKS),
                    default=LOOKS[0],
                    tooltip="trails: a dot with a tail for each point. ltx_dots: the control video "
                    "of LTX-2, always on black.",
                ),
                io.Image.Input(
                    "footage",
                    optional=True,
                    tooltip="What lies behind the trails: as many frames as the tracks have, or "
                    "one. Without it, black.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    display_name="image", tooltip="One picture for each frame of the tracks."
                )
            ],
        )

    @classmethod
    def execute(
        cls, tracks: Mapping[str, Any], look: str, footage: Tensor | None = None
    ) -> io.NodeOutput:
        image, text = _drawn(tracks, look, footage, 0, last=True)
        return io.NodeOutput(image, ui=Shown(text, picture=lambda: previews.of_images(image)))
