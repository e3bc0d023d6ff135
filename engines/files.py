"""Files and folders on disk: opened only if regular, written atomically, flushed and hashed."""

import errno
import hashlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from .errors import KinographError, MediaError

if sys.platform != "win32":
    import fcntl

TEMPORARY = ".kinograph-"
"""Prefix of files that are being written."""

MAX_TEXT = 64 * 2**20
"""Bytes of the largest sidecar, journal or manifest that is read."""


def open_regular(path: Path, limit: int | None = None) -> BinaryIO:
    """Open a regular file for reading; a pipe or a device is never waited for.

    limit: bytes that the file may have at most

    Raises `OSError`, whose `strerror` says why, for what is not a regular file, for a larger one,
    and for a name that no file can have.
    """
    _check_regular(path, _nameable(path).stat(), limit)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    try:  # another file may have taken the name since
        _check_regular(path, os.fstat(file.fileno()), limit)
    except OSError:
        file.close()
        raise
    return file


def read_regular(path: Path, limit: int = MAX_TEXT) -> bytes:
    """Return the content of a regular file of at most `limit` bytes.

    Raises `OSError` as `open_regular` does.
    """
    with open_regular(path, limit) as file:
        return file.read(limit)


def check_regular(path: Path, limit: int | None = None) -> None:
    """Raise `OSError` as `open_regular` does, before a library opens the file by its name."""
    open_regular(path, limit).close()


def inside(folder: Path, name: str) -> Path:
    """Return the path of `name`, which may contain "/", in `folder`.

    Raises `ValueError` for a name that could lead out of the folder, also through a link.
    """
    parts = PurePosixPath(name).parts
    plain = "\0" not in name and "\\" not in name and not PurePosixPath(name).is_absolute()
    fits = all(_fits(part) for part in parts)
    if not parts or not plain or not fits or ".." in parts or ":" in parts[0]:
        raise ValueError(f"expected the name of a file in {folder}, found {name[:100]!r}")
    path = folder / name
    try:
        if path.parent.resolve().is_relative_to(folder.resolve()):
            return path
    except (OSError, RuntimeError) as error:  # a name that is too long, a loop of links
        raise ValueError(f"{name[:100]!r} is not the name of a file ({error})") from error
    raise ValueError(f"{name[:100]!r} leads out of {folder}")


def _fits(name: str) -> bool:
    """Return whether a file system can have the name; most take 255 bytes."""
    try:
        return len(os.fsencode(name)) <= 255
    except UnicodeEncodeError:
        return False


def _nameable(path: Path) -> Path:
    """Return the path. Raises `OSError` for one that the system cannot have, such as one with a
    null byte."""
    try:
        if b"\0" not in os.fsencode(path):
            return path
    except UnicodeEncodeError:
        pass
    raise OSError(errno.EINVAL, "no file can have this name", ascii(str(path))[:200])


_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISLNK, "a link"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def _check_regular(path: Path, found: os.stat_result, limit: int | None) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = next((name for test, name in _KINDS if test(found.st_mode)), "something else")
        raise OSError(errno.EINVAL, f"expected a regular file, found {kind}", str(path))
    if limit is not None and found.st_size > limit:
        words = f"expected at most {limit:,} bytes, found {found.st_size:,}"
        raise OSError(errno.EFBIG, words, str(path))


def why_not_written(path: Path, error: OSError) -> str:
    """Return why a file could not be written, in the system's words.

    A disk that has room but no inodes for more files is said to be full by the system; here it is
    told apart.
    """
    if error.errno == errno.ENOSPC and hasattr(os, "statvfs"):
        with suppress(OSError):
            disk = os.statvfs(path.parent)
            if disk.f_files and not disk.f_favail:
                return "no inodes are left on its disk: delete files there"
    return error.strerror or str(error)


def _cannot_write(path: Path, error: OSError) -> KinographError:
    return MediaError(
        f"{path}: cannot be written ({why_not_written(path, error)}); choose another output folder"
    )


@contextmanager
def atomic_write(
    path: Path,
    *,
    durable: bool = False,
    prefix: str = TEMPORARY,
    suffix: str | None = None,
    folder: Path | None = None,
    failure: Callable[[Path, OSError], KinographError] = _cannot_write,
) -> Iterator[Path]:
    """Yield a temporary path beside `path` that replaces it on success and is deleted on error.

    durable: flush the file and its folder to the disk, so that the file survives a power cut
    prefix, suffix: of the temporary name; by default it keeps the suffix of `path`, because
             writers infer the format from it
    folder:  of the temporary file, on the same disk; by default that of `path`
    failure: makes the exception that is raised for an `OSError`, including one from the body

    Files that killed processes left in the folder under this prefix are removed.

    Raises what `failure` returns, by default a `MediaError`, if the folder cannot be created or
    the file cannot be written.
    """
    aside: Path | None = None
    handle: int | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        where = folder or path.parent
        drop_abandoned(where, prefix)
        handle, aside = _temporary_file(where, prefix, path.suffix if suffix is None else suffix)
        if sys.platform == "win32":  # it cannot replace an open file
            os.close(handle)
            handle = None
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
        if handle is not None:
            os.close(handle)


def abandoned(folder: Path, prefix: str = TEMPORARY) -> list[Path]:
    """Return the temporary files and folders in `folder` whose processes are gone.

    A process locks what it writes, and the system releases the lock when the process ends; files
    whose names begin with the locked name belong to it, too. Where locks are not supported, nothing
    is returned.
    """
    there = _temporary(folder, prefix)
    unlocked = [path for path in there if _if_unlocked(path, lambda path: None)]
    used = tuple(path.name for path in there if path not in unlocked)
    return [path for path in unlocked if not (used and path.name.startswith(used))]


def drop_abandoned(folder: Path, prefix: str = TEMPORARY) -> None:
    """Remove the temporary files and folders in `folder` whose processes are gone."""
    for path in abandoned(folder, prefix):
        _if_unlocked(path, remove)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it, if it is there.

    What a link leads to stays. Raises `OSError` for what cannot be removed.
    """
    with suppress(FileNotFoundError):  # another process may be faster
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def own(path: Path) -> Path:
    """Return the path of a file that is to be written in place and may exist already.

    Raises `OSError` for anything but a regular file, which could block, and for a link, through
    which another file would be changed.
    """
    with suppress(FileNotFoundError):
        _check_regular(path, _nameable(path).lstat(), None)
    return path


def _temporary(folder: Path, prefix: str) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.name.startswith(prefix))
    except OSError:  # a folder that cannot be read has nothing to remove
        return []


def _if_unlocked(path: Path, action: Callable[[Path], None]) -> bool:
    """Lock a file or folder, call `action` while it is locked, and return whether this was done."""
    if sys.platform == "win32":
        return False
    try:
        mode = path.lstat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            return False
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:  # it has gone, or is someone else's
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        action(path)
    except OSError:  # it is being written, or cannot be removed
        return False
    finally:
        os.close(handle)
    return True


def _temporary_file(folder: Path, prefix: str, suffix: str) -> tuple[int, Path]:
    """Create and lock a temporary file; return its handle and its path."""
    while True:
        handle, name = tempfile.mkstemp(dir=folder, prefix=prefix, suffix=suffix)
        if _locked(handle, name):
            return handle, Path(name)


def _locked(handle: int, name: str) -> bool:
    """Lock a new temporary file or folder; return False, and close it, if another process took it
    for abandoned before and removed it."""
    if sys.platform != "win32":
        with suppress(OSError):  # some network file systems have no locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        if not Path(name).exists():
            os.close(handle)
            return False
    return True


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `folder` that becomes it on success and is deleted on error.

    Raises `MediaError` if `folder` already holds files, and if it cannot be created or written.
    """
    aside: Path | None = None
    handle: int | None = None
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise MediaError(f"{folder}: there are files in it already; choose a new folder")
        folder.parent.mkdir(parents=True, exist_ok=True)
        drop_abandoned(folder.parent)
        handle, aside = _temporary_folder(folder.parent)
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
        if handle is not None:
            os.close(handle)


def _temporary_folder(folder: Path) -> tuple[int | None, Path]:
    """Create and lock a temporary folder; return its handle, if it has one, and its path."""
    while True:
        name = tempfile.mkdtemp(dir=folder, prefix=TEMPORARY)
        if sys.platform == "win32":
            return None, Path(name)
        try:
            handle = os.open(name, os.O_RDONLY)
        except FileNotFoundError:  # another process took it for abandoned
            continue
        if _locked(handle, name):
            return handle, Path(name)


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
    """Return the SHA-256 of a regular file as a hexadecimal string, read in blocks of 1 MiB."""
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def size_of(path: Path) -> int:
    """Return the size of a file in bytes, 0 if there is none."""
    try:
        return path.lstat().st_size
    except OSError:
        return 0


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
