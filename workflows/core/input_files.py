"""Files that a graph names, in the input folders of a headless run."""

from pathlib import Path
from typing import Any

from ...engines.errors import MediaError
from ...engines.files import first_there
from ...nodes.standin import host


def find(name: str, kind: str) -> Path:
    """A file by its path, or by its name in one of the input folders."""
    folders = host.settings.get().inputs
    if path := first_there(name, folders, Path.is_file):
        return path
    where = ", ".join(str(folder) for folder in folders)
    raise MediaError(f"{name}: there is no such {kind}, neither as a path nor in {where}")


def fingerprint(name: Any, kind: str) -> list[Any] | float:
    """What tells a file from another under the same name; NaN, so always new, where none is."""
    if name is None:
        return float("nan")
    path = find(str(name), kind).resolve()
    found = path.stat()
    return [str(path), found.st_size, found.st_mtime_ns]


def exists(name: Any, kind: str) -> bool | str:
    """Return whether there is such a file, or a message that says where there is none."""
    if name is None:
        return True
    try:
        find(str(name), kind)
    except MediaError as error:
        return str(error)
    return True
