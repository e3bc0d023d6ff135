"""Finding what a folder's files define, so that a new one needs no list."""

from importlib import import_module
from pkgutil import iter_modules
from typing import TypeVar

_Value = TypeVar("_Value")


def values_of(package: str, name: str, type_: type[_Value]) -> list[_Value]:
    """Return the value of `name` in every module of a package; modules without it are skipped.

    package: full name of the package, whose modules are imported in the order of their names

    Raises `TypeError`, which names the module, for a value that is not a `type_`.
    """
    found = []
    for info in iter_modules(import_module(package).__path__):
        module = import_module(f"{package}.{info.name}")
        if not hasattr(module, name):
            continue
        value = getattr(module, name)
        if not isinstance(value, type_):
            kind = type(value).__name__
            raise TypeError(f"{module.__name__}.{name}: expected a {type_.__name__}, found {kind}")
        found.append(value)
    return found
