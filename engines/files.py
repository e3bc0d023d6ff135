"""Files and folders on the disk: whole or not there, for good, and their sha256."""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import MediaError


@contextmanager
def written_aside(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Give a temporary path in the same folder; on success it becomes `path`, on error it goes.

    durable: it outlives a power cut

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
        if durable:
            sync_file(aside)
        aside.replace(path)
        if durable:
            sync_folder(path.parent)
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


def first_there(
    name: str, folders: Iterable[Path], there: Callable[[Path], bool] = Path.exists
) -> Path | None:
    """`name` as a path, or else in the first of the folders that has it; None for what cannot be a
    name, too.

    there: Path.is_file where a folder will not do
    """
    for path in (Path(name), *(folder / name for folder in folders)) if name.strip() else ():
        with suppress(OSError, ValueError):  # a name that is too long, or has a zero byte
            if there(path):
                return path
    return None


def sha256_of(path: Path) -> str:
    """Of a file of any size."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def sync_file(path: Path) -> int:
    """Bring a file that is written to the disk for good; its size."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
        return file.seek(0, os.SEEK_END)


def sync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk for good, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:  # some file systems of networks have no such thing
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(handle)


def _as_made_by_others(path: Path, mode: int) -> None:
    """Give the rights that a new file has: tempfile's are for the owner alone."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(mode & ~mask)
