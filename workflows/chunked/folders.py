"""Folders of unfinished parts: where they lie beside the outputs, and which run they belong to."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ...engines.errors import MediaError
from ...nodes.standin.prefix import pattern_of
from ...nodes.streaming.sinks import parts_of
from .journal import NAME

_OWNER = "owner"


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
        yield from (p for p in folder.iterdir() if p.is_dir() and re.fullmatch(pattern, p.name))


def make_parts(path: Path, main: Path) -> None:
    """Make the folder for the parts of `path`.

    main: the run's first output, whose folder holds the journal; the new folder names it

    Raises `MediaError` if the folder cannot be made.
    """
    folder = parts_of(path)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix="."))
        (aside / _OWNER).write_text(str(parts_of(main)), encoding="utf-8")
        aside.rename(folder)
    except OSError as error:
        raise MediaError(
            f"{path}: cannot be written ({error.strerror}); choose another output folder"
        ) from error


def is_anothers(folder: Path) -> bool:
    """Return whether these are parts of a run whose journal lies in another folder."""
    main = _owner(folder)
    return main is not None and (main / NAME).exists()


def drop_orphan(folder: Path) -> None:
    """Remove parts of a run whose journal is gone."""
    main = _owner(folder)
    if main is not None and not (main / NAME).exists():
        shutil.rmtree(folder, ignore_errors=True)


def _owner(folder: Path) -> Path | None:
    """Return the folder with the journal of the run, None if it is this one."""
    try:
        main = Path((folder / _OWNER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return None if main == folder else main
