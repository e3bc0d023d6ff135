"""Predictions that were made before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...detect.files.entries import by_image
from ...document import Value, load
from ...errors import InputError


class PrecomputedAdapter:
    """The entries of a file of predictions, which is read once."""

    name = "precomputed"

    def __init__(self, path: Path | str) -> None:
        """Read a file. Raises `InputError` for one that cannot be read."""
        self._path = Path(path)
        self._entries = by_image(load(self._path))

    def predict(self, records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the entries of records, found by the image's path, then by its last part.

        Raises `InputError` for a record without an image, and for an image without an entry.
        """
        return [self._entry(Value(dict(record), "record")) for record in records]

    def _entry(self, record: Value) -> dict[str, Any]:
        name = record.needed("image").text()
        entry = self._entries.get(name)
        if entry is None:
            raise InputError(f"{self._path}: expected an entry of {name[:100]!r}, found none")
        return {**entry, "image": name}
