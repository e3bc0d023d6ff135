"""What `comfy_entrypoint` returns: the list of nodes, the routes of the panel, and the footage of
the shared graphs."""

from .api import ComfyExtension, host, io
from .discovery import nodes_of_pack
from .samples import place_samples

NODES: list[type[io.ComfyNode]] = nodes_of_pack()


class KinographExtension(ComfyExtension):
    """What `comfy_entrypoint` returns; ComfyUI asks it once, before its server listens."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        # Not in on_load, which ComfyUI 0.3.75 does not call.
        if (server := host.server()) is not None:
            from .panel.routes import register

            register(server)
            place_samples(host.input_folder())
        return NODES
