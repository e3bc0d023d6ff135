"""Decode the JSON of graph files, which may come from strangers, and quote values of it."""

import json
from collections.abc import Iterable
from typing import Any

from ...engines.errors import GraphError

MAX_DEPTH = 200  # of nested lists and objects; a workflow has ten, and Python gives up at 1000
MAX_NODES = 100_000  # in a file, and once subgraphs are expanded; a large workflow has 1,000
MAX_BYTES = 256 * 2**20  # of a file


def decode(text: str | bytes, source: str, what: str = "a graph") -> Any:
    """Return the data of a JSON text.

    text:   decoded, or in UTF-8, UTF-16 or UTF-32, with or without a byte-order mark
    source: where the text comes from, for messages
    what:   what it should be, for messages

    Raises `GraphError` for a text that is not JSON, or that is nested deeper than `MAX_DEPTH`.
    """
    try:
        data = json.loads(text)
    except UnicodeDecodeError as error:
        raise GraphError(
            f"{source}: expected {what} as JSON text, but the file cannot be read: {error}"
        ) from error
    except ValueError as error:  # also numbers with too many digits
        raise GraphError(f"{source}: is not JSON: {error}") from error
    except RecursionError as error:
        raise _too_deep(source, what) from error
    if is_too_deep(data):
        raise _too_deep(source, what)
    return data


def _too_deep(source: str, what: str) -> GraphError:
    return GraphError(
        f"{source}: expected {what}, found lists or objects nested more than {MAX_DEPTH} deep"
    )


def is_too_deep(data: Any) -> bool:
    """Return whether lists and objects in decoded JSON are nested deeper than `MAX_DEPTH`."""
    level = [data]
    for _ in range(MAX_DEPTH + 1):
        level = [child for value in level for child in _children(value)]
        if not level:
            return False
    return True


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def too_many_nodes(source: str, count: int) -> GraphError:
    """Return the error for a graph with more nodes than `MAX_NODES`."""
    return GraphError(f"{source}: expected at most {MAX_NODES:,} nodes, found {count:,}")


def cut(text: str, most: int = 80) -> str:
    """Return a text as messages name it: cut to `most` characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def listed(items: Iterable[str], most: int = 20, separator: str = ", ", length: int = 80) -> str:
    """Return items as messages list them: the first `most`, each cut to `length` characters,
    and how many more there are."""
    items = [*items]
    shown = separator.join(cut(item, length) for item in items[:most])
    return shown if len(items) <= most else f"{shown}{separator}and {len(items) - most:,} more"


def short(value: Any) -> str:
    """Return a value as messages quote it: as JSON, cut to 60 characters."""
    try:
        text = json.dumps(value, default=str)
    except (RecursionError, ValueError):  # deeply nested, or a number with very many digits
        return f"a {type(value).__name__} too large to show"
    return text if len(text) <= 60 else f"{text[:57]}..."
