"""The registry of models (models.yaml), typed, and the way from a name to a file."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from types import MappingProxyType

import yaml

from ..errors import ModelError

_HERE = Path(__file__).parent
EMBEDDED = _HERE / "weights"


@dataclass(frozen=True)
class ModelEntry:
    """One model of the registry.

    name:             the key, as nodes and command line show it
    title:            for people
    task:             what it is for: "pose"
    family:           which network and pre- and post-processing it belongs to
    licence:          SPDX identifier
    source:           where the weights come from
    file:             name of the file, embedded in the package
    bytes, sha256:    of that file
    recommended_size: longer side of the input, in pixels, when the user names none
    """

    name: str
    title: str
    task: str
    family: str
    licence: str
    source: str
    file: str
    bytes: int
    sha256: str
    recommended_size: int


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
    text = (_HERE / "models.yaml").read_text(encoding="utf-8")
    expected = {field.name for field in fields(ModelEntry)} - {"name"}
    entries = {}
    for name, values in yaml.safe_load(text).items():
        if set(values) != expected:
            differs = sorted(set(values) ^ expected)
            raise ModelError(f"models.yaml, {name}: missing or unknown fields {differs}")
        entries[name] = ModelEntry(name=name, **values)
    return MappingProxyType(entries)


def resolve(name: str) -> Model:
    """The model `name` with its file, checked against the registry's size and sha256.

    Raises `ModelError` for an unknown name and for a missing or damaged file.
    """
    known = registry()
    if name not in known:
        raise ModelError(f"model: expected one of {', '.join(known)}, found {name!r}")
    entry = known[name]
    path = EMBEDDED / entry.file
    cure = "install Kinograph again"
    if not path.is_file():
        raise ModelError(f"model {name}: the file {path} is missing; {cure}")
    size = path.stat().st_size
    if size != entry.bytes:
        raise ModelError(
            f"model {name}: {path} is damaged: expected {entry.bytes} bytes, found {size}; {cure}"
        )
    digest = _sha256(path, path.stat().st_mtime_ns)
    if digest != entry.sha256:
        raise ModelError(
            f"model {name}: {path} is damaged: expected sha256 {entry.sha256}, found {digest}; "
            f"{cure}"
        )
    return Model(entry, path)


@cache
def _sha256(path: Path, modified: int) -> str:
    """`modified` is part of the key, so that a file is hashed once until it changes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
