"""Find the nodes from the tree: a new node is one file in the package of its domain."""

import pkgutil
from collections.abc import Iterable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from .api import io

NodeClass = type[io.ComfyNode]

_LAST = 1 << 30


def nodes_of_pack() -> list[NodeClass]:
    """Return the nodes of all packages of this folder that name a `CATEGORY`."""
    here = import_module(__name__.rpartition(".")[0])
    rooms = [room for room in _modules(here, packages=True) if hasattr(room, "CATEGORY")]
    return in_order(node for room in rooms for node in nodes_in(room, io.ComfyNode))


def nodes_in(room: ModuleType, base: Any) -> Iterator[NodeClass]:
    """Yield the nodes that the modules of a package define: public classes derived from `base`."""
    for module in _modules(room, packages=False):
        for name, value in vars(module).items():
            if (
                isinstance(value, type)
                and issubclass(value, base)
                and value.__module__ == module.__name__
                and not name.startswith("_")
            ):
                yield value


def in_order(nodes: Iterable[NodeClass]) -> list[NodeClass]:
    """Return nodes by their `ORDER`, followed by those that have none, by name."""
    return sorted(nodes, key=lambda node: (getattr(node, "ORDER", _LAST), node.__name__))


def _modules(package: ModuleType, *, packages: bool) -> Iterator[ModuleType]:
    """Yield the modules of a package, or its packages, by name.

    They are imported relative to the package: ComfyUI loads the pack under a name that is a path.
    """
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        if info.ispkg == packages:
            yield import_module(f".{info.name}", package.__name__)
