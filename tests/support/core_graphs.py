"""Runs one core node, or a small graph of them, and returns what it shows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from kinograph.nodes.standin import host
from kinograph.workflows.execution.report import Report
from kinograph.workflows.execution.run_graph import run_graph
from kinograph.workflows.graph.catalogue import catalogue
from kinograph.workflows.graph.dynamic import nested
from kinograph.workflows.graph.load import parse_graph

Nodes = Mapping[str, tuple[str, Mapping[str, Any]]]


def outputs_of(class_type: str, **inputs: Any) -> tuple[Any, ...]:
    """What a node gives for inputs by their names in a graph, "__" for dots."""
    schema = catalogue().require(class_type)
    values = {name.replace("__", "."): value for name, value in inputs.items()}
    with torch.inference_mode():
        output = catalogue().node(class_type).execute(**nested(schema.inputs, values))
    args: tuple[Any, ...] = output.args
    return args


def run_nodes(nodes: Nodes, output: Path, *inputs: Path, chunk: int = 0) -> Report:
    """Run class and inputs by id; an input given as [id, slot] is a link."""
    data = {
        id_: {"class_type": kind, "inputs": dict(given)} for id_, (kind, given) in nodes.items()
    }
    settings = host.Settings(output=output, inputs=inputs or (output,), device="cpu")
    return run_graph(parse_graph(data, "graph.json"), settings, chunk=chunk)


def texts_of(report: Report) -> dict[str, str]:
    """What each node showed, by id."""
    return {run.id: run.text for run in report.nodes if run.text}
