"""`kinograph demo`: run the shipped graph on the shipped clip."""

from __future__ import annotations

import argparse

from ...graph.shipped import DEMO_GRAPH
from ..arguments import add_debug, add_device, add_output_dir, add_reading
from ..command import Command
from .run import run_command


def _set_graph(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(
        graph=DEMO_GRAPH,
        set=[],
        only=[],
        json=None,
        chunk=0,
        restart=False,
        server="",
        header=[],
    )


COMMAND = Command(
    name="demo",
    help="run the shipped graph on the shipped clip",
    run=run_command,
    arguments=(add_debug, add_device, add_output_dir, _set_graph, add_reading),
    order=10,
)
