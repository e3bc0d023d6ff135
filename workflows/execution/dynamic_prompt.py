"""The running graph as a node sees it: the interface of `comfy_execution.graph.DynamicPrompt`."""

from collections.abc import Mapping
from typing import Any

from ..graph.model import Node, node_as_json


class DynamicPrompt:
    """The nodes of the graph and those that nodes made by expansion.

    nodes:  by id; nodes made by expansion are added during the run
    owners: by id of such a node, the id of the node that made it
    shown:  by id of such a node, the id of the node that it is shown as
    """

    def __init__(
        self, nodes: Mapping[str, Node], owners: Mapping[str, str], shown: Mapping[str, str]
    ):
        self._nodes, self._owners, self._shown = nodes, owners, shown

    def has_node(self, node_id: str) -> bool:
        """Return whether there is a node with this id."""
        return node_id in self._nodes

    def get_node(self, node_id: str) -> dict[str, Any]:
        """Return a node in API format. Raises `KeyError` if there is none."""
        return node_as_json(self._nodes[node_id])

    def all_node_ids(self) -> set[str]:
        """Return the ids of all nodes."""
        return set(self._nodes)

    def get_parent_node_id(self, node_id: str) -> str | None:
        """Return the id of the node that made a node, or None for a node of the graph itself."""
        return self._owners.get(node_id)

    def get_real_node_id(self, node_id: str) -> str:
        """Return the id of the node of the graph whose expansion made a node, or its own."""
        while node_id in self._owners:
            node_id = self._owners[node_id]
        return node_id

    def get_display_node_id(self, node_id: str) -> str:
        """Return the id of the node that a node is shown as."""
        return self._shown.get(node_id, node_id)

    def get_original_prompt(self) -> dict[str, Any]:
        """Return the graph itself in API format, without nodes made by expansion."""
        own = {id_: node for id_, node in self._nodes.items() if id_ not in self._owners}
        return {id_: node_as_json(node) for id_, node in own.items()}
