"""`kinograph nodes`: list the nodes and their sockets."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ..arguments import add_debug
from ..command import Command

if TYPE_CHECKING:
    from ....nodes.standin.io import InputSpec
    from ...graph.catalogue import Catalogue


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print as JSON")


def _run(arguments: argparse.Namespace) -> int:
    from ...graph.catalogue import catalogue
    from ...graph.schema_json import schema_as_dict

    nodes = catalogue()
    if arguments.json:
        print(json.dumps({n: schema_as_dict(nodes.require(n)) for n in nodes.names()}, indent=2))
    else:
        _print(nodes)
    return 0


def _print(nodes: Catalogue) -> None:
    for name in nodes.names():
        schema = nodes.require(name)
        mark = "  [output node]" if schema.is_output_node else ""
        print(f"{schema.display_name}  ({name}, {schema.category}){mark}")
        if schema.description:
            print(f"    {schema.description}")
        for spec in _shown_inputs(schema.inputs):
            print(f"    in   {spec.id}: {_input_text(spec)}")
        for output in schema.outputs:
            print(f"    out  {output.display_name}: {output.io_type}")
        print()


def _shown_inputs(specs: Iterable[InputSpec]) -> Iterator[InputSpec]:
    """Yield all inputs that a node can have, and one for all that an input grows to."""
    from ...graph.dynamic import possible

    for spec in specs:
        if spec.grows is not None:
            names = spec.grows.names
            span = f"{spec.id}.{names[0]} .. {spec.id}.{names[-1]}"
            yield replace(spec.grows.spec, id=span)
        elif spec.branches:
            yield from possible([spec])
        else:
            yield spec


def _input_text(spec: InputSpec) -> str:
    """Return type, range and default of an input."""
    parts = ["|".join(spec.options) if spec.options else spec.io_type]
    low, high = spec.widget.get("min"), spec.widget.get("max")
    if low is not None and abs(low) < 10**9:
        parts.append(f"{low}..{high}" if high is not None else f"{low} or more")
    if spec.default is not None:
        parts.append(f"default {spec.default!r}")
    if spec.optional:
        parts.append("optional")
    return ", ".join(parts)


COMMAND = Command(
    name="nodes",
    help="list the nodes and their sockets",
    run=_run,
    arguments=(add_debug, _add_arguments),
    order=70,
)
