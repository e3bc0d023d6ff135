"""Save Image: a PNG for each image, which carries the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engines.files import atomic_write
from ...nodes.standin import host, io, ui
from ...nodes.standin.prefix import filled_in
from ...nodes.streaming import Rule, Saves
from .carried import carried_graph
from .pictures import Pictures
from .pixels import save_png

if TYPE_CHECKING:
    from torch import Tensor


class SaveImage(io.ComfyNode):
    """Writes a PNG for each image, which carries the graph."""

    STREAMING = Rule(
        "sink", ("images",), saves=Saves(Pictures, suffix=".png"), passes="images", shows="images"
    )
    ORDER = 60

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SaveImage",
            display_name="Save Image",
            category="image",
            is_output_node=True,
            inputs=[
                io.Image.Input("images", tooltip="The images to save."),
                io.String.Input("filename_prefix", default="ComfyUI"),
            ],
            outputs=[io.Image.Output(display_name="images")],
        )

    @classmethod
    def execute(cls, images: Tensor, filename_prefix: str) -> io.NodeOutput:
        paths = []
        # once for all images: the time may change between two
        prefix = filled_in(filename_prefix, (images.shape[1], images.shape[2]))
        carried = carried_graph(cls.hidden)
        step = host.progress(len(images))
        for image in images:
            path = host.save_path(prefix, ".png")
            with atomic_write(path) as aside:
                save_png(image, aside, carried)
            paths.append(str(path))
            step(1)
        return io.NodeOutput(images, ui=ui.PreviewText("\n".join(paths)))
