"""A JSON file with a list that grows: keypoints, results, predictions."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...engines.files import atomic_write
from ..streaming import GrowingFiles, Values


class JsonList(GrowingFiles):
    """A JSON document, of which one list grows with the frames."""

    _shell = "[]"  # the document with the list empty
    _any = False  # whether the list has an entry yet

    @abstractmethod
    def document(self, values: Values) -> tuple[Any, str]:
        """Return the document of the next frames, and the key of its list, "" if it is the list.

        Counts the frames.
        """

    def write(self, values: Values) -> None:
        from ...engines.document import as_text

        document, key = self.document(values)
        rows = document[key] if key else document
        self._shell = as_text({**document, key: []} if key else [])
        text = as_text(rows)[1:-1]
        file = self.growing("rows.part")
        if text:
            file.append((("," if self._any else "") + text).encode())
            self._any = True

    def mark(self) -> dict[str, Any]:
        return {**super().mark(), "shell": self._shell, "any": self._any}

    def resume(self, mark: Mapping[str, Any]) -> None:
        super().resume(mark)
        self._shell, self._any = mark["shell"], mark["any"]

    def finish(self) -> tuple[Path, ...]:
        rows = self.growing("rows.part")
        rows.size()
        head, tail = self._shell.split("[]", 1)
        with atomic_write(self.path, folder=self.parts) as aside, aside.open("wb") as out:
            out.write(f"{head}[".encode())
            with rows.path.open("rb") as file:
                while block := file.read(1 << 20):
                    out.write(block)
            out.write(f"]{tail}\n".encode())
        self.text = str(self.path)
        return (self.path,)
