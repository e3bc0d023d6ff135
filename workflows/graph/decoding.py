"""Decode the JSON of graph files, which may come from strangers, and quote values of it."""

import json
from collections.abc import Iterable
from typing import Any

from ...engines.errors import GraphError

MAX_DEPTH = (
    200  # of nested lists and objects; a workflow has about ten, and Python gives up at 1000
)


def decode(text: str, source: str) -> Any:
    """Return the data of a JSON text.

    source: where the text comes from, for messages

    Raises `GraphError` for a text that is not JSON, or that is nested deeper than `MAX_DEPTH`.
    """
    try:
        data = json.loads(text)
    except ValueError as error:  # also numbers with too many digits
        raise GraphError(f"{source}: is not JSON: {error}") from error
    except RecursionError as error:
        raise _too_deep(source) from error
    if is_too_deep(data):
        raise _too_deep(source)
    return data


def _too_deep(source: str) -> GraphError:
    return GraphError(
        f"{source}: expected a graph, found lists or objects nested more than {MAX_DEPTH} deep"
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


def short(value: Any) -> str:
    """Return a value as messages quote it: as JSON, cut to 60 characters."""
    try:
        text = json.dumps(value, default=str)
    except (RecursionError, ValueError):  # deeply nested, or a number with very many digits
        return f"a {type(value).__name__} too large to show"
    return text if len(text) <= 60 else f"{text[:57]}..."
