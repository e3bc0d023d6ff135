"""Output on the terminal: progress bars, tables and reports."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tqdm import tqdm

from ...engines.files import atomic_write


class Bars:
    """One progress bar at a time, with frames per second, on the error stream.

    unit:   what is counted, in the plural
    hidden: show none, as of all processes but one
    """

    def __init__(self, unit: str = "frames", *, hidden: bool = False) -> None:
        self._bar: Any = None
        self._unit = unit
        self._hidden = hidden

    def __enter__(self) -> "Bars":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def start(self, title: str, total: int) -> Callable[[int], None]:
        """Replace the bar by a new one; return the function that advances it.

        total: how many there are, 0 if unknown
        """
        self._close()
        self._bar = bar = tqdm(
            total=total or None,
            desc=f"{title:<24.24}",
            unit=f" {self._unit}",
            file=sys.stderr,
            leave=True,
            disable=self._hidden,
        )

        def step(done: int) -> None:
            bar.update(done)

        return step

    def show(self, **figures: float) -> None:
        """Show figures beside the bar."""
        if self._bar is not None:
            shown = {name: f"{value:.4g}" for name, value in figures.items()}
            self._bar.set_postfix(shown, refresh=False)  # with the bar's next update

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: str = "") -> None:
    """Print a table with columns as wide as their widest cells.

    right: names of the right-aligned columns, separated by commas
    """
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        parts = [
            cell.rjust(width) if name in right.split(",") else cell.ljust(width)
            for cell, width, name in zip(cells, widths, header, strict=True)
        ]
        return "  ".join(parts).rstrip()

    print(line(header))
    print(line(["-" * width for width in widths]))
    for row in rows:
        print(line(row))


def print_times(ms_per_frame: Mapping[str, float]) -> None:
    """Print what takes how many milliseconds per frame, and the frames per second of it."""
    print_table(
        ["what", "ms/frame", "frames/s"],
        [[what, f"{ms:.3f}", f"{1000 / ms:.1f}"] for what, ms in ms_per_frame.items()],
        "ms/frame,frames/s",
    )


def print_gpu_memory(most: int) -> None:
    """Print the most bytes of GPU memory that were reserved, if any were."""
    if most:
        print(f"at most {most / 2**30:.2f} GiB of GPU memory")


def write_report(report: Mapping[str, Any], path: Path | None) -> None:
    """Write a report as JSON and print where; do nothing without a path."""
    if path is None:
        return
    with atomic_write(path) as aside:
        aside.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {path}")
