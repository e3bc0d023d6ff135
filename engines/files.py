"""Files and folders that are whole or not there: written aside, then renamed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import MediaError


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder; on success it becomes `path`, on error it goes.

    The temporary name keeps the suffix, from which writers tell the format. Raises `MediaError`
    when the folder cannot be made or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    except OSError as error:
        raise MediaError(
            f"{path}: cannot be written ({error.strerror}); choose another output folder"
        ) from error
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
        _as_made_by_others(aside, 0o666)
        aside.replace(path)
    except OSError as error:
        raise MediaError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def folder_written_aside(folder: Path) -> Iterator[Path]:
    """Give a temporary folder beside; on success it becomes `folder`, on error it goes.

    Raises `MediaError` for a folder that is there already with something in it, and when it cannot
    be made or written.
    """
    aside: Path | None = None
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise MediaError(f"{folder}: there are files in it already; choose a new folder")
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix="."))
        yield aside
        _as_made_by_others(aside, 0o777)
        if folder.is_dir():
            folder.rmdir()  # empty; Windows renames onto nothing only
        aside.rename(folder)
    except OSError as error:
        raise MediaError(f"{folder}: cannot be written ({error.strerror or error})") from error
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)


def _as_made_by_others(path: Path, mode: int) -> None:
    """Give the rights that a new file has: tempfile's are for the owner alone."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(mode & ~mask)
