"""What tells whether an input has changed: a file, or the pictures that are one clip."""

import hashlib
from pathlib import Path

from ...engines.errors import MediaError
from ...engines.files import sha256_of
from ...engines.video.still_files import is_stills, still_paths


def files_of(path: Path) -> list[Path]:
    """Return the file, or the pictures of a folder or a pattern, in order.

    Raises `MediaError` for a folder or a pattern without any, or with a gap.
    """
    return still_paths(path) if is_stills(path) else [path]


def stat_of(path: Path) -> tuple[int, int]:
    """Return size in bytes and modification time in ns, of pictures their sum and the latest; zeros
    if there is no such input."""
    try:
        return checked_stat(path)
    except (OSError, MediaError):
        return 0, 0


def checked_stat(path: Path) -> tuple[int, int]:
    """Return the same. Raises `OSError` and `MediaError` if it cannot be found out."""
    found = [file.stat() for file in files_of(path)]
    return sum(one.st_size for one in found), max(one.st_mtime_ns for one in found)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, or that of the names and digests of pictures.

    Raises `OSError` and `MediaError` if they cannot be read.
    """
    if not is_stills(path):
        return sha256_of(path)
    digest = hashlib.sha256()
    for file in files_of(path):
        digest.update(f"{sha256_of(file)} {file.name}\n".encode())
    return digest.hexdigest()
