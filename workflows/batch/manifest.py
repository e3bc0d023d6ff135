"""The manifest of a batch: what became of each input, kept whole through kills.

DIR/manifest.json is written aside and renamed; what is newer stands in DIR/manifest.journal, a line
an entry, so that a batch of many thousand inputs does not write the whole again for each.
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
from ...engines.files import written_aside

NAME = "manifest.json"
JOURNAL = "manifest.journal"
FORMAT = "kinograph batch 1"
STATUSES = ("pending", "done", "failed")


@dataclass(frozen=True)
class Output:
    """A file that was made: its path in the output folder with "/", its bytes and its sha256."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Worker:
    """Who worked on an input: host name, process id, and where its networks run."""

    host: str
    pid: int
    device: str


@dataclass(frozen=True)
class Item:
    """An input and what became of it.

    path:     absolute; folder: of its outputs, in the output folder
    attempts: begun, over all runs of the command
    size:     bytes, with mtime_ns and sha256 of the input that was worked on; 0 and "" if never
    recipe:   sha256 of the graph and its values; kinograph: the version that ran it
    seconds:  of the last attempt; frames: of the input as its file states, None if unknown
    outputs:  what is in its folder, or of a pending one may be, as a kill came while it was moved
    error:    of the last attempt, in words; "" when it is done
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


@dataclass(frozen=True)
class Header:
    """What a batch does: the graph's file and sha256, the input that takes the files, values that
    were set, frames at a time (0: all)."""

    graph: str
    graph_sha256: str
    input: str
    values: tuple[str, ...] = ()
    chunk: int = 0


class Manifest:
    """The entries of one output folder, by the path of the input, in order."""

    def __init__(self, folder: Path, header: Header, items: Iterable[Item] = ()):
        self.folder = folder
        self.header = header
        self.items = {item.path: item for item in items}
        self._saved = -1e9  # when, and how long it took: monotonic seconds
        self._cost = 0.0

    @property
    def path(self) -> Path:
        return self.folder / NAME

    def put(self, item: Item) -> None:
        """Record an entry: on disk when this returns."""
        self.items[item.path] = item
        # Rewriting the whole takes a twentieth of the time at most, however many entries there are.
        if time.monotonic() - self._saved > max(1.0, 20 * self._cost):
            self.save()
            return
        try:
            with (self.folder / JOURNAL).open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(item)) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise MediaError(f"{file_of(error)}: cannot be written ({error.strerror})") from error

    def save(self) -> None:
        """Write the whole; the journal has no more to say."""
        started = time.monotonic()
        with written_aside(self.path, durable=True) as aside:
            aside.write_text(json.dumps(self.as_dict(), indent=1) + "\n", encoding="utf-8")
        (self.folder / JOURNAL).unlink(missing_ok=True)
        self._saved = time.monotonic()
        self._cost = self._saved - started

    def as_dict(self) -> dict[str, Any]:
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
    """The manifest of an output folder with what its journal adds; None where there is none.

    Raises `InputError` for a file that is damaged or not ours.
    """
    path = folder / NAME
    cure = "remove it, or choose another --output-dir"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise InputError(f"{path}: is no manifest of kinograph batch (format {FORMAT}); {cure}")
        header = _made(Header, {k: v for k, v in data.items() if k in _names(Header)})
        items = [_made(Item, entry) for entry in data["inputs"]]
        items += _journalled(folder / JOURNAL)
        manifest = Manifest(folder, header, items)
        _check_places(manifest)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: is damaged ({error}); {cure}") from error
    return manifest


def _journalled(path: Path) -> list[Item]:
    """Entries of a journal; its last line may be cut off, by a kill."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
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
                    f"{path}: line {number} is damaged ({error}); remove the file: what it "
                    "records is made again"
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
    """A record from JSON. Raises `TypeError` or `ValueError` for what does not fit."""
    if not isinstance(data, dict):
        raise TypeError(f"expected an object, found {type(data).__name__}")
    values = dict(data)
    for field in fields(kind):
        if field.name not in values:
            continue  # the constructor says what is missing
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
    """Raise `ValueError` for an entry that leads out of its folder: what it names is removed when
    it is made again."""
    if item.status not in STATUSES:
        raise ValueError(f"status: expected one of {', '.join(STATUSES)}, found {item.status!r}")
    for name in (item.folder, *(output.path for output in item.outputs)):
        if "\0" in name:
            raise ValueError(f"expected the name of a file, found {name!r}")
        os.fsencode(name)  # its error is a ValueError, too
    if item.folder.startswith(".") or Path(item.folder).name != item.folder:
        raise ValueError(f"folder: expected a name, found {item.folder!r}")
    for output in item.outputs:
        parts = output.path.split("/")
        if parts[0] != item.folder or not set(parts).isdisjoint({"", ".", ".."}):
            raise ValueError(f"outputs: {output.path!r} is not in {item.folder}/")


def _check_places(manifest: Manifest) -> None:
    """Raise `ValueError` for two entries with one folder, `InputError` for a link on the way to
    what an entry names: it would be removed elsewhere."""
    owners: dict[str, str] = {}
    for item in manifest.items.values():
        if owners.setdefault(item.folder.casefold(), item.path) != item.path:
            raise ValueError(f"folder: {item.folder!r} is that of two inputs")
        for place in {item.folder, *(o.path.rpartition("/")[0] for o in item.outputs)}:
            way = Path(place)
            for part in (way, *way.parents):
                if part.name and (manifest.folder / part).is_symlink():
                    raise InputError(
                        f"{manifest.folder / part}: is a link, and outputs are removed and made "
                        "anew in true folders only; put the folder itself there, or choose another "
                        "--output-dir"
                    )


def file_of(error: OSError) -> str:
    """The file that an error of the system is about."""
    return str(error.filename or "a file")
