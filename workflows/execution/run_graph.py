"""Run a graph on this machine: check it, run it whole or in chunks, and report."""

import time
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from ...engines.errors import GraphError
from ...nodes.standin import host
from ..graph.catalogue import Catalogue, catalogue
from ..graph.model import Graph
from ..graph.plan import Plan, check
from .caching import ResultCache
from .execute import run_plan
from .outcome import Progress
from .report import Report


def run_graph(
    graph: Graph,
    settings: host.Settings,
    *,
    nodes: Catalogue | None = None,
    cache: ResultCache | None = None,
    chunk: int = 0,
    restart: bool = False,
    progress: Progress | None = None,
    only: Collection[str] | None = None,
    refused: Callable[[str], None] = lambda message: None,
) -> Report:
    """Check a graph and run the valid part of it.

    A node that fails stops the run; the report says what was done until then, and why it stopped.

    nodes:    the node classes; default: all that a headless run knows
    cache:    keeps results for the next run; nodes whose results it has do not run
    chunk:    frames at a time; 0: whole clips, or what a node of the graph states whose result
              may exceed the memory (`Rule.chunk`)
    restart:  with `chunk`: start over where an earlier run was interrupted
    progress: makes a progress bar for a node from its title and its number of frames
    only:     ids of the output nodes to run, with what they depend on; default: all
    refused:  called before anything runs with what is wrong with the nodes whose outputs are left
              out, a message each

    Raises `GraphError` where nothing can run.
    """
    started = time.perf_counter()
    nodes = nodes or catalogue()
    with host.using(settings):
        plan = check(graph, nodes, only)
    for problem in plan.problems:
        refused(problem.message)
    chunk = chunk or _own_chunk(plan, nodes)
    if chunk > 0:
        from ..chunked.resumable_run import run_in_chunks

        report = run_in_chunks(
            plan, nodes, settings, chunk, cache=cache, progress=progress, restart=restart
        )
        return replace(
            report,
            seconds=time.perf_counter() - started,
            graph=report.graph or graph.source,
            device=report.device or settings.device,
        )
    saved: list[Path] = []

    def keep(path: Path) -> None:
        saved.append(path)
        settings.saved(path)

    outcome = run_plan(plan, nodes, replace(settings, saved=keep), progress, cache)
    problems = [*plan.problems, *([outcome.problem] if outcome.problem else [])]
    return Report(
        ok=not problems,
        nodes=tuple(outcome.runs),
        files=tuple(path for path in dict.fromkeys(saved) if path.exists()),
        warnings=(*plan.warnings, *outcome.warnings),
        errors=tuple(problem.message for problem in problems),
        seconds=time.perf_counter() - started,
        graph=graph.source,
        device=settings.device,
        problems=tuple(problems),
        failure=outcome.error,
    )


def _own_chunk(plan: Plan, nodes: Catalogue) -> int:
    """Return the fewest frames at a time that a node of the plan asks for; 0 if none does, or where
    something needs whole clips."""
    rules = (nodes.rule(plan.graph.nodes[id_].class_type) for id_ in plan.order)
    asked = [rule.chunk for rule in rules if rule is not None and rule.chunk]
    if not asked or plan.problems:
        return 0
    from ..chunked.layout import lay_out

    try:
        layout = lay_out(plan, nodes)
    except GraphError:  # it says what needs the whole clip, which is not an error here
        return 0
    return min(asked) if layout.sources else 0
