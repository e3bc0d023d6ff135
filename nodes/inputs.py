"""Checks of inputs that several nodes have."""

from pathlib import Path
from typing import TypeVar

from ..engines.errors import InputError
from ..engines.video.still_files import is_clip
from .api import host

_State = TypeVar("_State")


def own_state(state: object, kind: type[_State]) -> _State | None:
    """Return the state, if any. Raises `InputError` for the state of another node."""
    if state is not None and not isinstance(state, kind):
        raise InputError(
            f"state: expected the state of the same node after the previous chunk, found a "
            f"{type(state).__name__}; connect the state output of the same node"
        )
    return state


def clip_path(name: str) -> Path:
    """Return a video, a folder of pictures, or a pattern of them in the input folder.

    Raises `InputError` if there is none.
    """
    name = name.strip()
    if not name:
        raise InputError(
            "file: is empty; give the name of a video or of a folder of pictures in the input "
            "folder"
        )
    return host.input_path(name, is_clip)


def last_change(file: str) -> float:
    """Return when a file of the input folder, or the newest file in a folder of it or beside a
    pattern, was written; 0 if there is none."""
    try:
        path = clip_path(file)
    except (InputError, OSError, ValueError):
        return 0.0
    if not path.exists():  # a pattern
        path = path.parent
    return max((p.stat().st_mtime for p in (path, *path.rglob("*"))), default=0.0)


def last_model_change(file: str) -> float:
    """Return when a file of the models folder was written; 0 if there is none."""
    name = file.strip().replace("\\", "/")  # as the registry reads it
    try:
        return (host.models_folder() / name).stat().st_mtime if name else 0.0
    except (OSError, ValueError):
        return 0.0
