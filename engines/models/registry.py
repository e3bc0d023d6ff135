"""The registry of models (models.yaml), typed, and the way from a name to a file."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path
from types import MappingProxyType

import yaml

from ..errors import ModelError
from . import hub
from .entry import ModelEntry
from .folders import models_folder

__all__ = ["Model", "ModelEntry", "registry", "resolve"]

_HERE = Path(__file__).parent
EMBEDDED = _HERE / "weights"


@dataclass(frozen=True)
class Model:
    """A model whose file is at hand and whole; what travels on a KINO_MODEL socket."""

    entry: ModelEntry
    path: Path

    @property
    def name(self) -> str:
        return self.entry.name


@cache
def registry() -> Mapping[str, ModelEntry]:
    """All known models by name, in the order of the file."""
    return parsed((_HERE / "models.yaml").read_text(encoding="utf-8"))


def parsed(text: str) -> Mapping[str, ModelEntry]:
    """The models of a YAML text. Raises `ModelError` for missing and for unknown fields."""
    known = {field.name for field in fields(ModelEntry)} - {"name"}
    needed = {field.name for field in fields(ModelEntry) if field.default is MISSING} - {"name"}
    entries = {}
    for name, values in yaml.safe_load(text).items():
        if wrong := sorted((set(values) - known) | (needed - set(values))):
            raise ModelError(f"models.yaml, {name}: missing or unknown fields {wrong}")
        entries[name] = ModelEntry(name=name, **values)
    return MappingProxyType(entries)


def find(name: str) -> ModelEntry:
    """The entry `name`. Raises `ModelError` for an unknown one."""
    known = registry()
    if name not in known:
        raise ModelError(f"model: expected one of {', '.join(known)}, found {name!r}")
    return known[name]


def resolve(
    name: str,
    *,
    folder: Path | None = None,
    accept: bool = False,
    progress: hub.Progress | None = None,
) -> Model:
    """The model `name` with its file, checked against the registry's size and sha256.

    folder: where downloaded models lie; None = `models_folder()`. What is not there is fetched
    from the Hugging Face Hub (see `hub.fetch` for `accept` and `progress`).

    Raises `ModelError` for an unknown name and for a file that is missing, damaged or cannot be
    had.
    """
    return resolved(find(name), folder, accept, progress)


def resolved(
    entry: ModelEntry,
    folder: Path | None = None,
    accept: bool = False,
    progress: hub.Progress | None = None,
) -> Model:
    """As `resolve`, for an entry."""
    path = EMBEDDED / entry.file if entry.embedded else (folder or models_folder()) / entry.file
    cure = "install Kinograph again" if entry.embedded else "delete it, and it is fetched again"
    if not path.is_file():
        if entry.embedded:
            raise ModelError(f"model {entry.name}: the file {path} is missing; {cure}")
        return Model(entry, hub.fetch(entry, path.parent, accept=accept, progress=progress))
    stat = path.stat()
    if reason := _differs(entry, path, stat.st_size, stat.st_mtime_ns):
        raise ModelError(f"model {entry.name}: {path} is damaged: {reason}; {cure}")
    return Model(entry, path)


@cache
def _differs(entry: ModelEntry, path: Path, size: int, modified: int) -> str:
    """Size and time are part of the key, so that a file is hashed once until it changes."""
    return entry.differs(path)
