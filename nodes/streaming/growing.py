"""A file that grows, and can be cut back to the bytes that are sure to be on the disk."""

import os
from contextlib import suppress
from pathlib import Path

from ...engines.errors import GraphError


class Growing:
    """A file that bytes are appended to."""

    def __init__(self, path: Path):
        self.path = path
        self._file = path.open("ab")

    def append(self, data: bytes) -> None:
        """Write `data` behind what is there."""
        self._file.write(data)

    def size(self) -> int:
        """Return the number of bytes, after flushing all of them to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def cut_back(self, size: int) -> None:
        """Drop everything after the first `size` bytes.

        Raises `GraphError` if the file is shorter.
        """
        there = self._file.seek(0, os.SEEK_END)
        if there < size:
            raise GraphError(
                f"{self.path}: expected {size} bytes of the earlier run, found {there}; start over "
                "with --restart"
            )
        self._file.truncate(size)

    def close(self) -> None:
        """Close the file; bytes that cannot be written any more are dropped."""
        with suppress(OSError):  # what was not written is not in the journal either
            self._file.close()
