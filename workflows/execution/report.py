"""The report of a run, whichever way the graph was run: whole, in chunks or on a server."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ... import __version__
from ...engines.errors import KinographError
from ...engines.files import sha256_of
from ..graph.plan import Problem
from .outcome import NodeRun

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Report:
    """What a run did.

    ok:       everything that the graph asks for was done
    nodes:    the nodes that ran, in order
    files:    the files that were saved, in order
    warnings: oddities that did not stop the run
    errors:   what went wrong, each naming its node
    seconds:  the time of the whole run, including the check
    graph:    the graph's file
    device:   the device that was asked for, or the server's URL
    problems: those of `errors` that belong to a node or an input
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
        """Return the report as data for JSON; files have their sha256 and size in bytes.

        "schema_version" is raised when a key changes its meaning or is removed; keys may be added
        without.
        """
        in_problems = {problem.message for problem in self.problems}
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
                    if text not in in_problems
                ),
            ],
        }


def file_as_dict(path: Path) -> dict[str, Any]:
    """Return the path, sha256 and size in bytes of a saved file; of a folder, its path alone."""
    if not path.is_file():
        return {"path": str(path)}
    return {"path": str(path), "sha256": sha256_of(path), "bytes": path.stat().st_size}
