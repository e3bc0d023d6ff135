"""The graph that pictures and videos carry."""

import json

from ...nodes.standin import io


def carried_graph(hidden: io.HiddenHolder) -> dict[str, str]:
    """What ComfyUI writes into pictures and videos, by its keys: the graph in the API format as
    `prompt` and, where it came from the editor, the editor's form as `workflow`. Dropped on the
    canvas, the file brings the graph back."""
    carried = {**(hidden.extra_pnginfo or {})}
    if hidden.prompt is not None:
        carried["prompt"] = hidden.prompt
    return {key: json.dumps(value) for key, value in carried.items()}
