"""Folders of unfinished parts: where they lie beside the outputs, and which run they belong to."""

import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from ...engines.errors import MediaError
from ...engines.files import atomic_folder, read_regular
from ...nodes.standin.prefix import pattern_of
from ...nodes.streaming.sinks import parts_of
from .journal import NAME

_OWNER = "owner"
_LONGEST = 8192  # bytes of a path


def unfinished(output: Path, prefix: str, suffix: str) -> list[Path]:
    """Return the folders of parts under a prefix, whatever time was filled into it, by name."""
    parents = [output.resolve()]
    for part in Path(prefix).parent.parts:
        if "%" in part:
            parents = [p for folder in parents for p in _matching(folder, pattern_of(part))]
        else:  # may be ".."
            parents = [folder / part for folder in parents]
    name = rf"{pattern_of(Path(prefix).name)}_\d{{5,}}_{re.escape(suffix)}\.parts"
    return sorted(path.resolve() for folder in parents for path in _matching(folder, name))


def _matching(folder: Path, pattern: str) -> Iterator[Path]:
    if folder.is_dir():
        # a link to a folder is not ours: what it leads to would be removed
        yield from (
            p
            for p in folder.iterdir()
            if p.is_dir() and not p.is_symlink() and re.fullmatch(pattern, p.name)
        )


def make_parts(path: Path, main: Path) -> None:
    """Make the folder for the parts of `path`.

    main: the run's first output, whose folder holds the journal; the new folder names it

    Raises `MediaError` if the folder cannot be made.
    """
    folder = parts_of(path)
    try:
        with atomic_folder(folder) as aside:
            (aside / _OWNER).write_text(str(parts_of(main)), encoding="utf-8")
    except MediaError as error:
        raise MediaError(f"{error}; choose another output folder") from error


def is_anothers(folder: Path) -> bool:
    """Return whether these are parts of a run whose journal lies in another folder."""
    main = _owner(folder)
    return main is not None and (main / NAME).exists()


def belongs_to(folder: Path, main: Path) -> bool:
    """Return whether these are parts of the run whose journal lies in `main`."""
    return not folder.is_symlink() and _owner(folder) == main


def check_plain(folder: Path) -> None:
    """Raise `ValueError` for anything but files and folders among parts, e.g. a link, through which
    another file would be changed."""
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise ValueError(f"{path}: expected a file")


def drop_orphan(folder: Path) -> None:
    """Remove parts of a run whose journal is gone."""
    main = _owner(folder)
    if main is not None and not (main / NAME).exists():
        shutil.rmtree(folder, ignore_errors=True)


def _owner(folder: Path) -> Path | None:
    """Return the folder with the journal of the run, None if it is this one."""
    try:
        main = Path(read_regular(folder / _OWNER, _LONGEST).decode())
        (main / NAME).exists()  # raises for a name that no file can have
    except (OSError, ValueError):
        return None
    return None if main == folder else main
