"""How to take back what a run in chunks has saved."""

import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ...engines.files import inside


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
