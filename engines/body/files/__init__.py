"""Files of bodies, one format per module."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ...discovery import values_of
from ...errors import InputError
from .formats.format import BodyFormat

if TYPE_CHECKING:
    from ..bodies import Bodies
    from ..rig import Rig

FORMATS: dict[str, BodyFormat] = {
    made.name: made
    for made in sorted(
        values_of(f"{__name__}.formats", "FORMAT", BodyFormat), key=lambda f: f.order
    )
}


def format_named(name: str) -> BodyFormat:
    """Return one of the `FORMATS`. Raises `InputError` for another name."""
    if name not in FORMATS:
        raise InputError(f"format: expected one of {', '.join(FORMATS)}, found {name!r}")
    return FORMATS[name]


def write_bodies(
    bodies: Bodies,
    path: Path,
    format: str,
    *,
    rig: Rig,
    fps: float,
    warn: Callable[[str], object] = warnings.warn,
) -> tuple[Path, ...]:
    """Write bodies in one of the `FORMATS`, and return the files; each appears when it is complete.

    path: of the file; a format with one person per file adds the track to the name, if there are
          several
    rig:  what `bodies.rig` names
    fps:  frames per second, above 0
    warn: called with what the format cannot hold

    Raises `InputError` for an unknown format, bodies of no frame or another rig, and where the
    format needs bodies or tracks that are not there; `MediaError` for a path that cannot be
    written. A clip that is too long for memory is written by the `Clip` of its chunks.
    """
    from .clip import Clip

    made = format_named(format)
    return made.write(Clip(lambda: iter((bodies,)), rig, fps, warn), path)


def read_bodies(path: Path) -> Bodies:
    """Read the bodies in a file that has a format of ours, recognised by its ending.

    Raises `InputError` with the place in the file, what was expected and what was found.
    """
    if not path.exists():
        raise InputError(f"{path}: there is no such file")
    found = next((f for f in FORMATS.values() if path.suffix.lower() == f.suffix), None)
    if found is None or found.read is None:
        readable = [f.suffix for f in FORMATS.values() if f.read is not None]
        raise InputError(
            f"{path}: expected a file of bodies ending in {' or '.join(readable)}, found "
            f"{path.suffix or 'no ending'}"
        )
    return found.read(path)
