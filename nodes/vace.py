"""Nodes that prepare control videos for VACE."""

from safetensors.torch import save_file
from torch import Tensor

from ..engines.files import written_aside
from ..engines.geometry import FITS
from ..engines.vace.control import VaceControl
from ..engines.vace.normalise import LENGTH_MODES, normalise
from .api import host, io, ui
from .types import KinoVace


class VaceNormalise(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographVaceNormalise",
            display_name="VACE Normalise",
            category="Kinograph/vace",
            description="Brings control images and masks to a size and length that WanVaceToVideo "
            "takes without cropping, padding or rescaling.",
            inputs=[
                io.Image.Input("image", tooltip="Control images, e.g. from Draw Skeleton."),
                io.Int.Input(
                    "width",
                    default=0,
                    min=0,
                    max=16384,
                    step=16,
                    tooltip="A multiple of 16. 0: from the height, or the image's own width "
                    "rounded down.",
                ),
                io.Int.Input(
                    "height",
                    default=0,
                    min=0,
                    max=16384,
                    step=16,
                    tooltip="A multiple of 16. 0: from the width, or the image's own height "
                    "rounded down.",
                ),
                io.Int.Input(
                    "length",
                    default=0,
                    min=0,
                    max=16385,
                    step=1,
                    tooltip="Number of frames, 4n+1 (81, 49, 33 ...). 0: the clip's own, made "
                    "4n+1 as length_mode says.",
                ),
                io.Combo.Input(
                    "length_mode",
                    options=list(LENGTH_MODES),
                    default="repeat_last",
                    tooltip="What fills missing frames: the last frame again, or neutral grey that "
                    "leaves the model free (pad). cut drops frames instead.",
                ),
                io.Combo.Input(
                    "fit",
                    options=list(FITS),
                    default="crop",
                    tooltip="How another shape is brought to width and height: filled and cut at "
                    "the edges, whole with neutral borders, or each side by itself.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="White = generate, black = keep: one for all frames or one a frame. "
                    "Nothing connected: generate everywhere.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="For control_video."),
                io.Mask.Output(display_name="mask", tooltip="For control_masks."),
                KinoVace.Output(display_name="vace", tooltip="One tensor in -1..1 and its mask."),
                io.Int.Output(display_name="width", tooltip="For WanVaceToVideo."),
                io.Int.Output(display_name="height", tooltip="For WanVaceToVideo."),
                io.Int.Output(display_name="length", tooltip="For WanVaceToVideo."),
            ],
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        width: int,
        height: int,
        length: int,
        length_mode: str,
        fit: str,
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        ready = normalise(
            image,
            mask,
            width=width,
            height=height,
            length=length,
            length_mode=length_mode,
            fit=fit,
        )
        tall, wide = ready.size
        return io.NodeOutput(ready.image, ready.mask, ready.control(), wide, tall, ready.length)


class SaveVace(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographSaveVace",
            display_name="Save VACE Tensor",
            category="Kinograph/vace",
            description="Writes a safetensors file: video [1,3,F,H,W] in -1..1 and mask "
            "[1,1,F,H,W] in 0..1, both float32.",
            is_output_node=True,
            inputs=[
                KinoVace.Input("vace", tooltip="From VACE Normalise."),
                io.String.Input(
                    "filename_prefix",
                    default="kinograph/vace",
                    tooltip="Name of the file in the output folder; a number is added.",
                ),
            ],
            outputs=[],
        )

    @classmethod
    def execute(cls, vace: VaceControl, filename_prefix: str) -> io.NodeOutput:
        path = host.save_path(filename_prefix, ".safetensors")
        with written_aside(path) as aside:
            save_file({"video": vace.video.contiguous(), "mask": vace.mask.contiguous()}, aside)
        return io.NodeOutput(ui=ui.PreviewText(str(path)))
