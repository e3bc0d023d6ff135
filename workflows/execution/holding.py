"""Results of nodes during a run, held for as long as somebody will read them."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ..graph.model import Link
from .caching import Result


class Results:
    """Who is done, with which result; after the last link from a node has been read, it goes.

    values: of all nodes by id, those that are made during the run included
    asked:  the nodes that are run for their own sake and have not been yet
    """

    def __init__(self, values: Mapping[str, Mapping[str, Any]], asked: Collection[str]):
        self._values, self._asked = values, asked
        self._results: dict[str, Result] = {}
        self._done: set[str] = set()
        self._dropped: set[str] = set()  # nobody was left to read them
        self._left: Counter[str] = Counter()  # by node, the links from it that are still to be read

    def links(self, id_: str) -> list[Link]:
        return [value for value in self._values[id_].values() if isinstance(value, Link)]

    def expect(self, links: Iterable[Link]) -> None:
        """These links will be read. What had been dropped is run again."""
        pending = list(links)
        while pending:
            id_ = pending.pop().node
            self._left[id_] += 1
            if id_ in self._dropped:
                self._dropped.discard(id_)
                self._done.discard(id_)
                pending += self.links(id_)

    def is_done(self, id_: str) -> bool:
        return id_ in self._done

    def elements(self, link: Link) -> list[Any]:
        """What stands at the end of a link: [None] for a value that the node did not give."""
        outputs = self._results[link.node].outputs
        return outputs[link.slot] if link.slot < len(outputs) else [None]

    def lend(self, id_: str, result: Result) -> None:
        """A node that gives the same has run; `id_` will find the result when its turn comes."""
        if id_ not in self._done and (self._left[id_] > 0 or id_ in self._asked):
            self._results[id_] = result

    def lent(self, id_: str) -> Result | None:
        return None if id_ in self._done else self._results.get(id_)

    def finish(self, id_: str, result: Result) -> None:
        """The node is done; its sources have one reader less."""
        self._done.add(id_)
        self._results.pop(id_, None)
        if self._left[id_] > 0:
            self._results[id_] = result
        else:
            self._dropped.add(id_)
        self.release(self.links(id_))

    def release(self, links: Iterable[Link]) -> None:
        """These links have been read, or never will be. A node that then has no reader and was
        not asked for is not run, so that its own sources have one reader less, too."""
        pending = list(links)
        while pending:
            id_ = pending.pop().node
            self._left[id_] -= 1
            if self._left[id_] > 0 or (id_ in self._asked and id_ not in self._done):
                continue
            self._results.pop(id_, None)
            self._dropped.add(id_)
            if id_ not in self._done:
                pending += self.links(id_)
