"""Draw Flow: draws optical flow as control images."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ...engines.render.choices import NOISE_FLOOR, NORMALISATIONS, WAYS
from ...engines.render.wheels import WHEELS
from .. import advanced
from ..api import host, io
from ..inputs import own_state
from ..previews import of_images
from ..search import found_by
from ..show import Shown
from ..streaming import Carrying, Refusal, Rule, Values
from ..widgets import colour_strength_input, flow_input, state_input, state_output
from . import CATEGORY

if TYPE_CHECKING:
    from ...engines.flow.flow import Flow
    from ...engines.render.flow_drawing import DrawnFlow


def _needs_whole_clip(values: Values) -> Refusal | None:
    if values.get("normalise") != "clip":
        return None
    return Refusal(
        "the fastest pixel of the clip may be in its last frame", "choose vace, fixed or ema"
    )


class DrawFlow(io.ComfyNode):
    STREAMING = Rule(
        "state", ("flow",), step=Carrying, least=2, whole=_needs_whole_clip, draws=True
    )
    ORDER = 150

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographDrawFlow",
            display_name="Draw Flow",
            category=CATEGORY,
            **found_by(
                "optical flow, flow to image, flow visualization, motion map, color wheel, "
                "controlnet preprocessor"
            ),
            description="Draws optical flow as control images: hue for the direction, white for no "
            "motion, one image per frame of the clip.",
            inputs=[
                flow_input(),
                io.Combo.Input(
                    "colours",
                    options=list(WHEELS),
                    default="middlebury",
                    tooltip="middlebury: the colour wheel of VACE, RAFT and most others. hsv: hue "
                    "for the direction, saturation for the speed. In both, motion to the right is "
                    "red and hues follow clockwise.",
                ),
                io.Combo.Input(
                    "normalise",
                    options=list(NORMALISATIONS),
                    default="vace",
                    tooltip="Which speed is drawn in full colour. vace: that of each frame's "
                    "fastest pixel. clip: that of the clip's fastest pixel. fixed: the value of "
                    "scale. ema: like vace, but falling slowly, so that still objects do not "
                    "flicker.",
                ),
                io.Float.Input(
                    "scale",
                    default=0.0,
                    min=0.0,
                    max=10000.0,
                    step=0.1,
                    tooltip="With normalise fixed: the speed drawn in full colour, in pixels per "
                    "frame; faster motion looks the same. 0: 2 % of the image diagonal.",
                ),
                advanced.Float.Input(
                    "noise_floor",
                    default=NOISE_FLOOR,
                    min=0.0,
                    max=100.0,
                    step=0.05,
                    tooltip="Pixels per frame. Slower motion counts as still, and colours fade in "
                    "up to twice this speed. 0: no floor; with normalise vace, exactly the pixels "
                    "of VACE.",
                ),
                colour_strength_input(),
                advanced.Combo.Input(
                    "direction",
                    options=list(WAYS),
                    default="estimated",
                    tooltip="Which flow is drawn. forward: where pixels move to. backward: where "
                    "they came from. estimated: forward if there is one, otherwise backward.",
                ),
                io.Boolean.Input(
                    "legend",
                    default=False,
                    tooltip="Draws a colour wheel into a corner, with the speed at its rim in "
                    "pixels per frame; for inspection, not for models.",
                ),
                state_input(
                    "The state of this node after the previous chunk, to continue the scale of ema."
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The drawn frames."),
                io.Mask.Output(
                    display_name="mask", tooltip="1 where the motion reaches the noise floor."
                ),
                state_output(),
            ],
        )

    @classmethod
    def execute(
        cls,
        flow: Flow,
        colours: str,
        normalise: str,
        scale: float,
        noise_floor: float,
        strength: float,
        direction: str,
        legend: bool,
        state: Any = None,
    ) -> io.NodeOutput:
        from ...engines.render.flow_drawing import draw_flow
        from ...engines.render.flow_scales import ScaleState

        drawn = draw_flow(
            flow,
            colours=colours,
            normalise=normalise,
            scale=scale,
            noise_floor=noise_floor,
            strength=strength,
            direction=direction,
            legend=legend,
            state=own_state(state, ScaleState),
            progress=host.progress(flow.frame_count),
        )
        device = host.image_device()
        return io.NodeOutput(
            drawn.image.to(device),
            drawn.mask.to(device),
            drawn.state,
            ui=Shown(
                text := _text(flow, drawn, normalise, strength),
                warnings=[text] if not (len(flow) and strength) else [],
                picture=partial(of_images, drawn.image),
            ),
        )


def _text(flow: Flow, drawn: DrawnFlow, normalise: str, strength: float) -> str:
    if not len(flow):
        colour = "black" if flow.first == "zero" else "white"
        return f"a single frame has no motion: it is drawn {colour}; connect at least two frames"
    if not strength:
        return "strength 0: everything is drawn white"
    low, high = (float(end) / strength for end in drawn.scales.aminmax())
    speed = f"{low:.2f}" if high - low < 0.01 else f"{low:.2f} to {high:.2f}"
    # Only a chunk that continues another is known to be a part of its clip.
    part = ", the fastest of this chunk only" if normalise == "clip" and not flow.first else ""
    return f"full colour at {speed} px per frame{part}"
