"""The progress of a chunked run, written beside its output so that the run can be resumed."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ... import __version__
from ...engines.errors import GraphError
from ...engines.files import (
    atomic_write,
    first_there,
    open_regular,
    own,
    read_regular,
    remove,
    sync_folder,
)
from ...nodes.standin import host
from ..graph.decoding import decode, short
from ..graph.model import Link
from ..graph.plan import Plan

VERSION = 3
NAME = "journal.json"

_HEAD = 1 << 20  # bytes at the start of an input file that its SHA-256 is taken of
_MOST = 2**53  # of frames and of entries
_FILES = ("file", "image")  # inputs that name a file


class Journal:
    """The journal in a folder, and a lock on it.

    folder: the parts of the run's first output
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._path = folder / NAME
        self._lock = FileLock(folder / "lock")

    def acquire(self) -> bool:
        """Lock the journal, and return False if another run holds the lock.

        A killed run holds none. Raises `GraphError` for a lock that is not a file.
        """
        lock = self.folder / "lock"
        try:
            own(lock)
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        except OSError as error:
            raise GraphError(
                f"{lock}: cannot be locked ({error.strerror or error}); start over with --restart"
            ) from error
        return True

    def clear_lock(self) -> None:
        """Remove what is in the place of the lock if that is not a file."""
        lock = self.folder / "lock"
        try:
            own(lock)
        except OSError:
            with suppress(OSError):  # `acquire` will say that it is still there
                remove(lock)

    def release(self) -> None:
        """Release the lock."""
        self._lock.release()

    def write(self, entry: Mapping[str, Any]) -> None:
        """Replace the entry, after flushing the files that the new one names to the disk."""
        sync_folder(self.folder)
        whole = {"version": VERSION, "sha256": _checksum(entry), **entry}
        with atomic_write(self._path, durable=True) as aside:
            aside.write_text(json.dumps(whole) + "\n", encoding="utf-8")

    def read(self) -> dict[str, Any] | None:
        """Return the last entry, None if there is none.

        Raises `GraphError` for one that cannot be read.
        """
        try:
            entry = decode(read_regular(self._path).decode(), str(self._path))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, GraphError) as error:
            words = error.strerror if isinstance(error, OSError) else error
            raise self.damaged(words or error) from error
        if not isinstance(entry, dict) or entry.get("version") != VERSION:
            found = short(entry.get("version") if isinstance(entry, dict) else entry)
            raise GraphError(
                f"{self._path}: expected a journal of version {VERSION}, found {found}; start over "
                "with --restart"
            )
        del entry["version"]
        if entry.pop("sha256", None) != _checksum(entry):
            raise self.damaged("its checksum differs")
        try:
            _check(entry)
        except ValueError as error:
            raise self.damaged(error) from error
        return entry

    def damaged(self, why: object) -> GraphError:
        """Return the error of a journal that cannot be used."""
        return GraphError(f"{self._path}: is damaged ({why}); start over with --restart")


def _checksum(entry: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()


_FIELDS: Mapping[str, type] = {
    "identity": dict,
    "phase": str,
    "pass": int,
    "done": int,
    "total": int,
    "state": str,
    "kept": list,
    "serial": int,
    "saved": dict,
    "contents": dict,
    "sinks": dict,
}


def _check(entry: Mapping[str, Any]) -> None:
    """Raise `ValueError` for an entry whose values have wrong types, or that names files outside
    the folder of the run."""
    for name, kind in _FIELDS.items():
        value = entry.get(name)
        if type(value) is not kind:
            raise ValueError(f"{name}: expected {kind.__name__}, found {short(value)}")
        if isinstance(value, int) and not 0 <= value < _MOST:
            raise ValueError(f"{name}: expected a whole number from 0, found {short(value)}")
    if entry["phase"] not in ("running", "finishing", "done"):
        raise ValueError(f"phase: found {short(entry['phase'])}")
    for name in (entry["state"], *entry["kept"]):
        if name and not (isinstance(name, str) and re.fullmatch(r"(results_)?\d+\.state", name)):
            raise ValueError(f"state: expected the name of a state, found {short(name)}")
    for id_, sink in entry["sinks"].items():
        if (
            not isinstance(sink, dict)
            or not isinstance(sink.get("path"), str)
            or not isinstance(sink.get("mark"), dict)
        ):
            raise ValueError(f"sinks: {short(id_)}: found {short(sink)}")
    for field in ("saved", "contents"):
        for id_, names in entry[field].items():
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise ValueError(f"{field}: {short(id_)}: expected names, found {short(names)}")
    _check_identity(entry["identity"])


def _check_identity(identity: Mapping[str, Any]) -> None:
    for part, needed in (("nodes", {"class": str, "inputs": dict}), ("files", {"path": str})):
        entries = identity.get(part)
        if not isinstance(entries, dict):
            raise ValueError(f"identity: {part}: expected dict, found {short(entries)}")
        for id_, one in entries.items():
            wrong = not isinstance(one, dict) or any(
                not isinstance(one.get(name), kind) for name, kind in needed.items()
            )
            if wrong:
                raise ValueError(f"identity: {short(id_)}: found {short(one)}")


def identity(plan: Plan, settings: host.Settings) -> dict[str, Any]:
    """Return what identifies a run: the graph with its values, the files that it reads, the device,
    and Kinograph's version."""
    nodes = {
        id_: {
            "class": plan.graph.nodes[id_].class_type,
            "inputs": {
                name: [value.node, value.slot] if isinstance(value, Link) else value
                for name, value in plan.values[id_].items()
            },
        }
        for id_ in plan.order
    }
    files = {
        f"{id_}.{name}": _file(path)
        for id_ in plan.order
        for name, value in plan.values[id_].items()
        if name in _FILES and isinstance(value, str) and (path := _found(value, settings))
    }
    return {
        "kinograph": __version__,
        "device": settings.device,
        "reading": str(settings.reading),
        "nodes": nodes,
        "files": files,
    }


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield the differences between two identities, in words."""
    for name, title in (("kinograph", "Kinograph's version"), ("device", "the device")):
        if before.get(name) != now[name]:
            yield f"{title} was {before.get(name)}, is {now[name]}"
    if (was := before.get("reading", "")) != now["reading"]:
        yield f"videos were read {was or 'whole'}, are read {now['reading'] or 'whole'}"
    one, other = before.get("nodes", {}), now["nodes"]
    for id_ in sorted({*one, *other}):
        if id_ not in one or id_ not in other:
            yield f"node {id_} is {'new' if id_ in other else 'gone'}"
        elif one[id_]["class"] != other[id_]["class"]:
            yield f"node {id_} was {one[id_]['class']}, is {other[id_]['class']}"
        else:
            yield from _inputs(id_, one[id_], other[id_])
    for place, file in now["files"].items():
        old = before.get("files", {}).get(place)
        if old is None or old["path"] != file["path"]:
            continue  # another name; the graph has said it, or the same in another folder
        if old != file:
            yield f"{file['path']} has changed since"
    for place, old in before.get("files", {}).items():
        file = now["files"].get(place)
        if file is None or old["path"] != file["path"]:
            yield f"{place} was {old['path']}, is {file['path'] if file else 'no file'}"


def _inputs(id_: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    before, now = one["inputs"], json.loads(json.dumps(other["inputs"]))
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            yield (
                f"node {id_} ({one['class']}): {name} was {short(before.get(name))}, is "
                f"{short(now.get(name))}"
            )


def _found(name: str, settings: host.Settings) -> Path | None:
    path = first_there(name.strip(), settings.inputs)
    return path.resolve() if path else None


def _file(path: Path) -> dict[str, Any]:
    """Return what changes when a file, or a file in a folder, changes.

    Raises `GraphError` for what cannot be read.
    """
    try:
        return _state_of(path)
    except OSError as error:
        raise GraphError(f"{path}: cannot be read ({error.strerror or error})") from error


def _state_of(path: Path) -> dict[str, Any]:
    if path.is_dir():
        files = sorted((p for p in path.rglob("*") if p.is_file()), key=str)
        digest = hashlib.sha256()
        for one in files:
            stat = one.stat()
            digest.update(f"{one.relative_to(path)} {stat.st_size} {stat.st_mtime_ns}\n".encode())
        return {"path": str(path), "size": len(files), "changed": 0, "head": digest.hexdigest()}
    stat = path.stat()
    with open_regular(path) as file:
        head = hashlib.sha256(file.read(_HEAD)).hexdigest()
    return {"path": str(path), "size": stat.st_size, "changed": stat.st_mtime_ns, "head": head}
