"""Engines of included models, for nodes that need one beside the user's."""

import weakref

from ..models.registry import resolve
from .engine import Engine, build_beside
from .network import network_of

_beside: "weakref.WeakKeyDictionary[Engine, dict[str, Engine]]" = weakref.WeakKeyDictionary()


def included_beside(engine: Engine, name: str) -> Engine:
    """Return an engine of the included model `name` beside `engine`, as `build_beside` builds it;
    the same one for every call."""
    built = _beside.setdefault(engine, {})
    if name not in built:
        model = resolve(name)
        built[name] = build_beside(engine, model, network_of(model))
    return built[name]
