"""Finding what a folder's files define, so that a new one needs no list."""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol, TypeVar

from .errors import InputError


class Ordered(Protocol):
    """What has a name and a place among others."""

    @property
    def name(self) -> str: ...

    @property
    def order(self) -> int: ...


_Value = TypeVar("_Value")
_Ordered = TypeVar("_Ordered", bound=Ordered)


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


def ordered_values_of(package: str, name: str, type_: type[_Ordered]) -> dict[str, _Ordered]:
    """Return what `values_of` returns by the values' own names, in the order of menus."""
    found = sorted(values_of(package, name, type_), key=lambda value: (value.order, value.name))
    return {value.name: value for value in found}


def one_of(known: Mapping[str, _Value], name: str, setting: str) -> _Value:
    """Return the one called `name`. Raises `InputError`, which begins with `setting`, if there is
    none."""
    if name not in known:
        raise InputError(f"{setting}: expected one of {', '.join(known)}, found {name!r}")
    return known[name]
