"""ComfyUI's core nodes that shared graphs use, for headless runs: same ids, inputs and results.

A node is one file here, and found from the tree.
"""

from functools import cache
from typing import Any


@cache
def core_nodes() -> list[type[Any]]:
    """Return the classes of the core nodes, in the order of their `ORDER`."""
    import sys

    from ...nodes.discovery import in_order, nodes_in
    from ...nodes.standin.io import ComfyNode

    return in_order(nodes_in(sys.modules[__name__], ComfyNode))
