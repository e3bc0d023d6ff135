"""`Pictures`: images that are saved as they come in chunks."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engines.errors import MediaError
from ...nodes.streaming import Folder, Values
from .pixels import save_png

if TYPE_CHECKING:
    from torch import Tensor


class Pictures(Folder):
    """Pictures that get consecutive names when all are there.

    path: that of the first
    """

    _first = 0

    def write(self, values: Values) -> None:
        self.folder.mkdir(exist_ok=True)
        for image in values["images"]:
            path = self.folder / f"{self.frame_count}{self.path.suffix}"
            self.save(image, path, values)
            self.unsynced.append(path)
            self.frame_count += 1

    def save(self, image: Tensor, path: Path, values: Values) -> None:
        """Write an image [H,W,C] 0..1 straight to `path`.

        values: the inputs of the node
        """
        save_png(image, path, self.carried)

    def prepare(self) -> None:
        """Choose consecutive numbers, from that of the path on unless they are taken by now."""
        stem, self._first = self._numbered(self.path)
        pattern = re.compile(re.escape(stem) + r"_(\d+)_?", re.IGNORECASE)
        taken = [
            int(found[1])
            for path in self.path.parent.iterdir()
            if path != self.parts and (found := pattern.match(path.name))
        ]
        if any(self._first <= number < self._first + self.frame_count for number in taken):
            self._first = max(taken) + 1

    def mark(self) -> dict[str, Any]:
        return {**super().mark(), "first": self._first}

    def resume(self, mark: Mapping[str, Any]) -> None:
        self._first = mark["first"]
        if not self._first:  # else they are being renamed
            super().resume(mark)
        self.frame_count = mark["frames"]

    @staticmethod
    def _numbered(path: Path) -> tuple[str, int]:
        found = re.fullmatch(r"(.*)_(\d+)_", path.stem)
        assert found is not None  # as `host.save_path` makes them
        return found[1], int(found[2])

    def appearing(self) -> tuple[Path, ...]:
        stem, _ = self._numbered(self.path)
        return tuple(
            self.path.with_name(f"{stem}_{self._first + i:05}_{self.path.suffix}")
            for i in range(self.frame_count)
        )

    def contents(self) -> list[str]:
        return []

    def finish(self) -> tuple[Path, ...]:
        names = self.appearing()
        for i, name in enumerate(names):
            part = self.folder / f"{i}{self.path.suffix}"
            if part.exists():
                if name.exists():
                    raise MediaError(
                        f"{name}: was created meanwhile; move it away, and run the same command "
                        "again"
                    )
                shutil.move(part, name)
        self.text = "\n".join(map(str, names))
        return names
