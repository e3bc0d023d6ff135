"""Run a graph on a running ComfyUI, with the result of a run on this machine."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
import uuid
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...engines.errors import KinographError
from ...nodes.standin.io import Schema
from ..execution.outcome import NodeRun, Progress
from ..execution.report import Report
from ..graph.assign import with_values
from ..graph.catalogue import Catalogue
from ..graph.decoding import cut
from ..graph.load import parse_graph, read_json
from ..graph.model import Graph, graph_as_json
from ..graph.only import chosen_outputs
from ..graph.plan import Problem, failure, unknown_classes
from .definitions import connection_definitions
from .files import fetch, saved_by, with_uploads
from .link import Connection, Server, ServerError, ServerGoneError, connected
from .watch import Watch

__all__ = ["Server", "ServerError", "run_on_server"]

PATIENCE = 60.0  # seconds that a server may be unreachable before it is given up


def run_on_server(
    path: Path,
    server: Server,
    assignments: Sequence[str],
    output: Path,
    folders: Sequence[Path],
    progress: Progress | None = None,
    *,
    only: Sequence[str] = (),
    patience: float = PATIENCE,
) -> Report:
    """Send the graph file at `path` to a ComfyUI, follow its run, and download what it saved.

    assignments: "NODE.INPUT=VALUE" each, as for `with_values`
    output:      folder for the downloaded files; existing files are not overwritten
    folders:     where to look for the files that the graph names; those found are uploaded
    progress:    makes a progress bar for a node from its title and its number of steps
    only:        the output nodes to run, by id or class; default: all
    patience:    seconds that the server may be unreachable during the run

    A cancelled run (Ctrl-C, SIGTERM) is interrupted on the server and removed from its queue.
    Raises `GraphError` for a graph that the server rejects, `ServerError` for a server that fails,
    `InputError` without aiohttp.
    """
    running = _run(path, server, assignments, output, folders, progress, only, patience)
    stopped = threading.Event()
    try:
        return asyncio.run(_until_terminated(running, stopped))
    except asyncio.CancelledError:
        if stopped.is_set():
            raise SystemExit(128 + signal.SIGTERM) from None
        raise


async def _until_terminated(
    running: Coroutine[Any, Any, Report], stopped: threading.Event
) -> Report:
    """Return the result of a coroutine; SIGTERM cancels it and sets `stopped`."""
    task = asyncio.ensure_future(running)

    def stop() -> None:
        stopped.set()
        task.cancel()

    if threading.current_thread() is not threading.main_thread() or sys.platform == "win32":
        return await task
    before = signal.getsignal(signal.SIGTERM)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop)
    try:
        return await task
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, before)


async def _run(
    path: Path,
    server: Server,
    assignments: Sequence[str],
    output: Path,
    folders: Sequence[Path],
    progress: Progress | None,
    only: Sequence[str],
    patience: float,
) -> Report:
    started = time.perf_counter()
    async with connected(server) as connection:
        definitions = await connection_definitions(connection)
        nodes = Catalogue({}, definitions)
        graph = with_values(
            parse_graph(read_json(path), str(path), definitions), assignments, nodes
        )
        if unknown := unknown_classes(graph, nodes, f"on {server.url}"):
            raise failure(graph, unknown)
        graph = await with_uploads(graph, definitions, folders, connection)
        targets = chosen_outputs(graph, only, nodes)
        job = _Job(graph, definitions, connection, progress, patience, targets)
        entry = await job.run()
        report = await _report(job, entry, output)
    seconds = time.perf_counter() - started
    return replace(report, seconds=seconds, graph=graph.source, device=server.url)


class _Job:
    """One graph on the server, from queueing to its entry in the history."""

    def __init__(
        self,
        graph: Graph,
        definitions: Mapping[str, Schema],
        connection: Connection,
        progress: Progress | None,
        patience: float,
        targets: list[str] | None,
    ):
        self.graph, self.definitions, self.connection = graph, definitions, connection
        self.watch = Watch(self.title, progress)
        self.problems: list[Problem] = []
        self._client, self.id = uuid.uuid4().hex, str(uuid.uuid4())
        self._patience, self._targets = patience, targets

    def title(self, id_: str) -> str:
        """Return the title of a node, or its display name."""
        node = self.graph.nodes.get(id_)
        if node is None:
            return f"node {id_}"
        schema = self.definitions.get(node.class_type)
        return node.title or (schema.display_name if schema else "") or node.class_type

    async def run(self) -> Mapping[str, Any]:
        """Return the entry in the server's history.

        When cancelled, the graph is removed from the server.
        """
        try:
            try:
                # The socket first: what happens before it is open is not reported.
                async with self.connection.socket(self._client) as socket:
                    await self._queue()
                    await self.watch.listen(socket, self.id, self._is_queued)
            except ServerGoneError:
                if not self.watch.queued:
                    raise
            return await self._follow()
        except asyncio.CancelledError:
            with suppress(ServerError, asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._cancel()), 10)
            raise

    async def _queue(self) -> None:
        extra = {"workflow": self.graph.workflow} if self.graph.workflow else {}
        body: dict[str, Any] = {
            "prompt": graph_as_json(self.graph),
            "client_id": self._client,
            "prompt_id": self.id,
            "extra_data": {"extra_pnginfo": extra},
        }
        if self._targets is not None:
            body["partial_execution_targets"] = self._targets
        async with self.connection.request(
            "POST", "/prompt", json=body, refusals=(400,)
        ) as response:
            reply = await self.connection.decoded(response, "/prompt")
            rejected = response.status == 400
        if not isinstance(reply, dict):
            where = f"{self.connection.url}/prompt"
            raise ServerError(f"{where}: expected an object, found {reply!r}")
        self.problems = _node_problems(self.graph, reply.get("node_errors"))
        if rejected:
            raise failure(self.graph, self.problems or [_rejection(reply.get("error"))])
        self.id = str(reply.get("prompt_id", self.id))
        self.watch.queued = True

    async def _follow(self) -> Mapping[str, Any]:
        """Wait for the entry in the history, listening to the socket meanwhile."""
        seen = time.monotonic()
        missing = 0
        while True:
            try:
                entry = await self._entry()
                if entry is not None:
                    return entry
                missing = 0 if await self._is_queued() else missing + 1
                seen = time.monotonic()
                # A graph leaves the queue a moment before it is in the history.
                if missing > 20:
                    raise ServerError(
                        f"{self.connection.url}: no longer knows the graph; the server may have "
                        "been restarted, or its queue cleared"
                    )
                if missing or self.watch.ended:
                    await asyncio.sleep(0.1)
                    continue
                async with self.connection.socket(self._client) as socket:
                    await self.watch.listen(socket, self.id, self._is_queued)
            except ServerGoneError:
                if time.monotonic() - seen > self._patience:
                    raise
                await asyncio.sleep(1)

    async def _entry(self) -> Mapping[str, Any] | None:
        history = await self.connection.get(f"/history/{self.id}")
        entry = history.get(self.id) if isinstance(history, dict) else None
        return entry if isinstance(entry, dict) else None

    async def _is_queued(self) -> bool:
        queue = await self.connection.get("/queue")
        jobs = [*queue.get("queue_running", ()), *queue.get("queue_pending", ())]
        return any(self.id in job[:2] for job in jobs)

    async def _cancel(self) -> None:
        queue = await self.connection.get("/queue")
        if any(self.id in job[:2] for job in queue.get("queue_running", ())):
            await self.connection.post("/interrupt", prompt_id=self.id)
        await self.connection.post("/queue", delete=[self.id])


def _node_problems(graph: Graph, node_errors: Any) -> list[Problem]:
    problems = []
    for id_, entry in (node_errors or {}).items():
        node = graph.nodes.get(id_)
        label = node.label if node else f"node {id_}"
        for error in entry.get("errors", ()):
            name = str((error.get("extra_info") or {}).get("input_name") or "")
            where = f"{label}, input {name!r}" if name else label
            words = [str(error.get(part) or "") for part in ("message", "details")]
            said = " - ".join(word for word in words if word and word != name)
            problems.append(Problem(id_, name, f"{where}: {cut(said, 2000)}"))
    return problems


def _rejection(error: Any) -> Problem:
    error = error if isinstance(error, dict) else {"message": str(error)}
    words = [str(error.get(part) or "") for part in ("message", "details")]
    return Problem("", "", f"the server rejects it: {' - '.join(word for word in words if word)}")


async def _report(job: _Job, entry: Mapping[str, Any], output: Path) -> Report:
    """Download the files of a finished graph, and report what it did."""
    shown: Mapping[str, Any] = entry.get("outputs") or {}
    problems = [*job.problems, *_failures(job.graph, entry)]
    files: list[Path] = []
    runs = []
    cached = [id_ for id_ in job.graph.nodes if id_ in job.watch.cached]
    for id_ in dict.fromkeys([*cached, *job.watch.order, *shown]):
        node = job.graph.nodes.get(id_)
        schema = job.definitions.get(node.class_type) if node else None
        said = shown.get(id_) or {}
        own = []
        for folder, name in saved_by(node, said):
            try:
                own.append(await fetch(folder, name, output, job.connection))
            except KinographError as error:  # the other files are not affected
                text = f"{job.title(id_)}: {name} was saved, but not downloaded: {error}"
                problems.append(Problem(id_, "", text))
        files += own
        runs.append(
            NodeRun(
                id_,
                job.title(id_),
                job.watch.seconds.get(id_, 0.0),
                "\n".join(map(str, said.get("text") or ())),
                schema is not None and schema.is_output_node,
                node.class_type if node else "",
                id_ in job.watch.cached,
                tuple(own),
                said,
            )
        )
    return Report(
        ok=not problems,
        nodes=tuple(runs),
        files=tuple(dict.fromkeys(files)),
        warnings=tuple(job.watch.blocked),
        errors=tuple(problem.message for problem in problems),
        problems=tuple(problems),
    )


def _failures(graph: Graph, entry: Mapping[str, Any]) -> list[Problem]:
    """Return what went wrong, according to the history."""
    problems = []
    status = entry.get("status") or {}
    for kind, message in status.get("messages") or ():
        if kind not in ("execution_error", "execution_interrupted"):
            continue
        id_ = str(message.get("node_id", ""))
        label = graph.nodes[id_].label if id_ in graph.nodes else f"node {id_}"
        said = "interrupted on the server" if kind == "execution_interrupted" else _said(message)
        problems.append(Problem(id_, "", f"{label}: {cut(said, 2000)}"))
    if not problems and status.get("status_str") not in ("success", None):
        problems.append(Problem("", "", "the server reports that the run failed, but not why"))
    return problems


def _said(message: Mapping[str, Any]) -> str:
    """Return the words of an exception, with its class where that is one of Python's own."""
    said = " ".join(str(message.get("exception_message") or "").split())
    class_ = str(message.get("exception_type") or "")
    if said and ("." in class_ or not class_):  # an error of a node pack says what is wrong
        return said
    return f"{class_}: {said}" if said else class_ or "failed without a message"
