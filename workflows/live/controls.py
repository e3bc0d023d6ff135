"""What viewers of the page may change in a live run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...engines.errors import InputError
from .graph import LiveGraph
from .measure import Measures
from .record import Recordings


@dataclass(frozen=True)
class Controls:
    """The settings of the graph, recordings and, of a graph with bodies, their measures.

    All methods may be called from any thread.

    say: called with a message of what a viewer has changed
    """

    graph: LiveGraph
    recordings: Recordings
    say: Callable[[str], None]
    measures: Measures | None = None

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

    def condition(self, asked: Any) -> dict[str, Any]:
        """Say what the scene is like: {condition, text}. Raises `InputError` for anything else."""
        choice, text = asked.get("condition"), asked.get("text", "")
        if not isinstance(choice, str) or not isinstance(text, str):
            raise InputError('expected {"condition": one of the list, "text": your own words}')
        self.say(f"condition: {self._measured().set_condition(choice, text)}")
        return self._measured().now()

    def measure(self, asked: Any) -> dict[str, Any]:
        """Record the metrics of the next seconds. Raises `InputError` while that is being done."""
        self._measured().record()
        return self._measured().now()

    def table(self, *, compatible: bool) -> str:
        """Return the records as CSV. Raises `InputError` for a graph without bodies."""
        return self._measured().table(compatible=compatible)

    def _measured(self) -> Measures:
        if self.measures is None:
            raise InputError("this graph has no bodies to measure; add Detect Bodies")
        return self.measures

    def points(self, after: int) -> list[dict[str, Any]]:
        """Return the points of the charts that follow a point, by its number."""
        return [] if self.measures is None else self.measures.points(after)

    def now(self) -> dict[str, Any]:
        """Return what the page shows of them every second."""
        return {
            "changes": self.graph.changes,
            "recording": self.recordings.now(),
            "measures": None if self.measures is None else self.measures.now(),
        }
