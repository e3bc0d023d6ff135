"""Files that grow, and can be cut back to what was sure of them."""

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
        self._file.write(data)

    def size(self) -> int:
        """Bytes, all of them on the disk for good."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def cut_back(self, size: int) -> None:
        """Drop what follows. Raises `GraphError` where less is there."""
        there = self._file.seek(0, os.SEEK_END)
        if there < size:
            raise GraphError(
                f"{self.path}: expected {size} bytes of the run before, found {there}; begin anew "
                "with --restart"
            )
        self._file.truncate(size)

    def close(self) -> None:
        with suppress(OSError):  # what was not written is not in the journal either
            self._file.close()
