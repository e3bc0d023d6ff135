"""Results of nodes during a run, kept as long as they are needed."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ..graph.model import Link
from .caching import NodeResult


class ResultStore:
    """Keeps which nodes are done, and each result until the last link from its node has been read.

    values: inputs of all nodes by id; nodes made by expansion are added during the run
    roots:  the output nodes that have not run yet
    """

    def __init__(self, values: Mapping[str, Mapping[str, Any]], roots: Collection[str]):
        self._values, self._roots = values, roots
        self._results: dict[str, NodeResult] = {}
        self._done: set[str] = set()
        self._dropped: set[str] = set()  # their results are not needed any more
        self._left: Counter[str] = Counter()  # links from a node still to be read

    def links(self, id_: str) -> list[Link]:
        """Return the links that a node reads."""
        return [value for value in self._values[id_].values() if isinstance(value, Link)]

    def expect(self, links: Iterable[Link]) -> None:
        """Register links that will be read. Nodes whose results were dropped run again."""
        pending = list(links)
        while pending:
            id_ = pending.pop().node
            self._left[id_] += 1
            if id_ in self._dropped:
                self._dropped.discard(id_)
                self._done.discard(id_)
                pending += self.links(id_)

    def is_done(self, id_: str) -> bool:
        """Return whether a node has run."""
        return id_ in self._done

    def elements(self, link: Link) -> list[Any]:
        """Return the elements that a link reads: [None] for an output that has no value."""
        outputs = self._results[link.node].outputs
        return outputs[link.slot] if link.slot < len(outputs) else [None]

    def share(self, id_: str, result: NodeResult) -> None:
        """Keep the result of a node with the same key for `id_`, if that still has to run."""
        if id_ not in self._done and (self._left[id_] > 0 or id_ in self._roots):
            self._results[id_] = result

    def shared(self, id_: str) -> NodeResult | None:
        """Return the result that was shared with a node that has not run, or None."""
        return None if id_ in self._done else self._results.get(id_)

    def finish(self, id_: str, result: NodeResult) -> None:
        """Mark a node as done, with its result, and release its links."""
        self._done.add(id_)
        self._results.pop(id_, None)
        if self._left[id_] > 0:
            self._results[id_] = result
        else:
            self._dropped.add(id_)
        self.release(self.links(id_))

    def release(self, links: Iterable[Link]) -> None:
        """Unregister links that have been read, or never will be.

        A node that is then not needed will not run, so its own links are released, too.
        """
        pending = list(links)
        while pending:
            id_ = pending.pop().node
            self._left[id_] -= 1
            if self._left[id_] > 0 or (id_ in self._roots and id_ not in self._done):
                continue
            self._results.pop(id_, None)
            self._dropped.add(id_)
            if id_ not in self._done:
                pending += self.links(id_)
