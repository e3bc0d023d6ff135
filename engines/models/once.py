"""What is read from a file, once until the file changes."""

from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import TypeVar

from ..errors import ModelError

_Found = TypeVar("_Found")


def once(read: Callable[[Path], _Found]) -> Callable[[Path], _Found]:
    """Return a function of a file that is computed once until the file changes.

    It raises `ModelError` for a file that is not there.
    """

    @cache
    def remembered(path: Path, size: int, modified: int) -> _Found:
        return read(path)

    @wraps(read)
    def found(path: Path) -> _Found:
        try:
            stat = path.stat()
        except OSError as error:
            raise ModelError(f"{path}: cannot be read as weights: {error}") from error
        return remembered(path, stat.st_size, stat.st_mtime_ns)

    return found
