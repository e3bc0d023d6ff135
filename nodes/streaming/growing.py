"""A file that grows, and can be cut back to the bytes that are sure to be on the disk."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from ...engines.errors import GraphError
from ...engines.files import open_regular, own

_BLOCK = 1 << 20


class Growing:
    """A file that bytes are appended to.

    Raises `OSError` for anything but a regular file under its name.
    """

    def __init__(self, path: Path):
        self.path = path
        self._digest = hashlib.sha256()
        if os.path.lexists(own(path)):
            with open_regular(path) as file:
                while block := file.read(_BLOCK):
                    self._digest.update(block)
        self._file = path.open("ab")

    def append(self, data: bytes) -> None:
        """Append `data`."""
        self._file.write(data)
        self._digest.update(data)

    @property
    def sha256(self) -> str:
        """The SHA-256 of all bytes that were appended."""
        return self._digest.hexdigest()

    def size(self) -> int:
        """Return the number of bytes, after flushing all of them to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def cut_back(self, size: int, sha256: str) -> None:
        """Drop everything after the first `size` bytes.

        Raises `GraphError` if the file is shorter, or if their SHA-256 differs.
        """
        there = self._file.seek(0, os.SEEK_END)
        if there < size:
            raise GraphError(
                f"{self.path}: expected {size} bytes of the earlier run, found {there}; start over "
                "with --restart"
            )
        self._file.truncate(size)
        self._digest = hashlib.sha256()
        with open_regular(self.path) as file:
            while block := file.read(_BLOCK):
                self._digest.update(block)
        if self.sha256 != sha256:
            raise GraphError(
                f"{self.path}: is damaged (its checksum differs); start over with --restart"
            )

    def close(self) -> None:
        """Close the file; bytes that cannot be written any more are dropped."""
        with suppress(OSError):  # what was not written is not in the journal either
            self._file.close()
