"""Running a checked graph."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from ..engines.errors import GraphError, KinographError
from ..nodes.standin import host
from .catalogue import Catalogue
from .graph import Link
from .plan import Plan

Progress = Callable[[str, int], Callable[[int], None]]  # label, total -> step(done)


@dataclass(frozen=True)
class NodeRun:
    """What one node did: how long it took and what it has to say."""

    id: str
    title: str
    seconds: float
    text: str
    is_output: bool


def execute(
    plan: Plan,
    catalogue: Catalogue,
    settings: host.Settings,
    progress: Progress | None = None,
) -> list[NodeRun]:
    """Run every node of `plan` once, in order; a result is dropped after its last use.

    progress: makes a bar for a node from its title and its number of frames

    Raises `GraphError` naming the node when one fails for a reason that the user can mend.
    """
    uses = Counter(
        value.node
        for id_ in plan.order
        for value in plan.values[id_].values()
        if isinstance(value, Link)
    )
    results: dict[str, tuple[Any, ...]] = {}
    runs: list[NodeRun] = []
    for id_ in plan.order:
        node = plan.graph.nodes[id_]
        schema = catalogue.require(node.class_type)
        title = node.title or schema.display_name or node.class_type
        inputs = {
            name: results[value.node][value.slot] if isinstance(value, Link) else value
            for name, value in plan.values[id_].items()
        }
        own = settings
        if progress is not None:
            own = replace(settings, progress=partial(progress, title))
        started = time.perf_counter()
        try:
            with host.using(own), torch.inference_mode():
                output = catalogue.node(node.class_type).execute(**inputs)
        except KinographError as error:
            raise GraphError(f"{plan.graph.source}: {node.label}: {error}") from error
        seconds = time.perf_counter() - started
        if uses[id_]:
            results[id_] = output.args
        for value in plan.values[id_].values():
            if isinstance(value, Link):
                uses[value.node] -= 1
                if not uses[value.node]:
                    results.pop(value.node, None)
        del inputs
        text = output.ui.value if output.ui is not None else ""
        runs.append(NodeRun(id_, title, seconds, text, schema.is_output_node))
    return runs
