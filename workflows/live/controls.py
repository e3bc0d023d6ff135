"""What viewers of the page may change in a live run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...engines.errors import InputError
from .graph import LiveGraph
from .record import Recordings


@dataclass(frozen=True)
class Controls:
    """The settings of the graph, and recordings. All methods may be called from any thread.

    say: called with a message of what a viewer has changed
    """

    graph: LiveGraph
    recordings: Recordings
    say: Callable[[str], None]

    def settings(self) -> dict[str, Any]:
        """Return the settings of the graph by node, and how often they have changed."""
        changes = self.graph.changes
        nodes = [node.as_dict() for node in self.graph.settings()]
        return {"changes": changes, "nodes": nodes}

    def change(self, asked: Any) -> dict[str, Any]:
        """Change a setting: {node, input, value}.

        Raises `InputError` or `GraphError` for one that does not exist or a value that does not
        fit.
        """
        node, name = asked.get("node"), asked.get("input")
        if not isinstance(node, str) or not isinstance(name, str) or "value" not in asked:
            raise InputError('expected {"node": id, "input": name, "value": value}')
        self.say(self.graph.change(node, name, asked["value"]))
        return {}

    def record(self, asked: Any) -> dict[str, Any]:
        """Start or stop a recording: {on: true or false}. Raises `InputError` for anything else."""
        if not isinstance(asked.get("on"), bool):
            raise InputError('expected {"on": true} or {"on": false}')
        if asked["on"]:
            self.say(f"recording to {self.recordings.start()}")
        else:
            self.recordings.stop()
        return self.recordings.now()

    def now(self) -> dict[str, Any]:
        """Return what the page shows of them every second."""
        return {"changes": self.graph.changes, "recording": self.recordings.now()}
