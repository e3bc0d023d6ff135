"""Nodes that save or show, fed chunk by chunk.

What is written lies in a separate folder beside the file, NAME.parts, until it is complete.
`mark` says how much is safely on the disk, and `resume` returns to that.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...engines.errors import GraphError, InputError
from ...engines.files import sha256_of, sync_file
from ...engines.words import counted
from .growing import Growing

Values = Mapping[str, Any]

_SUMS = 2**256  # checksums of files are added modulo this


def parts_of(path: Path) -> Path:
    """Return the folder for the unfinished parts of an output."""
    return path.with_name(f"{path.name}.parts")


def names_in(folder: Path) -> list[str]:
    """Return the names of the files and folders below a folder, with "/"."""
    return [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*"))]


def files_of(path: Path) -> Path:
    """Return the folder of the files that get their names, or a folder's name, at the end.

    Those that become files of their own are in it by their place, e.g. 0.png; while they are there,
    what has their names is another's.
    """
    return parts_of(path) / "files"


class Sink:
    """Counts what comes, and writes nothing; the base of sinks that write.

    path:    what appears when everything is there; None if nothing does
    format:  as the node's input chooses it; "" if the node has one format only
    carried: metadata for pictures and videos
    rows:    of a sink that only shows, the inputs that it may show, the first that comes
    """

    def __init__(
        self,
        path: Path | None = None,
        format: str = "",
        carried: Mapping[str, str] | None = None,
        rows: tuple[str, ...] = (),
    ):
        self._path = path
        self._rows = rows
        self.format = format
        self.carried = dict(carried or {})
        self.frame_count = 0
        self.text = ""

    @property
    def path(self) -> Path:
        """What appears when everything is there; only sinks that write have it."""
        assert self._path is not None
        return self._path

    @property
    def saves(self) -> bool:
        """Whether it writes anything."""
        return self._path is not None

    @property
    def parts(self) -> Path:
        """The folder for the unfinished parts."""
        return parts_of(self.path)

    def write(self, values: Values) -> None:
        """Take the next frames, among the inputs of the node."""
        from torch import Tensor

        from ...engines.sequence import frame_count

        chunk = next(values[name] for name in self._rows if values.get(name) is not None)
        self.frame_count += frame_count(chunk)
        size = f" of {chunk.shape[2]}x{chunk.shape[1]}" if isinstance(chunk, Tensor) else ""
        self.text = counted(self.frame_count, "image" if size else "frame") + size

    def mark(self) -> dict[str, Any]:
        """Return the progress as JSON, after flushing everything up to there to the disk."""
        return {"frames": self.frame_count, "text": self.text}

    def settle(self) -> None:
        """Drop what only the mark before the last needed."""

    def resume(self, mark: Mapping[str, Any]) -> None:
        """Return to a mark.

        Raises `GraphError` if less than that is on the disk or it is damaged; `ValueError` and its
        like for a mark that no sink has made.
        """
        frames, text = mark["frames"], mark["text"]
        if type(frames) is not int or frames < 0 or not isinstance(text, str):
            raise ValueError(f"expected a number of frames, found {str(frames)[:60]}")
        self.frame_count, self.text = frames, text

    def prepare(self) -> None:
        """Decide what `finish` will do; the mark after this is the last."""

    def appearing(self) -> tuple[Path, ...]:
        """Return what `finish` will make appear."""
        return (self.path,)

    def contents(self) -> list[str]:
        """Return the names of what will be in it, if it is a folder."""
        return []

    def finish(self) -> tuple[Path, ...]:
        """Make the files appear, and return them; may be called again after an interruption."""
        return ()

    def close(self) -> None:
        """Close open files."""


class GrowingFiles(Sink):
    """A sink with files that grow, by name."""

    def __init__(
        self, path: Path | None = None, format: str = "", carried: Mapping[str, str] | None = None
    ):
        super().__init__(path, format, carried)
        self._growing: dict[str, Growing] = {}

    def growing(self, name: str) -> Growing:
        """Return the growing file of this name, opened on first use."""
        if name not in self._growing:
            self._growing[name] = Growing(self.parts / name)
        return self._growing[name]

    def mark(self) -> dict[str, Any]:
        sizes = {name: [file.size(), file.sha256] for name, file in self._growing.items()}
        return {**super().mark(), "sizes": sizes}

    def resume(self, mark: Mapping[str, Any]) -> None:
        super().resume(mark)
        for path in self.parts.iterdir():
            if path.suffix == ".part" and path.name not in mark["sizes"]:
                path.unlink()
        for name, (size, sha256) in mark["sizes"].items():
            if not re.fullmatch(r"\w+\.part", name):
                raise ValueError(f"expected the name of a part, found {name[:60]!r}")
            self.growing(name).cut_back(size, sha256)

    def close(self) -> None:
        for file in self._growing.values():
            file.close()
        self._growing.clear()


class Folder(Sink):
    """Numbered files in a folder, which gets its name when `finish` is called."""

    def __init__(
        self, path: Path | None = None, format: str = "", carried: Mapping[str, str] | None = None
    ):
        super().__init__(path, format, carried)
        self.unsynced: list[Path] = []  # files that are not yet flushed to the disk
        self._checksum = 0  # of all files that are; the sum of theirs, in any order

    @property
    def folder(self) -> Path:
        """The folder while it grows."""
        return files_of(self.path)

    @property
    def kept(self) -> int:
        """How many numbers are in use."""
        return self.frame_count

    def mark(self) -> dict[str, Any]:
        for path in self.unsynced:
            sync_file(path)
            self._checksum = (self._checksum + self._checksum_of(path)) % _SUMS
        self.unsynced = []
        return {**super().mark(), "checksum": f"{self._checksum:x}"}

    def _checksum_of(self, path: Path) -> int:
        name = path.relative_to(self.folder).as_posix()
        return int(hashlib.sha256(f"{name} {sha256_of(path)}".encode()).hexdigest(), 16)

    def resume(self, mark: Mapping[str, Any]) -> None:
        super().resume(mark)
        for path in self.folder.rglob("*"):
            number = re.search(r"(\d+)(?:_keypoints)?\.\w+$", path.name)
            if number and int(number[1]) >= self.kept:
                path.unlink()
            elif number:
                self._checksum = (self._checksum + self._checksum_of(path)) % _SUMS
        renamed = not self.folder.exists() and self.path.is_dir()  # by `finish`
        if not renamed and f"{self._checksum:x}" != mark["checksum"]:
            raise GraphError(
                f"{self.folder}: a file of the earlier run is damaged or gone; start over with "
                "--restart"
            )

    def contents(self) -> list[str]:
        return names_in(self.folder)

    def finish(self) -> tuple[Path, ...]:
        if self.folder.is_dir():
            if not any(self.folder.iterdir()):
                raise InputError(f"{self.path}: there is nothing to save")
            self.folder.rename(self.path)
        self.text = str(self.path)
        return (self.path,)
