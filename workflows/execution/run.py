"""Running a graph to a report: what everyone who runs graphs calls."""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ... import __version__
from ...engines.errors import KinographError
from ...engines.files import sha256_of
from ...nodes.standin import host
from ..graph.catalogue import Catalogue, catalogue
from ..graph.model import Graph
from ..graph.plan import Problem, check
from .caching import ResultCache
from .execute import run_plan
from .outcome import NodeRun, Progress

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Report:
    """What a run did.

    ok:       everything that the graph asks for was done
    nodes:    what ran, in order
    files:    what was saved, in order
    warnings: what is odd but did not stop the run
    errors:   what went wrong, each naming its node
    seconds:  of the whole run, checking included
    graph:    the file
    device:   what was asked for, or the server's address
    problems: `errors` with their nodes and inputs, where they have one
    failure:  the error that stopped the run, for its traceback
    """

    ok: bool
    nodes: tuple[NodeRun, ...] = ()
    files: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    seconds: float = 0.0
    graph: str = ""
    device: str = ""
    problems: tuple[Problem, ...] = ()
    failure: KinographError | None = field(default=None, repr=False, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """The report as data for JSON; files with their sha256 and bytes.

        "schema_version" is 1 until a key changes its meaning or is removed; keys may be added.
        """
        with_place = {problem.message for problem in self.problems}
        paths = dict.fromkeys([*self.files, *(path for run in self.nodes for path in run.files)])
        described = {path: file_as_dict(path) for path in paths}
        return {
            "schema_version": SCHEMA_VERSION,
            "kinograph": __version__,
            "graph": self.graph,
            "device": self.device,
            "ok": self.ok,
            "seconds": round(self.seconds, 3),
            "outputs": [
                {
                    "node": run.id,
                    "title": run.title,
                    "class": run.class_type,
                    "cached": run.cached,
                    "files": [described[path] for path in run.files],
                    "text": run.text,
                }
                for run in self.nodes
                if run.is_output
            ],
            "files": [described[path] for path in self.files],
            "nodes": [
                {
                    "node": run.id,
                    "title": run.title,
                    "class": run.class_type,
                    "seconds": round(run.seconds, 3),
                    "cached": run.cached,
                    "text": run.text,
                }
                for run in self.nodes
            ],
            "warnings": list(self.warnings),
            "errors": [
                *(problem.as_dict() for problem in self.problems),
                *(
                    {"node": "", "input": "", "message": text}
                    for text in self.errors
                    if text not in with_place
                ),
            ],
        }


def file_as_dict(path: Path) -> dict[str, Any]:
    """A saved file: its path, sha256 and bytes; a folder has neither of the last two."""
    if not path.is_file():
        return {"path": str(path)}
    return {"path": str(path), "sha256": sha256_of(path), "bytes": path.stat().st_size}


def run_graph(
    graph: Graph,
    settings: host.Settings,
    *,
    nodes: Catalogue | None = None,
    cache: ResultCache | None = None,
    chunk: int = 0,
    restart: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Check a graph and run what is sound of it. A node that fails stops the run, and the report
    has what was done until then and why.

    nodes:    the node classes; default: all that a headless run knows
    cache:    where results stay for the next run; nodes whose results are there are not run
    chunk:    frames at a time, 0: whole clips
    restart:  with `chunk`: begin anew where an earlier run was cut short
    progress: makes a bar for a node from its title and its number of frames

    Raises `GraphError` where nothing could run.
    """
    started = time.perf_counter()
    nodes = nodes or catalogue()
    with host.using(settings):
        plan = check(graph, nodes)
    if chunk > 0:
        from ..chunked.resumable_run import run_in_chunks

        report: Report = run_in_chunks(
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
