"""What a run in chunks has saved, by its journal, and how to take that back."""

import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...engines.files import inside
from ...nodes.streaming.sinks import files_of


def published(root: Path, entry: Mapping[str, Any]) -> list[str]:
    """Return the names, in the output folder `root`, of what the run of a journal has saved.

    Not among them is what waits among the parts for its name: a file of this name is another's.

    Raises `ValueError` for a name that leads out of the output folder.
    """
    names: list[str] = []
    for id_, saved in entry["saved"].items():
        inner = entry["contents"].get(id_, [])
        path = entry["sinks"].get(id_, {}).get("path")
        parts = files_of(inside(root, path)) if path else None
        if parts is not None and entry["phase"] != "done" and not parts.parent.is_dir():
            continue  # nothing tells what is still to get its name
        if inner:
            if parts is not None and parts.is_dir():
                continue
            names += [f"{folder}/{name}" for folder in saved for name in inner]
        for i, name in enumerate(saved):
            if parts is None or not (parts / f"{i}{inside(root, name).suffix}").exists():
                names.append(name)
    for name in names:
        inside(root, name)
    return names


def take_back(root: Path, names: Iterable[str]) -> None:
    """Remove files by their names in the output folder `root`, and folders that are empty then.

    Only regular files and folders are removed, none through a link. Raises `ValueError` for a name
    that leads out of the output folder, `OSError` for a file that cannot be removed.
    """
    paths = [inside(root, name) for name in names]
    for path in sorted(paths, key=lambda path: -len(path.parts)):  # what is in a folder first
        if path.parent.resolve() != path.parent:  # through a link
            continue
        with suppress(FileNotFoundError, NotADirectoryError):
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                path.unlink()
            elif stat.S_ISDIR(mode):
                with suppress(OSError):  # there is something else in it, which stays
                    path.rmdir()
