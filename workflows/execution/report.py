"""What the command line shows: bars while it works, tables at the end."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tqdm import tqdm

from ...engines.files import written_aside
from ...nodes.standin.io import InputSpec, Schema
from ..graph.catalogue import Catalogue
from .outcome import NodeRun


class Bars:
    """One progress bar at a time, with frames a second, on the error stream."""

    def __init__(self) -> None:
        self._bar: Any = None

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
        self._close()
        self._bar = bar = tqdm(
            total=total or None, desc=f"{title:<24.24}", unit=" frames", file=sys.stderr, leave=True
        )

        def step(done: int) -> None:
            bar.update(done)

        return step

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: str = "") -> None:
    """A table with columns as wide as their cells; `right` names the columns set flush right."""
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


def write_report(report: Mapping[str, Any], path: Path | None) -> None:
    """Write a report as JSON, if there is a path, and say so."""
    if path is None:
        return
    with written_aside(path) as aside:
        aside.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {path}")


def print_runs(runs: Sequence[NodeRun]) -> None:
    """Seconds by stage, then what the nodes have to say: backends, people, paths."""
    total = sum(run.seconds for run in runs)
    print()
    rows = [[run.id, run.title, f"{run.seconds:.2f}"] for run in runs]
    print_table(["node", "stage", "seconds"], [*rows, ["", "total", f"{total:.2f}"]], "seconds")
    said = [(run.title, line) for run in runs if run.text for line in run.text.splitlines()]
    if said:
        print()
        shown = ""
        width = max(len(title) for title, _ in said)
        for title, line in said:
            print(f"{title if title != shown else '':<{width}}  {line}")
            shown = title


def print_nodes(nodes: Catalogue) -> None:
    """Every node with its inputs and outputs."""
    for name in nodes.names():
        schema = nodes.require(name)
        mark = "  [output node]" if schema.is_output_node else ""
        print(f"{schema.display_name}  ({name}, {schema.category}){mark}")
        if schema.description:
            print(f"    {schema.description}")
        for spec in schema.inputs:
            print(f"    in   {spec.id}: {_input_text(spec)}")
        for output in schema.outputs:
            print(f"    out  {output.display_name}: {output.io_type}")
        print()


def _input_text(spec: InputSpec) -> str:
    parts = ["|".join(spec.options) if spec.options else spec.io_type]
    if "min" in spec.widget and abs(spec.widget["min"]) < 10**9:
        parts.append(f"{spec.widget['min']}..{spec.widget['max']}")
    if spec.default is not None:
        parts.append(f"default {spec.default!r}")
    if spec.optional:
        parts.append("optional")
    return ", ".join(parts)


def schema_as_dict(schema: Schema) -> dict[str, Any]:
    """A schema as JSON data: what saved workflows depend on."""
    return {
        "display_name": schema.display_name,
        "category": schema.category,
        "output_node": schema.is_output_node,
        "inputs": {
            spec.id: {
                "type": spec.io_type,
                "optional": spec.optional,
                **({"default": spec.default} if spec.default is not None else {}),
                **({"options": list(spec.options)} if spec.options else {}),
                **dict(spec.widget),
            }
            for spec in schema.inputs
        },
        "outputs": [{"name": o.display_name, "type": o.io_type} for o in schema.outputs],
    }
