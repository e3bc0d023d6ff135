"""Where the detections that scenarios judge come from."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...datasets.records import Array, Record, Records
from ...detect.files.entries import checked_entries
from ...document import Value
from ..adapters.precomputed import PrecomputedAdapter
from ..judge.found import Found
from ..objects import found_in, read_predicted

if TYPE_CHECKING:
    from ..adapters.network import NetworkAdapter


class FileFinder:
    """Predictions that were made before."""

    name = "precomputed"

    def __init__(self, path: Path, data: Records) -> None:
        """Read a file about all images of a split; raises `InputError` as `read_predicted` does."""
        found = found_in(read_predicted(path, data), data)
        names = [record.name for record in data.images]
        self._found = dict(zip(names, found, strict=True))
        self._entries = PrecomputedAdapter(path)

    def find(
        self, records: Sequence[Record], warps: Sequence[Array] | None = None
    ) -> tuple[list[Found], float | None] | str:
        """Return the detections of all images; pictures that are moved nobody has looked at."""
        if warps is not None:
            return "the predictions were made before; only a network can look at moved pictures"
        return [self._found[record.name] for record in records], None

    def entries(self, records: Sequence[Record]) -> list[dict[str, Any]]:
        """Return the entries of images as the file has them."""
        return self._entries.predict([{"image": record.name} for record in records])


class NetworkFinder:
    """A network that looks at the pictures, all detections of any score."""

    def __init__(
        self,
        adapter: NetworkAdapter,
        data: Records,
        progress: Callable[[str, int], Callable[[int], None]] | None = None,
    ) -> None:
        """Set up a finder. progress: title, number of images -> what is called with those done."""
        self._adapter = adapter
        self._data = data
        self._progress = progress
        self._entries: dict[str, dict[str, Any]] = {}

    @property
    def name(self) -> str:
        """The backend."""
        return self._adapter.name

    def find(
        self, records: Sequence[Record], warps: Sequence[Array] | None = None
    ) -> tuple[list[Found], float | None] | str:
        """Look at pictures; a first call of the network is not counted."""
        from ..adapters.pictures import Picture, check_there

        check_there(records)
        every = [None] * len(records) if warps is None else list(warps)
        pictures = [Picture.of(r, warp) for r, warp in zip(records, every, strict=True)]
        self._adapter.find(pictures[: self._adapter.batch])
        self._adapter.seconds.clear()
        step = None
        if self._progress is not None:
            step = self._progress("looking" if warps is None else "moved pictures", len(pictures))
        started = time.perf_counter()
        entries = self._adapter.find(pictures, step)
        seconds = time.perf_counter() - started
        if warps is None:
            self._entries = {entry["image"]: entry for entry in entries}
        checked = checked_entries(
            Value(entries, self.name),
            [record.name for record in records],
            classes=len(self._data.kinds.classes),
            keypoints=len(self._data.kinds.keypoints),
        )
        return found_in(checked, self._data), seconds

    def entries(self, records: Sequence[Record]) -> list[dict[str, Any]]:
        """Return the entries of images that have been looked at as they are."""
        return [self._entries[record.name] for record in records]
