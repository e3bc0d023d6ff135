"""Files of heads, one format per module."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...discovery import one_of, ordered_values_of
from ...errors import InputError
from ...files import atomic_write
from .formats.format import HeadFormat

if TYPE_CHECKING:
    from ..heads import Heads

FORMATS = ordered_values_of(f"{__name__}.formats", "FORMAT", HeadFormat)


def format_named(name: str) -> HeadFormat:
    """Return one of the `FORMATS`. Raises `InputError` for another name."""
    return one_of(FORMATS, name, "format")


def write_heads(heads: Heads, path: Path, format: str, *, fps: float = 0.0) -> None:
    """Write `path` in one of the `FORMATS`; it appears when it is complete.

    fps: frames per second, for the times in formats that have them; 0: unknown

    json rounds to float32; csv is a table for people and leaves out landmarks and camera. Raises
    `InputError` for an unknown format, for heads of no frame, and but for safetensors for NaN,
    `MediaError` for a path that cannot be written.
    """
    made = format_named(format)
    if not len(heads):
        raise InputError("heads: expected at least 1 frame, found none; there is nothing to save")
    with atomic_write(path) as aside:
        chunks = aside.with_name(f"{aside.name}.chunks")
        try:
            chunks.write_bytes(made.chunk(heads, 0, fps))
            made.join(chunks, aside)
        finally:
            chunks.unlink(missing_ok=True)


def read_heads(path: Path) -> Heads:
    """Read the heads in a file of any of the `FORMATS` but csv, which is recognised by its ending.

    Raises `InputError` with the place in the file, what was expected and what was found.
    """
    from .checks import check_heads

    if not path.exists():
        raise InputError(f"{path}: there is no such file")
    found = next((f for f in FORMATS.values() if path.suffix.lower() == f.suffix), None)
    readable = [f.suffix for f in FORMATS.values() if f.read is not None]
    if found is None:
        raise InputError(
            f"{path}: expected a file of heads ending in {' or '.join(readable)}, found "
            f"{path.suffix or 'no ending'}"
        )
    if found.read is None:
        raise InputError(
            f"{path}: a {found.name} file of heads is a table for people, without landmarks and "
            f"camera; load the {' or '.join(readable)} file that Save Heads writes"
        )
    heads = found.read(path)
    check_heads(heads, path)
    return heads
