"""The manifest of a batch: what became of each input; it survives kills.

DIR/manifest.json is replaced atomically. Newer entries are in DIR/manifest.journal, one per line,
so that a batch of many thousand inputs does not rewrite the whole manifest for each.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ... import __version__
from ...engines.errors import InputError, MediaError
from ...engines.files import atomic_write, own, read_regular

NAME = "manifest.json"
JOURNAL = "manifest.journal"
FORMAT = "kinograph batch 1"
_LARGEST = 2**30  # bytes of a manifest: a million inputs
STATUSES = ("pending", "done", "failed")


@dataclass(frozen=True)
class Output:
    """A file that was made.

    path:   in the output folder, with "/"
    bytes:  its size
    """

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Worker:
    """Who processed an input: host name, process id, and the device of the networks."""

    host: str
    pid: int
    device: str


@dataclass(frozen=True)
class Item:
    """An input and what became of it.

    path:      absolute
    folder:    of its outputs, in the output folder
    status:    one of `STATUSES`
    attempts:  number of attempts, over all runs of the command, without those that the user stopped
    begun:     the same with those; it names the folder of the next attempt
    size, mtime_ns, sha256: of the input as it was processed; 0 and "" if it never was
    recipe:    SHA-256 of the graph and its values
    kinograph: the version that ran it
    seconds:   of the last attempt
    frames:    of the input as its file states, None if unknown
    outputs:   the files in its folder; of a pending input, files that may be there after a kill
    error:     of the last attempt, "" if it succeeded
    """

    path: str
    folder: str
    status: str = "pending"
    attempts: int = 0
    size: int = 0
    mtime_ns: int = 0
    sha256: str = ""
    recipe: str = ""
    kinograph: str = ""
    seconds: float = 0.0
    frames: int | None = None
    worker: Worker | None = None
    outputs: tuple[Output, ...] = ()
    warnings: tuple[str, ...] = ()
    error: str = ""
    begun: int = 0


@dataclass(frozen=True)
class Header:
    """What a batch does.

    graph:        the graph's file
    graph_sha256: the SHA-256 of what it computes
    input:        the input that takes the files
    values:       the values that were set
    chunk:        frames at a time; 0: all
    reading:      which part of videos is read, and at which rate; "": all
    """

    graph: str
    graph_sha256: str
    input: str
    values: tuple[str, ...] = ()
    chunk: int = 0
    reading: str = ""


class Manifest:
    """The entries of one output folder, by the path of the input, in order.

    items: change them by `put`
    """

    def __init__(self, folder: Path, header: Header, items: Iterable[Item] = ()):
        self.folder = folder
        self.header = header
        self.items = {item.path: item for item in items}
        self._saved = -1e9  # when it was saved last, monotonic seconds
        self._cost = 0.0  # seconds that this took

    @property
    def path(self) -> Path:
        """The path of the manifest's file."""
        return self.folder / NAME

    def put(self, item: Item) -> None:
        """Record an entry; it is on disk when this returns."""
        self.items[item.path] = item
        # However many entries there are, rewriting takes at most a twentieth of the time.
        if time.monotonic() - self._saved > max(1.0, 20 * self._cost):
            self.save()
            return
        try:
            with own(self.folder / JOURNAL).open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(item)) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise MediaError(f"{file_of(error)}: cannot be written ({error.strerror})") from error

    def save(self) -> None:
        """Write the manifest and remove the journal."""
        started = time.monotonic()
        with atomic_write(self.path, durable=True) as aside:
            aside.write_text(json.dumps(self.as_dict(), indent=1) + "\n", encoding="utf-8")
        (self.folder / JOURNAL).unlink(missing_ok=True)
        self._saved = time.monotonic()
        self._cost = self._saved - started

    def as_dict(self) -> dict[str, Any]:
        """Return the manifest as data for JSON."""
        statuses = [item.status for item in self.items.values()]
        return {
            "format": FORMAT,
            "kinograph": __version__,
            "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            **asdict(self.header),
            "summary": {status: statuses.count(status) for status in STATUSES},
            "inputs": [asdict(item) for item in self.items.values()],
        }


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of an output folder with the entries of its journal, or None.

    Raises `InputError` for a file that is damaged, or not a manifest of Kinograph.
    """
    path = folder / NAME
    cure = "remove it, or choose another --output-dir"
    try:
        data = json.loads(read_regular(path, _LARGEST))
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise InputError(
                f"{path}: is not a manifest of kinograph batch (format {FORMAT}); {cure}"
            )
        header = _made(Header, {k: v for k, v in data.items() if k in _names(Header)})
        items = [_made(Item, entry) for entry in data["inputs"]]
        items += _journalled(folder / JOURNAL)
        manifest = Manifest(folder, header, items)
        _check_places(manifest)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); {cure}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: is damaged ({error}); {cure}") from error
    return manifest


def _journalled(path: Path) -> list[Item]:
    """Return the entries of a journal; its last line may be truncated, by a kill."""
    try:
        lines = read_regular(path, _LARGEST).decode(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    items = []
    for number, line in enumerate(lines, 1):
        try:
            items.append(_made(Item, json.loads(line)))
        except (ValueError, TypeError, RecursionError) as error:
            if number < len(lines):
                raise InputError(
                    f"{path}: line {number} is damaged ({error}); remove the file: the inputs "
                    "that it records are processed again"
                ) from error
    return items


_TYPES: Mapping[str, Any] = {
    "str": str,
    "int": int,
    "float": (int, float),
    "int | None": (int, type(None)),
    "Worker | None": (dict, type(None)),
    "tuple[str, ...]": list,
    "tuple[Output, ...]": list,
}


def _names(kind: type[Any]) -> set[str]:
    return {field.name for field in fields(kind)}


def _made(kind: type[Any], data: Any) -> Any:
    """Return a record from JSON. Raises `TypeError` or `ValueError` for data that do not fit."""
    if not isinstance(data, dict):
        raise TypeError(f"expected an object, found {type(data).__name__}")
    values = dict(data)
    for field in fields(kind):
        if field.name not in values:
            continue  # the constructor reports what is missing
        value = values[field.name]
        if not isinstance(value, _TYPES[str(field.type)]):
            raise TypeError(f"{field.name}: expected {field.type}, found {type(value).__name__}")
        if field.name == "outputs":
            values["outputs"] = tuple(_made(Output, output) for output in value)
        elif field.name == "worker" and value is not None:
            values["worker"] = _made(Worker, value)
        elif isinstance(value, list):
            values[field.name] = tuple(str(text) for text in value)
    made = kind(**values)
    if isinstance(made, Item):
        _check(made)
    return made


def _check(item: Item) -> None:
    """Raise `ValueError` for an entry that leads out of its folder.

    The files that an entry names are removed when its input is processed again.
    """
    if item.status not in STATUSES:
        raise ValueError(f"status: expected one of {', '.join(STATUSES)}, found {item.status!r}")
    for name in (item.folder, *(output.path for output in item.outputs)):
        if "\0" in name:
            raise ValueError(f"expected the name of a file, found {name!r}")
        os.fsencode(name)  # raises a ValueError, too
    if item.folder.startswith(".") or Path(item.folder).name != item.folder:
        raise ValueError(f"folder: expected a name, found {item.folder!r}")
    for output in item.outputs:
        parts = output.path.split("/")
        if parts[0] != item.folder or not set(parts).isdisjoint({"", ".", ".."}):
            raise ValueError(f"outputs: {output.path!r} is not in {item.folder}/")


def _check_places(manifest: Manifest) -> None:
    """Check that the files of entries can be removed safely.

    Raises `ValueError` for two entries with the same folder, and `InputError` for a symbolic link
    on the path of a file, as the file would be removed elsewhere.
    """
    owners: dict[str, str] = {}
    for item in manifest.items.values():
        if owners.setdefault(item.folder.casefold(), item.path) != item.path:
            raise ValueError(f"folder: two inputs have the folder {item.folder!r}")
        for place in {item.folder, *(o.path.rpartition("/")[0] for o in item.outputs)}:
            path = Path(place)
            for part in (path, *path.parents):
                if part.name and (manifest.folder / part).is_symlink():
                    raise InputError(
                        f"{manifest.folder / part}: is a symbolic link, and outputs are "
                        "replaced in real folders only; put the folder itself there, or choose "
                        "another --output-dir"
                    )


def file_of(error: OSError) -> str:
    """Return the file that a system error is about."""
    return str(error.filename or "a file")
