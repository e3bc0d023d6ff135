"""The families of all domains, found by the files that declare them.

The module `NAME` in `engines/DOMAIN/families/` declares the family `NAME`, or families `NAME_*`.
Nothing is imported before a family is asked for; asking for one imports its module alone.
"""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules

from ..errors import ModelError
from .declared import Declared, declared
from .family import Family
from .model import Model

_ENGINES = __name__.rsplit(".", 2)[0]
_ROOM = "families"

_known: dict[str, Family] = {}


def family_of(model: Model) -> Family:
    """Return the family of `model`. Raises `ModelError` for one that no file declares."""
    family = find_family(model.entry.family)
    if family is None:
        raise ModelError(f"model {model.name}: unknown family {model.entry.family!r}")
    return family


def find_family(name: str) -> Family | None:
    """Return the family called `name`, or None if there is none."""
    if name not in _known:
        for module, stem in _modules():
            if _belongs(name, stem):
                _declared(module, stem)
    return _known.get(name)


def families(task: str = "") -> list[Family]:
    """Return the families of a task, or of all tasks, in the order of menus.

    This imports the modules of all families.
    """
    every = [family for module, stem in _modules() for family in _declared(module, stem)]
    every.sort(key=lambda family: family.order)  # stable: families of one module stay in order
    return [family for family in every if task in ("", family.task)]


def own_families(task: str = "") -> dict[str, Family]:
    """Return those of `families` that take users' own files, by name."""
    return {family.name: family for family in families(task) if family.suffixes}


def own_names(task: str) -> list[str]:
    """Return the names of `own_families`, in their order, importing no module that can be read."""
    every: list[Family | Declared] = []
    for module, stem in _modules():
        spec = find_spec(module)
        path = Path(spec.origin) if spec is not None and spec.origin else None
        every += (declared(path) if path is not None else ()) or _declared(module, stem)
    every.sort(key=lambda family: family.order)
    return [family.name for family in every if family.task == task and family.suffixes]


def _modules() -> Iterator[tuple[str, str]]:
    """Yield every module that declares families: its full name and the last part of it."""
    for domain in iter_modules(import_module(_ENGINES).__path__, f"{_ENGINES}."):
        room = find_spec(f"{domain.name}.{_ROOM}") if domain.ispkg else None
        if room is not None:
            for module in iter_modules(room.submodule_search_locations or (), f"{room.name}."):
                yield module.name, module.name.rpartition(".")[2]


def _belongs(family: str, stem: str) -> bool:
    return family == stem or family.startswith(f"{stem}_")


def _declared(name: str, stem: str) -> tuple[Family, ...]:
    """Import a module and return the families that it declares, in its order.

    Raises `ModelError` for a module without any, for a name that does not begin with the module's,
    and for a name that is declared more than once.
    """
    module = import_module(name)
    found: tuple[Family, ...] = getattr(module, "FAMILIES", ())
    found = found or ((module.FAMILY,) if hasattr(module, "FAMILY") else ())
    if not found:
        raise ModelError(f"{name}: expected FAMILY, or a tuple FAMILIES, found neither")
    for family in found:
        if not _belongs(family.name, stem):
            raise ModelError(
                f"{name}: expected a family called {stem} or {stem}_..., found {family.name!r}"
            )
        if _known.setdefault(family.name, family) is not family:
            raise ModelError(f"{name}: the family {family.name!r} is declared more than once")
    return found
