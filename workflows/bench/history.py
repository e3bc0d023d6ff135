"""Then and now: the figures of several reports of `kinograph bench all`, side by side."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...engines.errors import InputError
from .every import KIND, SCHEMA_VERSION

_HEAD = """# Performance, then and now

Made by `kinograph bench history` from reports of `kinograph bench all --json`. Times are in
milliseconds. In brackets: the time as a part of the baseline's in the same run, which is what can
be compared between runs.
"""


_KEYS = {"timestamp_utc", "meta", "device", "quick", "load", "tables"}


def history(paths: Iterable[Path]) -> str:
    """Return a Markdown page of the reports at `paths`: a table for each machine, a column for each
    run, the oldest first.

    Raises `InputError` for a file that is no such report, and for quick runs, whose figures mean
    nothing.
    """
    reports = sorted((_read(path) for path in paths), key=lambda found: found["timestamp_utc"])
    machines: dict[str, list[dict[str, Any]]] = {}
    for found in reports:
        machines.setdefault(_machine(found), []).append(found)
    if not machines:
        raise InputError("bench history: expected reports of kinograph bench all, found none")
    return "\n".join([_HEAD, *(_section(name, runs) for name, runs in machines.items())])


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected a report of kinograph bench all: {error}") from error
    kind = found.get("kind") if isinstance(found, dict) else None
    if kind != KIND or found.get("schema_version") != SCHEMA_VERSION:
        raise InputError(
            f"{path}: expected a report of kind {KIND!r}, version {SCHEMA_VERSION}, found "
            f"{str(kind)[:40]!r}; make one with kinograph bench all --json FILE"
        )
    if missing := sorted(_KEYS - found.keys()):
        raise InputError(f"{path}: the report is not whole: it has no {', '.join(missing)}")
    if found["quick"]:
        raise InputError(f"{path}: it is of a quick run; measure without --quick")
    return dict(found)


def _machine(found: Mapping[str, Any]) -> str:
    """Return the GPU that was used, or the CPU."""
    meta = found["meta"]
    return str(meta["gpu"]["name"] if found["device"] == "cuda" else meta["cpu"])


def _section(machine: str, runs: Sequence[Mapping[str, Any]]) -> str:
    """Return the heading and the table of a machine."""
    known: dict[tuple[str, str, str], dict[int, str]] = {}
    for number, run in enumerate(runs):
        for table in run["tables"]:
            for figure in table.get("figures", ()):
                row = (table["title"], figure["name"], figure["baseline"])
                known.setdefault(row, {})[number] = _cell(figure)
    columns = [_column(run) for run in runs]
    lines = [
        f"## {machine}",
        "",
        f"| | measured | baseline | {' | '.join(columns)} |",
        "|" + "---|" * (3 + len(runs)),
    ]
    for (title, name, baseline), cells in known.items():
        values = [cells.get(number, "") for number in range(len(runs))]
        lines.append(f"| {title} | {name} | {baseline} | " + " | ".join(values) + " |")
    return "\n".join([*lines, ""])


def _column(run: Mapping[str, Any]) -> str:
    """Return when a run was made, with which PyTorch, and on how busy a machine."""
    busy = "" if run["load"] is None else f", load {run['load']:.1f}"
    return f"{run['timestamp_utc'][:10]}, torch {run['meta']['versions']['torch']}{busy}"


def _cell(figure: Mapping[str, Any]) -> str:
    ratio = figure["ratio"]
    return f"{figure['ms']:.3g}" + ("" if ratio is None else f" ({ratio:.2g})")
