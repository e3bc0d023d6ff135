"""Draw Mesh on Heads: a mask, glasses or any mesh on every head."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ...engines.errors import InputError
from ...engines.render.head_mesh.choices import (
    ANCHORS,
    FOLLOWINGS,
    LARGEST,
    LARGEST_SCALE,
    MESHES,
    UNITS,
)
from ...engines.words import counted
from .. import advanced
from ..api import host, io
from ..inputs import last_change
from ..previews import of_images
from ..search import found_by
from ..show import Shown
from ..streaming import Rule
from ..widgets import heads_input
from . import CATEGORY

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.head.heads import Heads


class DrawMeshOnHeads(io.ComfyNode):
    STREAMING = Rule("frames", ("image", "heads"), draws=True, anywhere=("image",))
    ORDER = 600

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographDrawMeshOnHeads",
            display_name="Draw Mesh on Heads",
            category=CATEGORY,
            **found_by(
                "face mask, medical mask, glasses, hat, helmet, overlay 3d, face filter, "
                "ar filter, virtual try-on, obj, glb"
            ),
            description="Draws a 3D mesh on every head: a medical mask, glasses, or a file of your "
            "own. It turns with the head, lies in front of what it covers and behind what covers "
            "it, and takes on light, blur and grain of the frames.",
            inputs=[
                io.Image.Input("image", tooltip="The frames that the heads were found in."),
                heads_input(
                    "From Detect Heads, Smooth Heads or any other node that outputs heads."
                ),
                io.Combo.Input(
                    "mesh",
                    options=list(MESHES),
                    default=MESHES[0],
                    tooltip="What heads wear. file: the mesh named below.",
                ),
                io.String.Input(
                    "file",
                    default="",
                    tooltip="With mesh file: name of a mesh in the input folder (.obj, .glb, "
                    ".gltf, .ply, .stl, .npz). y is up and z out of the face.",
                ),
                advanced.Combo.Input(
                    "following",
                    options=list(FOLLOWINGS),
                    default=FOLLOWINGS[0],
                    tooltip="rigid: the mesh keeps its shape. low_frequency: it takes on the "
                    "face's width and length and moves with the jaw. full: it follows every "
                    "movement of the skin. auto: low_frequency for the medical mask, otherwise "
                    "rigid.",
                ),
                io.Combo.Input(
                    "anchor",
                    options=list(ANCHORS),
                    default=ANCHORS[0],
                    tooltip="What the origin of the mesh is put on. origin: that of the face, "
                    "between the eyes and ears, for which medical_mask and glasses are made.",
                ),
                io.Float.Input(
                    "scale",
                    default=1.0,
                    min=0.01,
                    max=LARGEST_SCALE,
                    step=0.01,
                    tooltip="Factor of the size of the mesh.",
                ),
                *(
                    kind.Float.Input(
                        f"offset_{axis}",
                        default=0.0,
                        min=-LARGEST,
                        max=LARGEST,
                        step=0.1,
                        tooltip=f"Moves the mesh by so many centimetres {way}.",
                    )
                    for axis, way, kind in (
                        ("x", "towards the left ear", advanced),
                        ("y", "up", io),
                        ("z", "out of the face", io),
                    )
                ),
                *(
                    advanced.Float.Input(
                        f"rotation_{axis}",
                        default=0.0,
                        min=-360.0,
                        max=360.0,
                        step=1.0,
                        tooltip=f"Turns the mesh by so many degrees about {line}.",
                    )
                    for axis, line in (
                        ("x", "the line through both ears"),
                        ("y", "the line from bottom to top"),
                        ("z", "the line out of the face"),
                    )
                ),
                advanced.Combo.Input(
                    "unit",
                    options=list(UNITS),
                    default="fit",
                    tooltip="What one unit of the file is. fit: the mesh is made as wide as a "
                    "head, 15 cm. It does not count for medical_mask and glasses.",
                ),
                io.Float.Input(
                    "light",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="How far brightness, colour and direction of the light are those of "
                    "the frame, measured on the face. 0: even light from the front.",
                ),
                advanced.Float.Input(
                    "shadow",
                    default=0.8,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="Strength of the shadow of the mesh on the face.",
                ),
                advanced.Float.Input(
                    "blur",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="How far the mesh is blurred as the frame is, measured at the face.",
                ),
                advanced.Float.Input(
                    "grain",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="How far the mesh has the noise of the frame, measured at the face.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    display_name="image",
                    tooltip="The frames with the mesh. Those without heads are unchanged.",
                ),
                io.Mask.Output(
                    display_name="mask", tooltip="How much of each pixel the mesh covers."
                ),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, mesh: str = "", file: str = "", **values: Any) -> float:
        return last_change(file) if mesh == "file" else 0.0

    @classmethod
    def execute(
        cls,
        image: Tensor,
        heads: Heads,
        mesh: str,
        file: str,
        following: str,
        anchor: str,
        scale: float,
        offset_x: float,
        offset_y: float,
        offset_z: float,
        rotation_x: float,
        rotation_y: float,
        rotation_z: float,
        unit: str,
        light: float,
        shadow: float,
        blur: float,
        grain: float,
    ) -> io.NodeOutput:
        from ...engines.render.head_mesh.draw import Fit, draw_on_heads
        from ...engines.render.head_mesh.outfit import outfit
        from ...engines.render.head_mesh.placement import Placement

        own = mesh == "file"
        name = file.strip()
        if own and not name:
            raise InputError(
                "file: is empty; give the name of a mesh in the input folder, or choose another "
                "mesh than file"
            )
        path = host.input_path(name) if own else None
        worn = outfit(
            mesh,
            path,
            placement=Placement(
                anchor,
                unit if own else "cm",
                scale,
                (offset_x, offset_y, offset_z),
                (rotation_x, rotation_y, rotation_z),
            ),
            following=following,
            device=heads.device,
            changed=path.stat().st_mtime if path is not None else 0.0,
        )
        drawn, mask = draw_on_heads(
            image,
            heads,
            worn,
            fit=Fit(light, shadow, grain, blur),
            progress=host.progress(len(image)),
        )
        shown = Shown(
            _text(heads),
            warnings=_warnings(heads, worn.follows),
            picture=partial(of_images, drawn),
        )
        device = host.image_device()
        return io.NodeOutput(drawn.to(device), mask.to(device), ui=shown)


def _text(heads: Heads) -> str:
    with_heads = int((heads.count > 0).sum())
    if not with_heads:
        return f"no head in {counted(len(heads), 'frame')}; they are unchanged"
    found = counted(int(heads.count.sum()), "head")
    return f"{found} in {with_heads} of {counted(len(heads), 'frame')}"


def _warnings(heads: Heads, follows: bool) -> list[str]:
    if not follows or heads.landmarks.shape[2] or not bool(heads.count.any()):
        return []
    return ["following: these heads have no landmarks to follow; the mesh keeps its shape"]
