"""Results that need no second run: keys of nodes, and what is kept between runs."""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ...engines.errors import KinographError
from ...nodes.standin import host
from ...nodes.standin.io import Hidden, overridden
from ..graph.catalogue import Catalogue
from ..graph.model import Link, Node


@dataclass(frozen=True)
class Result:
    """What a node gave: by output a list of its elements; and what it showed, by kind."""

    outputs: tuple[list[Any], ...]
    shown: Mapping[str, list[Any]]


class ResultCache:
    """Results that stay between runs: those of the nodes of the last graph, as ComfyUI's. For one
    run at a time."""

    def __init__(self) -> None:
        self._results: dict[str, tuple[Result, str]] = {}  # by key, with whose graph it belongs to

    def __len__(self) -> int:
        return len(self._results)

    def get(self, key: str) -> Result | None:
        found = self._results.get(key)
        return found[0] if found else None

    def put(self, key: str, result: Result, owner: str = "") -> None:
        """owner: the node of the graph that the node was made by, "" for one of the graph"""
        self._results[key] = (result, owner)

    def keep(self, keys: Collection[str], owners: Collection[str]) -> None:
        """Drop all but these keys, and what was made by these nodes."""
        self._results = {
            key: (result, owner)
            for key, (result, owner) in self._results.items()
            if key in keys or owner in owners
        }

    def clear(self) -> None:
        self._results.clear()


class Keys:
    """A node's key: its class, its inputs and, through the keys of its sources, its ancestors.

    Two nodes of one key give the same. None is the key of a node that must always run: one whose
    fingerprint is NaN or no plain data, one that takes an object, and what depends on them. A node
    that asks for its id has a key of its own; ComfyUI 0.3.75 forgets that of nodes of its newer
    API, and hands one the result of the other.

    nodes, values: of all nodes by id, those that are made during the run included
    owners:        by id of such a node, the id of the one that made it
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
        """The key. Without recursion: a graph may be deep."""
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
        if self._catalogue.require(class_type).is_input_list:
            known = {name: [value] for name, value in known.items()}
        try:
            with host.using(self._settings):
                return fingerprint(**known)
        except KinographError as error:
            raise _UnkeyableError from error  # the node will say it itself when it runs


class _UnkeyableError(Exception):
    pass


def _plain(value: Any) -> Any:
    """The value as data that JSON tells apart."""
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
