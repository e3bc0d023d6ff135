"""Draw Bodies: lit meshes over footage, and their silhouettes, depth and normals."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ...engines.render.choices import COLOURINGS, DEPTH_RANGES, NORMAL_AXES
from ...engines.words import counted
from .. import advanced
from ..api import host, io
from ..inputs import own_state
from ..previews import of_images
from ..render.pictures import background_inputs, behind, size_inputs
from ..search import found_by
from ..show import Shown
from ..streaming import Carrying, Refusal, Rule, Values
from ..widgets import bodies_input, state_input, state_output
from . import CATEGORY

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.body.bodies import Bodies
    from ...engines.render.bodies.draw import DrawnBodies


def _needs_whole_clip(values: Values) -> Refusal | None:
    if values.get("depth_range") != "clip":
        return None
    return Refusal(
        "the nearest body of the clip may be in its last frame", "choose steady, frame or fixed"
    )


class DrawBodies(io.ComfyNode):
    STREAMING = Rule(
        "state",
        ("bodies", "footage"),
        one=("footage",),
        step=Carrying,
        whole=_needs_whole_clip,
        draws=True,
    )
    ORDER = 760

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographDrawBodies",
            display_name="Draw Bodies",
            category=CATEGORY,
            **found_by(
                "human mesh, mesh overlay, smpl render, depth map, normal map, silhouette, "
                "body mask, controlnet preprocessor, depth control, normalbae"
            ),
            description="Draws bodies as lit meshes on black or over footage, and their "
            "silhouettes, depth and normals as control images for VACE and ControlNet.",
            inputs=[
                bodies_input("From Detect Bodies, Smooth Bodies or any other node with bodies."),
                io.Combo.Input(
                    "colours",
                    options=list(COLOURINGS),
                    default="style",
                    tooltip="style: light grey. track: one colour per person, by their tracks.",
                ),
                *size_inputs(),
                io.Float.Input(
                    "opacity",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="Opacity of the meshes in image. Below 1 the footage shows through.",
                ),
                io.Combo.Input(
                    "depth_range",
                    options=list(DEPTH_RANGES),
                    default="steady",
                    tooltip="What is white in depth. frame: the nearest surface of each frame. "
                    "clip: that of all frames. steady: like frame, but changing slowly, so that "
                    "nothing flickers. fixed: from nearest to farthest. Except with fixed, the "
                    "farthest surface is dark grey.",
                ),
                advanced.Float.Input(
                    "nearest",
                    default=1.0,
                    min=0.01,
                    max=1000.0,
                    step=0.1,
                    tooltip="With depth_range fixed: the distance in metres that is white.",
                ),
                advanced.Float.Input(
                    "farthest",
                    default=10.0,
                    min=0.01,
                    max=1000.0,
                    step=0.1,
                    tooltip="With depth_range fixed: the distance in metres that is black.",
                ),
                advanced.Combo.Input(
                    "normal_axes",
                    options=list(NORMAL_AXES),
                    default="bae",
                    tooltip="Directions that red, green and blue of normals stand for. bae: left, "
                    "up and towards the camera, as NormalBae and ControlNet have them. opengl: "
                    "right, up and towards the camera.",
                ),
                advanced.Boolean.Input(
                    "antialias",
                    default=True,
                    tooltip="Smooth edges. Off: hard pixels, in less time.",
                ),
                *background_inputs("bodies", "frame of the bodies"),
                state_input(
                    "The state of this node after the previous chunk, to continue the range of "
                    "steady."
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The drawn frames."),
                io.Mask.Output(
                    display_name="mask",
                    tooltip="The silhouettes: how much of each pixel the bodies cover.",
                ),
                io.Image.Output(
                    display_name="depth",
                    tooltip="Depth of the bodies on black, lighter where they are nearer.",
                ),
                io.Image.Output(
                    display_name="normals",
                    tooltip="Normals of the bodies on black: which way each surface faces.",
                ),
                state_output(),
            ],
        )

    @classmethod
    def execute(
        cls,
        bodies: Bodies,
        colours: str,
        width: int,
        height: int,
        fit: str,
        opacity: float,
        depth_range: str,
        nearest: float,
        farthest: float,
        normal_axes: str,
        antialias: bool,
        background: str,
        footage: Tensor | None = None,
        state: Any = None,
    ) -> io.NodeOutput:
        from ...engines.geometry.placement import complete_size
        from ...engines.render.bodies.depth_range import DepthRange, DepthState
        from ...engines.render.bodies.draw import draw_bodies
        from ...engines.render.mesh.draw import SAMPLES

        drawn = draw_bodies(
            bodies,
            colours=colours,
            opacity=opacity,
            footage=behind(background, footage),
            size=complete_size(bodies.canvas, height or None, width or None),
            fit=fit,
            depth=DepthRange(depth_range, nearest, farthest),
            normals=normal_axes,
            samples=SAMPLES if antialias else 1,
            state=own_state(state, DepthState),
            progress=host.progress(len(bodies)),
        )
        device = host.image_device()
        images = (drawn.image, drawn.mask, drawn.depth, drawn.normals)
        shown = Shown(
            _text(bodies, drawn),
            warnings=_warnings(bodies, colours),
            picture=partial(of_images, drawn.image),
        )
        return io.NodeOutput(*(image.to(device) for image in images), drawn.state, ui=shown)


def _text(bodies: Bodies, drawn: DrawnBodies) -> str:
    text = f"{counted(len(bodies), 'frame')} of {drawn.image.shape[2]}x{drawn.image.shape[1]}"
    there = drawn.ends[bodies.count > 0]
    if not len(there):
        return text
    white, black = (_metres(values) for values in there.unbind(1))
    return f"{text}; depth: white at {white}, black at {black}"


def _metres(nearness: Tensor) -> str:
    """Return distances as a range in words."""
    near, far = 1 / float(nearness.max()), 1 / max(float(nearness.min()), 1e-6)
    low, high = (f"{metres:.1f}" if metres < 1000 else "infinity" for metres in (near, far))
    return f"{low} m" if low == high else f"{low} to {high} m"


def _warnings(bodies: Bodies, colours: str) -> list[str]:
    if not bool(bodies.count.any()):
        return ["no frame contains bodies; nothing is drawn"]
    if colours == "track" and bool((bodies.present & (bodies.track_ids < 0)).any()):
        return ["colours: bodies without a track are grey"]
    return []
