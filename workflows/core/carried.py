"""The graph that pictures and videos carry."""

import json

from ...nodes.standin import io


def carried_graph(hidden: io.HiddenHolder) -> dict[str, str]:
    """Return the metadata that ComfyUI writes into pictures and videos, by its keys.

    The graph in API format is `prompt`; if it came from the editor, its editor format is
    `workflow`. Dropped on the canvas, the file restores the graph.
    """
    carried = {**(hidden.extra_pnginfo or {})}
    if hidden.prompt is not None:
        carried["prompt"] = hidden.prompt
    return {key: json.dumps(value) for key, value in carried.items()}
