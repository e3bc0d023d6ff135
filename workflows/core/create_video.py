"""Create Video: a VIDEO from frames, a rate and sound."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ...engines.errors import InputError
from ...nodes.standin import io
from ...nodes.streaming import Outputs, Rule, Step

if TYPE_CHECKING:
    from torch import Tensor


class _Step(Step):
    """Gives the frames as chunks of the video."""

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        from ...engines.video.part import VideoPart

        frames: Tensor = inputs["images"]
        return (VideoPart(frames[..., :3], Fraction(inputs["fps"]), inputs.get("audio")),)


class CreateVideo(io.ComfyNode):
    """Makes a VIDEO of frames, a frame rate and sound."""

    STREAMING = Rule(
        "stream", ("images",), step=_Step, shows="images", anywhere=("images",), hands_on=True
    )
    ORDER = 30

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="CreateVideo",
            display_name="Create Video",
            category="image/video",
            inputs=[
                io.Image.Input("images", tooltip="The frames."),
                io.Float.Input("fps", default=30.0, min=1.0, max=120.0, step=1.0),
                io.Audio.Input("audio", optional=True, tooltip="The sound."),
                io.Int.Input("bit_depth", default=8, min=8, max=10, step=2, optional=True),
            ],
            outputs=[io.Video.Output()],
        )

    @classmethod
    def validate_inputs(cls, bit_depth: int | None = None) -> bool | str:
        if bit_depth in (None, 8):
            return True
        return f"bit_depth: expected 8, the only depth that is written here, found {bit_depth}"

    @classmethod
    def execute(
        cls,
        images: Tensor,
        fps: float,
        audio: dict[str, Any] | None = None,
        bit_depth: int = 8,
    ) -> io.NodeOutput:
        from ...engines.video.clip import Audio, Clip

        if bit_depth != 8:
            raise InputError(
                f"bit_depth: expected 8, the only depth written here, found {bit_depth}"
            )
        sound = Audio(audio["waveform"], int(audio["sample_rate"])) if audio else None
        return io.NodeOutput(Clip(images[..., :3], Fraction(fps), sound))
