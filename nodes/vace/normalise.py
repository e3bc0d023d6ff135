"""Nodes that prepare control videos for VACE, and undo it on what VACE made of them."""

from functools import partial

from safetensors.torch import save_file
from torch import Tensor

from ...engines.errors import InputError
from ...engines.files import written_aside
from ...engines.geometry.placement import FITS
from ...engines.vace.control import VaceControl
from ...engines.vace.normalise import normalise
from ...engines.vace.placement import SIZES, restore
from ...engines.vace.presets import PRESETS
from ...engines.vace.report import report, report_restored
from ...engines.vace.settings import LENGTH_MODES
from ..api import host, io
from ..previews import of_vace
from ..search import found_by
from ..show import Shown
from ..types import KinoVace


class VaceNormalise(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographVaceNormalise",
            display_name="VACE Normalise",
            category="Kinograph/vace",
            **found_by(
                "normalize, wan vace, control video, 4n+1, resize video, frame rate, vace "
                "preprocessor"
            ),
            description="Brings control images, masks and reference images to the size, rate and "
            "length that WanVaceToVideo takes without cropping, padding or rescaling.",
            inputs=[
                io.Image.Input(
                    "image",
                    tooltip="Control images, e.g. from Draw Skeleton; depth, edges and the like "
                    "may have one channel.",
                ),
                io.Int.Input(
                    "width",
                    default=0,
                    min=0,
                    max=16384,
                    step=16,
                    tooltip="A multiple of 16 (preset ltx: 32). 0: from the height, or as the "
                    "preset says, or the image's own width rounded down.",
                ),
                io.Int.Input(
                    "height",
                    default=0,
                    min=0,
                    max=16384,
                    step=16,
                    tooltip="A multiple of 16 (preset ltx: 32). 0: from the width, or as the "
                    "preset says, or the image's own height rounded down.",
                ),
                io.Int.Input(
                    "length",
                    default=0,
                    min=0,
                    max=16385,
                    step=1,
                    tooltip="Number of frames, 4n+1 (81, 49, 33 ...; preset ltx: 8n+1), at the new "
                    "rate. 0: the clip's own, made 4n+1 as length_mode says.",
                ),
                io.Combo.Input(
                    "length_mode",
                    options=list(LENGTH_MODES),
                    default="repeat_last",
                    tooltip="What fills missing frames: the last frame again, or neutral grey that "
                    "leaves the model free (pad). cut drops frames instead. spread takes frames "
                    "evenly over the whole clip, as VACE itself does.",
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
                io.Combo.Input(
                    "preset",
                    options=list(PRESETS),
                    default="none",
                    optional=True,
                    tooltip="The model: its area in the shape of the clip (never enlarged), its "
                    "lengths and its frame rate. none: only multiples of 16 and 4n+1.",
                ),
                io.Float.Input(
                    "fps",
                    default=0.0,
                    min=0.0,
                    max=1000.0,
                    step=0.01,
                    optional=True,
                    tooltip="Frames a second of the clip, from Get Video Components. 0: unknown, "
                    "every frame is used.",
                ),
                io.Float.Input(
                    "target_fps",
                    default=0.0,
                    min=0.0,
                    max=1000.0,
                    step=0.01,
                    optional=True,
                    tooltip="Frames a second to come to: frames are left out or shown again, never "
                    "mixed. 0: the preset's, where the clip has more.",
                ),
                io.Image.Input(
                    "reference_images",
                    optional=True,
                    tooltip="Pictures of who or what is to appear; put whole on white.",
                ),
                io.Mask.Input(
                    "reference_masks",
                    optional=True,
                    tooltip="White = background of the reference images that becomes white, as "
                    "Load Image gives it: one for all or one an image.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="For control_video."),
                io.Mask.Output(display_name="mask", tooltip="For control_masks."),
                KinoVace.Output(display_name="vace", tooltip="One tensor in -1..1 and its mask."),
                io.Int.Output(display_name="width", tooltip="For WanVaceToVideo."),
                io.Int.Output(display_name="height", tooltip="For WanVaceToVideo."),
                io.Int.Output(display_name="length", tooltip="For WanVaceToVideo."),
                io.Image.Output(
                    display_name="reference_image",
                    tooltip="For WanVaceToVideo, which uses the first; nothing where none came in.",
                ),
                io.Float.Output(
                    display_name="fps", tooltip="Of the prepared clip: for Create Video."
                ),
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
        preset: str = "none",
        fps: float = 0.0,
        target_fps: float = 0.0,
        reference_images: Tensor | None = None,
        reference_masks: Tensor | None = None,
    ) -> io.NodeOutput:
        ready = normalise(
            image,
            mask,
            width=width,
            height=height,
            length=length,
            length_mode=length_mode,
            fit=fit,
            preset=preset,
            fps=fps,
            target_fps=target_fps,
            references=reference_images,
            reference_masks=reference_masks,
            progress=host.progress(len(image)),
        )
        tall, wide = ready.size
        return io.NodeOutput(
            ready.image,
            ready.mask,
            ready.control(),
            wide,
            tall,
            ready.length,
            ready.references,
            ready.placement.rate,
            ui=Shown(report(ready, preset, mask), picture=partial(of_vace, ready)),
        )


class VaceRestore(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographVaceRestore",
            display_name="VACE Restore",
            category="Kinograph/vace",
            **found_by("uncrop, unpad, crop back, undo padding, stitch, wan vace"),
            description="Undoes VACE Normalise on the generated clip: cuts off borders and frames "
            "that it added, and scales back to the size of the source.",
            inputs=[
                io.Image.Input(
                    "image",
                    tooltip="The generated clip, decoded: as many frames, of the same size, as "
                    "VACE Normalise gave.",
                ),
                KinoVace.Input("vace", tooltip="From the VACE Normalise that it was made with."),
                io.Combo.Input(
                    "size",
                    options=list(SIZES),
                    default="source",
                    tooltip="source: scaled to what went into VACE Normalise. prepared: only cut, "
                    "not scaled.",
                ),
                io.Image.Input(
                    "original",
                    optional=True,
                    tooltip="The clip that went into VACE Normalise, or the footage it was drawn "
                    "from: fills in what fit crop had cut away. With size source only.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The clip without what was added."),
                io.Float.Output(display_name="fps", tooltip="Its rate: for Create Video."),
            ],
        )

    @classmethod
    def execute(
        cls, image: Tensor, vace: VaceControl, size: str, original: Tensor | None = None
    ) -> io.NodeOutput:
        placement = vace.placement
        if placement is None:
            raise InputError(
                "vace: expected one from VACE Normalise, found one that does not know which clip "
                "it was made from; connect the vace output of VACE Normalise itself"
            )
        restored = restore(image, placement, size=size, original=original)
        text = report_restored(restored, placement, size, pasted=original is not None)
        return io.NodeOutput(restored, placement.rate, ui=Shown(text))


class SaveVace(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographSaveVace",
            display_name="Save VACE Tensor",
            category="Kinograph/vace",
            **found_by("safetensors, export tensor, daydream scope"),
            description="Writes a safetensors file: video [1,3,F,H,W] in -1..1 and mask "
            "[1,1,F,H,W] in 0..1, and references [1,3,R,H,W] in -1..1 if there are any; float32.",
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
        path = host.save_path(filename_prefix, ".safetensors", vace.size)
        tensors = {"video": vace.video, "mask": vace.mask, "references": vace.references}
        with written_aside(path) as aside:
            save_file({k: t.contiguous() for k, t in tensors.items() if t is not None}, aside)
        return io.NodeOutput(ui=Shown(str(path)))
