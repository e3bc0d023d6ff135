"""Files that a graph names, in the input folders of a headless run."""

from pathlib import Path
from typing import Any

from ...engines.errors import MediaError
from ...engines.files import first_there
from ...nodes.standin import host


def find(name: str, kind: str) -> Path:
    """Return a file by its path, or by its name in one of the input folders.

    kind: what it is, for the message

    Raises `MediaError` if there is none.
    """
    folders = host.settings.get().inputs
    if path := first_there(name, folders, Path.is_file):
        return path
    where = ", ".join(str(folder) for folder in folders)
    raise MediaError(f"{name}: there is no such {kind}, neither as a path nor in {where}")


def fingerprint(name: Any, kind: str) -> list[Any] | float:
    """Return what changes when the file does; NaN, which never equals itself, if none is given."""
    if name is None:
        return float("nan")
    path = find(str(name), kind).resolve()
    found = path.stat()
    return [str(path), found.st_size, found.st_mtime_ns]


def exists(name: Any, kind: str) -> bool | str:
    """Return True if there is such a file or none is given, else why it is not found."""
    if name is None:
        return True
    try:
        find(str(name), kind)
    except MediaError as error:
        return str(error)
    return True
