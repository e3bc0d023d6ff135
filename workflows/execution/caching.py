"""Cache results, within a run and between runs, under keys that identify what a node computes."""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...engines.errors import KinographError
from ...nodes.standin import host
from ...nodes.standin.io import Hidden, overridden
from ..graph.catalogue import Catalogue
from ..graph.coroutines import finished
from ..graph.dynamic import nested
from ..graph.model import Link, Node

_FREE_MEMORY = 0.25  # of the machine's: with less, results of earlier runs are dropped


@dataclass(frozen=True)
class NodeResult:
    """The result of a node.

    outputs: by output, the list of its elements
    shown:   what the node displays, by kind
    files:   the files that it saved
    blocked: the messages of blockers that kept it from running
    """

    outputs: tuple[list[Any], ...]
    shown: Mapping[str, list[Any]]
    files: tuple[Path, ...] = ()
    blocked: tuple[str, ...] = ()


class ResultCache:
    """Keeps results between runs: those of the nodes of the last graphs, like ComfyUI.

    graphs: of how many runs results are kept, the current one included; where memory is short, only
            those that the current one uses

    It serves one run at a time.
    """

    def __init__(self, graphs: int = 4) -> None:
        self._graphs = graphs
        self._runs = 0
        # By key: the result, its owner, and the last run that used it.
        self._results: dict[str, tuple[NodeResult, str, int]] = {}

    def __len__(self) -> int:
        return len(self._results)

    def get(self, key: str) -> NodeResult | None:
        """Return the result with this key, or None."""
        entry = self._results.get(key)
        return entry[0] if entry else None

    def put(self, key: str, result: NodeResult, owner: str = "") -> None:
        """Keep a result.

        owner: the node whose expansion made the node, or "" for a node of the graph itself
        """
        self._results[key] = (result, owner, self._runs)

    def start(self, keys: Collection[str], owners: Collection[str]) -> None:
        """Begin a run that uses results with these keys or these owners; drop what is too old."""
        self._runs += 1
        graphs = 1 if _memory_is_short() else self._graphs
        kept = {}
        for key, (result, owner, last) in self._results.items():
            if key in keys or owner in owners:
                last = self._runs
            if last > self._runs - graphs:
                kept[key] = (result, owner, last)
        self._results = kept

    def keep(self, keys: Collection[str], owners: Collection[str]) -> None:
        """Drop all results of the current run but those with these keys or these owners."""
        self._results = {
            key: (result, owner, last)
            for key, (result, owner, last) in self._results.items()
            if last < self._runs or key in keys or owner in owners
        }

    def clear(self) -> None:
        """Drop all results."""
        self._results.clear()


def _memory_is_short() -> bool:
    import psutil

    memory = psutil.virtual_memory()
    return bool(memory.available < memory.total * _FREE_MEMORY)


class CacheKeys:
    """Cache keys of nodes: a hash of the class, the inputs and, through them, all ancestors.

    Nodes with equal keys have equal results. The key is None for nodes that must always run: those
    whose fingerprint is NaN or not plain data, those with an object as an input, and what depends
    on them. A node that uses its own id has a unique key. (ComfyUI 0.3.75 ignores this for nodes of
    its newer API, and returns the result of one for another.)

    nodes, values: by id; nodes made by expansion are added during the run
    owners:        by id of such a node, the id of the node that made it
    """

    def __init__(
        self,
        nodes: Mapping[str, Node],
        values: Mapping[str, Mapping[str, Any]],
        owners: Mapping[str, str],
        catalogue: Catalogue,
        settings: host.Settings,
    ):
        self._nodes, self._values, self._owners = nodes, values, owners
        self._catalogue, self._settings = catalogue, settings
        self._keys: dict[str, str | None] = {}

    def of(self, id_: str) -> str | None:
        """Return the key of a node. Without recursion, as a graph may be deep."""
        stack = [(id_, False)]
        entered = set()
        while stack:
            id_, leaving = stack.pop()
            if leaving:
                self._keys[id_] = self._key(id_)
            elif id_ not in self._keys and id_ not in entered:
                entered.add(id_)
                stack.append((id_, True))
                stack += [
                    (v.node, False) for v in self._values[id_].values() if isinstance(v, Link)
                ]
        return self._keys[id_]

    def _key(self, id_: str) -> str | None:
        class_type = self._nodes[id_].class_type
        schema = self._catalogue.require(class_type)
        facts: list[Any] = [class_type, self._settings.device, self._owners.get(id_)]
        if schema.not_idempotent or Hidden.unique_id in schema.hidden:
            facts.append(id_)
        if schema.is_output_node:
            facts.append(str(self._settings.output))
        try:
            facts.append(_plain(self._fingerprint(id_)))
            for name, value in sorted(self._values[id_].items()):
                facts.append([name, self._source(value) or _plain(value)])
        except _UnkeyableError:
            return None
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def _source(self, value: Any) -> list[Any] | None:
        if not isinstance(value, Link):
            return None
        key = self._keys.get(value.node)  # None in a cycle, too
        if key is None:
            raise _UnkeyableError
        return ["link", key, value.slot]

    def _fingerprint(self, id_: str) -> Any:
        class_type = self._nodes[id_].class_type
        class_ = self._catalogue.node(class_type)
        fingerprint: Callable[..., Any] | None = overridden(class_, "fingerprint_inputs")
        if fingerprint is None:
            return None
        known = {n: None if isinstance(v, Link) else v for n, v in self._values[id_].items()}
        schema = self._catalogue.require(class_type)
        if schema.is_input_list:
            known = {name: [value] for name, value in known.items()}
        try:
            with host.using(self._settings):
                return finished(fingerprint(**nested(schema.inputs, known)))
        except KinographError as error:
            raise _UnkeyableError from error  # the node raises it again when it runs


class _UnkeyableError(Exception):
    pass


def _plain(value: Any) -> Any:
    """Return the value as data that differs in JSON if the value differs."""
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float) and value == value:
        return value
    if isinstance(value, bytes):
        return {"bytes": hashlib.sha256(value).hexdigest()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {"items": [[_plain(k), _plain(v)] for k, v in value.items()]}
    raise _UnkeyableError
