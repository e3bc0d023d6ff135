"""The backends, one per module: each defines `BACKEND`.

A backend of another package is added by `register`.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from ...errors import EngineError
from ..backend import Backend

_registered: dict[str, Backend] = {}


@cache
def _own() -> tuple[Backend, ...]:
    modules = (import_module(f".{m.name}", __package__) for m in iter_modules(__path__))
    return tuple(module.BACKEND for module in modules)


def register(backend: Backend) -> None:
    """Add a backend to those that "auto" and the menus offer.

    Raises `EngineError` if there is one of this name already.
    """
    if backend.name in names():
        raise EngineError(f"backend {backend.name}: there is already one of this name")
    _registered[backend.name] = backend


def backends() -> tuple[Backend, ...]:
    """Return all backends, best first."""
    return tuple(sorted((*_own(), *_registered.values()), key=lambda b: -b.preference))


def names() -> tuple[str, ...]:
    """Return the names of all backends, best first."""
    return tuple(backend.name for backend in backends())


def backend_of(name: str) -> Backend:
    """Return the backend `name`. Raises `EngineError` for an unknown one."""
    for backend in backends():
        if backend.name == name:
            return backend
    raise EngineError(f"backend: expected {', '.join(names())}, found {name!r}")
