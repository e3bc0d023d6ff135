"""Files that a graph names, in the input folders of a headless run."""

from pathlib import Path
from typing import Any

from ...engines.errors import MediaError
from ...engines.files import first_there
from ...engines.video.still_files import is_clip, is_stills, still_paths
from ...nodes.standin import host
from ..graph.decoding import short


def find(name: str, kind: str) -> Path:
    """Return a file by its path, or by its name in one of the input folders.

    kind: what it is, for the message

    Raises `MediaError` if there is none.
    """
    _check_name(name, kind)
    folders = host.settings.get().inputs
    if path := first_there(name, folders, Path.is_file):
        return path
    where = ", ".join(str(folder) for folder in folders)
    raise MediaError(f"{name}: there is no such {kind}, neither as a path nor in {where}")


def find_clip(name: str) -> Path:
    """Return a video file, a folder of pictures, or a pattern of them such as `f_%03d.png`, by its
    path or by its name in one of the input folders.

    Raises `MediaError` if there is none.
    """
    _check_name(name, "video")
    folders = host.settings.get().inputs
    if path := first_there(name, folders, is_clip):
        return path
    where = ", ".join(str(folder) for folder in folders)
    raise MediaError(f"{name}: there is no such video, neither as a path nor in {where}")


def _check_name(name: Any, kind: str) -> None:
    if not isinstance(name, str):  # null, which passes for an input that is linked
        raise MediaError(f"{kind}: expected the name of a file, found {short(name)}")


def clip_fingerprint(name: Any) -> list[Any] | float:
    """Return what changes when a clip or the way it is read does; see `fingerprint`."""
    if name is None:
        return float("nan")
    path = find_clip(str(name)).resolve()
    files = still_paths(path) if is_stills(path) else [path]
    stats = [file.stat() for file in files]
    newest = max(found.st_mtime_ns for found in stats)
    reading = repr(host.settings.get().reading)
    return [str(path), sum(found.st_size for found in stats), newest, reading]


def clip_exists(name: Any) -> bool | str:
    """Return True if there is such a clip or none is given, else why it is not found."""
    if name is None:
        return True
    try:
        find_clip(str(name))
    except MediaError as error:
        return str(error)
    return True


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
