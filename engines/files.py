"""Files and folders on disk: written atomically, flushed on request, and hashed as streams."""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import KinographError, MediaError


def _cannot_write(path: Path, error: OSError) -> KinographError:
    return MediaError(
        f"{path}: cannot be written ({error.strerror or error}); choose another output folder"
    )


@contextmanager
def atomic_write(
    path: Path,
    *,
    durable: bool = False,
    prefix: str = ".",
    suffix: str | None = None,
    failure: Callable[[Path, OSError], KinographError] = _cannot_write,
) -> Iterator[Path]:
    """Yield a temporary path beside `path` that replaces it on success and is deleted on error.

    durable: flush the file and its folder to the disk, so that the file survives a power cut
    prefix, suffix: of the temporary name; by default it keeps the suffix of `path`, because
             writers infer the format from it
    failure: makes the exception that is raised for an `OSError`, also for one of the body

    Raises what `failure` returns, by default a `MediaError`, if the folder cannot be created or
    the file cannot be written.
    """
    aside: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=prefix, suffix=path.suffix if suffix is None else suffix
        )
        os.close(handle)
        aside = Path(name)
        yield aside
        _apply_umask(aside, 0o666)
        if durable:
            sync_file(aside)
        aside.replace(path)
        if durable:
            sync_folder(path.parent)
    except OSError as error:
        raise failure(path, error) from error
    finally:
        if aside is not None:
            aside.unlink(missing_ok=True)


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `folder` that becomes it on success and is deleted on error.

    Raises `MediaError` if `folder` already holds files, and if it cannot be created or written.
    """
    aside: Path | None = None
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise MediaError(f"{folder}: there are files in it already; choose a new folder")
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix="."))
        yield aside
        _apply_umask(aside, 0o777)
        if folder.is_dir():
            folder.rmdir()  # it is empty; Windows does not rename onto an existing folder
        aside.rename(folder)
    except OSError as error:
        raise MediaError(f"{folder}: cannot be written ({error.strerror or error})") from error
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)


def first_there(
    name: str, folders: Iterable[Path], there: Callable[[Path], bool] = Path.exists
) -> Path | None:
    """Return `name` as a path if it exists, else its path in the first folder that contains it.

    there: the test for existence, e.g. `Path.is_file` if a folder will not do

    Return None if nothing matches, also for a name that is not a valid path.
    """
    for path in (Path(name), *(folder / name for folder in folders)) if name.strip() else ():
        with suppress(OSError, ValueError):  # the name is too long, or contains a null byte
            if there(path):
                return path
    return None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as a hexadecimal string, read in blocks of 1 MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def sync_file(path: Path) -> int:
    """Flush a written file to the disk and return its size in bytes."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
        return file.seek(0, os.SEEK_END)


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, on systems that support it."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:  # some network file systems do not support it
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(handle)


def _apply_umask(path: Path, mode: int) -> None:
    """Give a temporary file the permissions of an ordinary new one; tempfile's are private."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(mode & ~mask)
