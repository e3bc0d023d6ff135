"""The registry of models (models.yaml), typed, and the way from a name to a file."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from functools import cache
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import yaml

from ..errors import ModelError
from ..files import sha256_of
from . import hub
from .entry import ModelEntry
from .folders import models_folder

__all__ = ["Model", "ModelEntry", "registry", "resolve"]

_HERE = Path(__file__).parent
EMBEDDED = _HERE / "weights"


VARIANT = ("updates", "both", "warm")  # fields of a model by which its networks differ


@dataclass(frozen=True)
class Model:
    """A model whose file is at hand and whole; what travels on a KINO_MODEL socket.

    updates, both, warm: what is fixed when a network of flow is built, see `flow.raft`; 0 = its own
    """

    entry: ModelEntry
    path: Path
    updates: int = 0
    both: bool = False
    warm: bool = False

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def variant(self) -> dict[str, int]:
        """Which of its settings are not its own, by name."""
        return {name: value for name in VARIANT if (value := getattr(self, name))}


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


# What a user's own weights are trained for: family -> file's suffixes, longer side of the input.
OWN_FAMILIES = {
    "yolo_nas_pose": (".onnx", 640),
    "rtmo": (".onnx", 640),
    "yolox": (".onnx", 640),
    "rtmpose": (".onnx", 256),
    "rtmpose_wholebody": (".onnx", 384),
    "dwpose": (".onnx", 384),
    "vitpose_base_simple": (".safetensors", 256),
    "vitpose_base": (".safetensors", 256),
    "vitpose_plus_small": (".safetensors", 256),
    "vitpose_plus_base": (".safetensors", 256),
    "vitpose_plus_large": (".safetensors", 256),
    "vitpose_plus_huge": (".safetensors", 256),
}
OWN_FLOW_FAMILIES = {
    "raft_small": (".pth .safetensors", 640),
    "raft_large": (".pth .safetensors", 640),
    "neuflow_v2": (".pth .safetensors", 768),
    "spynet": (".pth .safetensors", 384),
}


def own(family: str, file: str) -> ModelEntry:
    """The entry of a user's own file in the models folder; its name is FAMILY:FILE.

    Raises `ModelError` for an unknown family, another kind of file, and a path out of the folder.
    """
    families = OWN_FAMILIES | OWN_FLOW_FAMILIES
    if family not in families:
        raise ModelError(f"family: expected one of {', '.join(families)}, found {family!r}")
    suffixes, size = families[family]
    path = PurePosixPath(file.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in file or not file:
        raise ModelError(f"file: expected the name of a file in the models folder, found {file!r}")
    if path.suffix not in suffixes.split():
        raise ModelError(f"file: {family} comes as {suffixes}, found {file!r}")
    return ModelEntry(
        name=f"{family}:{path}",
        title=f"{path.name}, your own {family}",
        task="pose" if family in OWN_FAMILIES else "flow",
        family=family,
        licence="as its author says",
        source="the models folder",
        file=str(path),
        bytes=0,
        sha256="",
        recommended_size=size,
    )


def find(name: str) -> ModelEntry:
    """The entry `name`, or of the user's own file FAMILY:FILE.

    Raises `ModelError` for an unknown one.
    """
    family, colon, file = name.partition(":")
    if colon:
        return own(family, file)
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
    if entry.own:
        path = (folder or models_folder()) / entry.file
        if not path.is_file():
            raise ModelError(f"model {entry.name}: there is no {path}; put the file there")
        return _known(entry, path)
    path = EMBEDDED / entry.file if entry.embedded else (folder or models_folder()) / entry.file
    cure = "install Kinograph again" if entry.embedded else "delete it, and it is fetched again"
    if not path.is_file():
        if entry.embedded:
            raise ModelError(f"model {entry.name}: the file {path} is missing; {cure}")
        return _known(entry, hub.fetch(entry, path.parent, accept=accept, progress=progress))
    stat = path.stat()
    if reason := _differs(entry, path, stat.st_size, stat.st_mtime_ns):
        raise ModelError(f"model {entry.name}: {path} is damaged: {reason}; {cure}")
    return _known(entry, path)


def _known(entry: ModelEntry, path: Path) -> Model:
    """The model with the sha256 of its file, by which its engines are found."""
    whole = len(entry.sha256) == 64
    return Model(entry if whole else replace(entry, sha256=digest_of(path)), path)


def state_of(entry: ModelEntry) -> str:
    """Where the file of `entry` is and whether it is whole, in words; fetches nothing."""
    path = (EMBEDDED if entry.embedded else models_folder()) / entry.file
    if not path.is_file():
        return "missing: install Kinograph again" if entry.embedded else "fetched when first used"
    stat = path.stat()
    if reason := _differs(entry, path, stat.st_size, stat.st_mtime_ns):
        return f"damaged: {reason}"
    return "embedded, file whole" if entry.embedded else "downloaded, file whole"


def digest_of(path: Path) -> str:
    """sha256 of a file, computed once until it changes."""
    stat = path.stat()
    return _digest(path, stat.st_size, stat.st_mtime_ns)


@cache
def _digest(path: Path, size: int, modified: int) -> str:
    return sha256_of(path)


@cache
def _differs(entry: ModelEntry, path: Path, size: int, modified: int) -> str:
    """Size and time are part of the key, so that a file is hashed once until it changes."""
    return entry.differs(path)
