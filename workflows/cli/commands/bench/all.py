"""`kinograph bench all`: every table of docs/performance.md, in one report."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from ...arguments import add_debug, add_device, add_report
from ...command import Command

if TYPE_CHECKING:
    from ....bench.figures import Table


def tables() -> Iterator[Table]:
    """Yield the TABLES of the benchmarks, in the order of the help."""
    rooms = import_module(__package__)
    modules = [import_module(f"{__package__}.{info.name}") for info in iter_modules(rooms.__path__)]
    some = [module for module in modules if hasattr(module, "TABLES")]
    for module in sorted(some, key=lambda m: (getattr(m, "COMMAND", None) or m.COMMANDS).order):
        yield from module.TABLES


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--quick",
        action="store_true",
        help="few runs of small inputs: shows that everything works, in minutes",
    )
    parser.add_argument(
        "--only",
        metavar="A,B,...",
        help="only the tables of these subjects, such as pose,flow (default: all)",
    )
    add_report(parser)


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.runtime.devices import chosen_device
    from ....bench.every import measure_tables
    from ...terminal import print_table, write_report

    report = measure_tables(
        _chosen(arguments.only),
        device=chosen_device(arguments.device, []).type,
        quick=arguments.quick,
        say=lambda command: print(command, flush=True),
    )
    failed = [table for table in report["tables"] if "error" in table]
    rows = [
        _row(table["title"], figure)
        for table in report["tables"]
        for figure in table.get("figures", ())
    ]
    print()
    print_table(["table", "measured", "ms", "baseline", "its ms", "ratio"], rows, "ms,its ms,ratio")
    for table in failed:
        print(f"{table['title']}: not measured: {table['error']}")
    write_report(report, arguments.json)
    return 1 if failed else 0


def _chosen(only: str | None) -> list[Table]:
    """Return the tables of the subjects that --only names. Raises `InputError` for unknown ones."""
    from .....engines.errors import InputError

    every = list(tables())
    if only is None:
        return every
    subjects = dict.fromkeys(table.subject for table in every)
    names = only.split(",")
    for name in names:
        if name not in subjects:
            raise InputError(f"--only: expected some of {', '.join(subjects)}, found {name[:40]!r}")
    return [table for table in every if table.subject in names]


def _row(title: str, figure: dict[str, Any]) -> list[str]:
    ratio, theirs = figure["ratio"], figure["baseline_ms"]
    return [
        title,
        figure["name"],
        f"{figure['ms']:.3f}",
        figure["baseline"],
        f"{theirs:.3f}" if theirs else "",
        "" if ratio is None else f"{ratio:.2f}",
    ]


COMMAND = Command(
    name="all",
    help="measure every table of docs/performance.md, with baselines, in one report",
    run=_run,
    arguments=(add_debug, add_device, _add_arguments),
    order=5,
)
