"""The figures of a run, a line each, and as a table."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import MediaError
from ..files import atomic_write, own, read_regular


class Journal:
    """Figures by step, in a file of lines of JSON.

    rows: what was recorded so far, each with its `step`
    """

    def __init__(self, path: Path, step: int = 0) -> None:
        """Open the journal; lines after `step`, of steps that are to be done again, are dropped.

        Raises `MediaError` for a file that cannot be written; what it held is still there then.
        """
        self.path = path
        self.rows: list[dict[str, float]] = []
        if step and path.is_file():
            self.rows = [row for row in _read(path) if row["step"] <= step]
        try:
            own(path)
        except OSError as error:
            raise _cannot(path, error) from error
        with atomic_write(path) as aside:
            aside.write_text("".join(map(_line, self.rows)), encoding="utf-8")

    def add(self, row: Mapping[str, float]) -> None:
        """Add a line. Raises `MediaError` if it cannot be written."""
        self.rows.append(dict(row))
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(_line(row))
        except OSError as error:
            raise _cannot(self.path, error) from error

    def write_table(self) -> None:
        """Write all rows as .csv beside it. Raises `MediaError` if it cannot be written."""
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        text = io.StringIO()
        table = csv.DictWriter(text, names, lineterminator="\n")
        table.writeheader()
        table.writerows(self.rows)
        with atomic_write(self.path.with_suffix(".csv")) as aside:
            aside.write_text(text.getvalue(), encoding="utf-8")


def means(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of every figure over rows, leaving out what is not finite."""
    found = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row[name] for row in rows if math.isfinite(row.get(name, math.nan))]
        if values:
            found[name] = sum(values) / len(values)
    return found


def _line(row: Mapping[str, float]) -> str:
    kept = {name: value if math.isfinite(value) else None for name, value in row.items()}
    return json.dumps(kept, allow_nan=False) + "\n"


def _read(path: Path) -> list[dict[str, float]]:
    """Return the rows of a journal, up to the line that a killed run did not finish."""
    rows = []
    try:
        lines = read_regular(path, 2**30).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise MediaError(f"{path}: cannot be read ({error}); choose another run folder") from error
    for line in lines:
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            break
        if not isinstance(row, dict) or not isinstance(row.get("step"), int):
            break
        rows.append({name: math.nan if value is None else value for name, value in row.items()})
    return rows


def _cannot(path: Path, error: OSError) -> MediaError:
    return MediaError(f"{path}: cannot be written ({error.strerror or error})")
