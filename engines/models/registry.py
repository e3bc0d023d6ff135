"""The registry of models (models.yaml), typed, and the way from a name to files."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, replace
from functools import cache
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import yaml

from ..errors import ModelError
from ..files import sha256_of
from . import hub
from .entry import WEIGHTS, Asset, ModelEntry
from .families import find_family, own_families
from .folders import models_folder
from .model import Model

__all__ = ["Asset", "Model", "ModelEntry", "registry", "resolve"]

_HERE = Path(__file__).parent
EMBEDDED = _HERE / "weights"

_ASSET = tuple(field.name for field in fields(Asset) if field.name != "name")
_ENTRY = {
    f.name: f.default is MISSING for f in fields(ModelEntry) if f.name not in ("name", "files")
}
_SHARED = ("repo", "revision")  # given once for all files of a model


@cache
def registry() -> Mapping[str, ModelEntry]:
    """Return all known models by name, in the order of models.yaml."""
    return parsed((_HERE / "models.yaml").read_text(encoding="utf-8"))


def parsed(text: str) -> Mapping[str, ModelEntry]:
    """Return the models of a YAML text.

    A model with one file states the fields of its `Asset` beside its own; one with several states
    them under `files`, by the assets' names.

    Raises `ModelError` for missing and unknown fields.
    """
    entries = {}
    for name, values in yaml.safe_load(text).items():
        own = {key: value for key, value in values.items() if key in _ENTRY}
        wrong = {key for key, needed in _ENTRY.items() if needed} - set(own)
        if "files" in values:
            shared = {key: values[key] for key in _SHARED if key in values}
            files = {key: shared | file for key, file in values["files"].items()}
            wrong |= set(values) - set(_ENTRY) - {"files", *_SHARED}
        else:
            files = {WEIGHTS: {key: values[key] for key in values if key not in _ENTRY}}
        for file in files.values():
            wrong |= (set(file) - set(_ASSET)) | ({"file", "bytes", "sha256"} - set(file))
        if wrong:
            raise ModelError(f"models.yaml, {name}: missing or unknown fields {sorted(wrong)}")
        assets = tuple(Asset(name=key, **file) for key, file in files.items())
        entries[name] = ModelEntry(name=name, files=assets, **own)
    return MappingProxyType(entries)


def own(family: str, file: str) -> ModelEntry:
    """Return the entry of a user's own file in the models folder; its name is FAMILY:FILE.

    Raises `ModelError` for an unknown family, another kind of file, and a path that leaves the
    folder.
    """
    known = find_family(family)
    if known is None or not known.suffixes:
        names = ", ".join(own_families())
        raise ModelError(f"family: expected one of {names}, found {family[:60]!r}")
    path = own_path(file)
    if path.suffix not in known.suffixes:
        raise ModelError(f"file: {family} comes as {' or '.join(known.suffixes)}, found {file!r}")
    return ModelEntry(
        name=f"{family}:{path}",
        title=f"{path.name}, your own {family}",
        task=known.task,
        family=family,
        licence="as its author says",
        source="the models folder",
        recommended_size=known.recommended_size,
        files=(Asset(WEIGHTS, str(path)),),
    )


def own_path(file: str, name: str = "file") -> PurePosixPath:
    """Return the path of a user's own file relative to the models folder.

    Raises `ModelError`, which begins with `name`, for a path that leaves the folder and for what is
    no path.
    """
    if "\0" in file or any(len(part.encode(errors="replace")) > 255 for part in file.split("/")):
        raise ModelError(f"{name}: no file can have the name {file[:60]!r}")
    path = PurePosixPath(file.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in file or not file:
        raise ModelError(
            f"{name}: expected the name of a file in the models folder, found {file!r}"
        )
    return path


def find(name: str) -> ModelEntry:
    """Return the entry `name`, or that of the user's own file FAMILY:FILE.

    Raises `ModelError` for an unknown one.
    """
    family, colon, file = name.partition(":")
    if colon:
        return own(family, file)
    known = registry()
    if name not in known:
        raise ModelError(f"model: expected one of {', '.join(known)}, found {name[:60]!r}")
    return known[name]


def resolve(
    name: str,
    *,
    folder: Path | None = None,
    accept: bool = False,
    progress: hub.Progress | None = None,
) -> Model:
    """Return the model `name` with its files, checked against the registry's sizes and digests.

    folder: where downloaded models lie; None = `models_folder()`. Files that are not there are
            fetched (see `hub.fetch` for `accept` and `progress`)

    Raises `ModelError` for an unknown name, and for a file that is missing, damaged or cannot be
    fetched.
    """
    return resolved(find(name), folder, accept, progress)


def resolved(
    entry: ModelEntry,
    folder: Path | None = None,
    accept: bool = False,
    progress: hub.Progress | None = None,
) -> Model:
    """Return the model of an entry, as `resolve` does."""
    folder = folder or models_folder()
    paths = {}
    for asset, path in places(entry, folder):
        if path.is_file():
            _check(entry, asset, path)
        elif asset.fetched:
            hub.fetch(entry, asset, folder, accept=accept, progress=progress)
        elif entry.own:
            raise ModelError(f"model {entry.name}: there is no {path}; put the file there")
        else:
            raise ModelError(f"model {entry.name}: {path} is missing; install Kinograph again")
        paths[asset.name] = path
    files = tuple(_digested(asset, paths[asset.name]) for asset in entry.files)
    return Model(replace(entry, files=files), paths)


def places(entry: ModelEntry, folder: Path | None = None) -> Iterator[tuple[Asset, Path]]:
    """Yield each asset of `entry` with the path where its file belongs.

    folder: where downloaded models lie; None = `models_folder()`
    """
    for asset in entry.files:
        downloaded = entry.own or asset.fetched
        yield asset, (folder or models_folder() if downloaded else EMBEDDED) / asset.file


def _check(entry: ModelEntry, asset: Asset, path: Path) -> None:
    stat = path.stat()
    if reason := _differs(asset, path, stat.st_size, stat.st_mtime_ns):
        cure = "delete it, and it is fetched again" if asset.fetched else "install Kinograph again"
        raise ModelError(f"model {entry.name}: {path} is damaged: {reason}; {cure}")


def _digested(asset: Asset, path: Path) -> Asset:
    """Return the asset with the whole sha256 of its file, by which engines are cached."""
    return asset if len(asset.sha256) == 64 else replace(asset, sha256=digest_of(path))


def state_of(entry: ModelEntry) -> str:
    """Return where the files of `entry` are and whether they are intact, in words.

    Nothing is fetched.
    """
    states = {asset.name: _state(asset, path) for asset, path in places(entry)}
    if len(set(states.values())) == 1:
        return next(iter(states.values()))
    return "; ".join(f"{name}: {state}" for name, state in states.items())


def _state(asset: Asset, path: Path) -> str:
    if not path.is_file():
        return "fetched when first used" if asset.fetched else "missing: install Kinograph again"
    stat = path.stat()
    if reason := _differs(asset, path, stat.st_size, stat.st_mtime_ns):
        return f"damaged: {reason}"
    return "downloaded, file whole" if asset.fetched else "embedded, file whole"


def digest_of(path: Path) -> str:
    """Return the sha256 of a file, computed once until the file changes."""
    stat = path.stat()
    return _digest(path, stat.st_size, stat.st_mtime_ns)


@cache
def _digest(path: Path, size: int, modified: int) -> str:
    return sha256_of(path)


@cache
def _differs(asset: Asset, path: Path, size: int, modified: int) -> str:
    """Compare once until the file changes: its size and time are part of the key."""
    return asset.differs(path)
