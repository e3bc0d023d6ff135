"""What nodes do with inputs of the same kind."""

from pathlib import Path
from typing import TypeVar

from ..engines.errors import InputError
from .api import host

_State = TypeVar("_State")


def own_state(state: object, kind: type[_State]) -> _State | None:
    """The state if there is one. Raises `InputError` for another node's."""
    if state is not None and not isinstance(state, kind):
        raise InputError(
            f"state: expected this node's own, from the chunk before, found a "
            f"{type(state).__name__}; connect the output of the same node"
        )
    return state


def last_change(file: str) -> float:
    """When the newest of a file, or of all in a folder and its folders, of the input folder was
    written; 0 where there is no such."""
    try:
        path: Path = host.input_path(file.strip())
    except (InputError, OSError, ValueError):
        return 0.0
    return max((p.stat().st_mtime for p in (path, *path.rglob("*"))), default=0.0)


def last_model_change(file: str) -> float:
    """When a file of the models folder was written; 0 where there is none."""
    name = file.strip().replace("\\", "/")  # as the registry reads it
    try:
        return (host.models_folder() / name).stat().st_mtime if name else 0.0
    except (OSError, ValueError):
        return 0.0
