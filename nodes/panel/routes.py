"""The routes of the engine panel: /kinograph/... on ComfyUI's own web server.

GET /kinograph/engines           the engines, what can be built, and the last job
GET /kinograph/engines/prune     what pruning would remove
POST /kinograph/engines/prune    {names}: these; none: what is damaged, left over or out of date
POST /kinograph/engines/verify   {names}: these; none: all. A job
POST /kinograph/engines/build    {model, backend, precision, max_batch, min_size, max_size}. A job
POST /kinograph/cancel           ends the job at its next step

Every change of a job is sent to all editors as "kinograph.job". Errors are {"error": text}. Access
control is ComfyUI's; a POST must be JSON, which keeps out forms of other sites. Requests that read
the folder of engines take turns, and are answered with 503 if that does not respond.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from ...engines.errors import InputError, KinographError
from ...engines.models.download import Progress
from ...engines.models.registry import registry, resolve
from ...engines.runtime.backend import PRECISIONS
from ...engines.runtime.backends import names as backend_names
from ...engines.runtime.cache import EngineCache
from ...engines.runtime.engine import build_engine
from ...engines.runtime.inventory import inventory
from ...engines.runtime.network import network_of
from ...engines.runtime.upkeep import Finding, pruned, verified
from ..api import host
from ..engine.build import WORKING_ROOM
from ..rate import Rate
from .body import json_object
from .jobs import Job, Jobs
from .turns import TooSlowError, Turns

Body = Mapping[str, Any]

_LIMIT = 20.0  # seconds until a request is answered
_RANGES = {"max_batch": (16, 1, 256), "min_size": (128, 32, 4096), "max_size": (1024, 32, 4096)}


class Panel:
    """Answers the panel's requests; most of them read the whole folder of engines.

    tell: called with a job on every change
    busy: whether ComfyUI runs a graph or is about to
    """

    def __init__(self, tell: Callable[[Job], None], busy: Callable[[], bool]):
        self._jobs = Jobs(tell)
        self._busy = busy
        self._verdicts: dict[str, Finding] = {}

    def listed(self, body: Body) -> dict[str, Any]:
        cache = _cache()
        rows = inventory(cache)
        job = self._jobs.last
        return {
            "folder": str(cache.folder),
            "engines": [
                {**asdict(row), "verdict": _as_dict(self._verdicts.get(row.name))} for row in rows
            ],
            "choices": {
                "models": [
                    {"name": entry.name, "title": entry.title, "task": entry.task}
                    for entry in registry().values()
                ],
                "backends": ["auto", *backend_names()],
                "precisions": ["auto", *PRECISIONS],
            },
            "job": None if job is None else job.as_dict(),
        }

    def would_prune(self, body: Body) -> dict[str, Any]:
        found = pruned(_cache(), only_say=True)
        return {"found": [asdict(f) for f in found if f.state == "removed"]}

    def prune(self, body: Body) -> dict[str, Any]:
        self._jobs.check_free()
        names = _names(body)
        if not names:  # an engine that a graph is building looks like a leftover
            self._alone()
        found = pruned(_cache(), names)
        return {"found": [asdict(f) for f in found if f.state == "removed"]}

    def verify(self, body: Body) -> dict[str, Any]:
        names = _names(body) or [artifact.name for artifact in _cache().entries(whole=False)]
        self._alone()

        def work(jobs: Jobs) -> str:
            states = []
            jobs.step(f"1/{len(names)}")
            for finding in verified(_cache(), names, models=host.models_folder()):
                self._verdicts[finding.name] = finding
                states.append(finding.state)
                jobs.step(f"{len(states)}/{len(names)} {finding.name}")
            elsewhere = states.count("whole")
            rest = f", {elsewhere} not run here" if elsewhere else ""
            return f"{states.count('right')} right, {states.count('damaged')} damaged{rest}"

        return self._jobs.start("verify", names, work).as_dict()

    def build(self, body: Body) -> dict[str, Any]:
        name = _one_of(body, "model", list(registry()))
        backend = _one_of(body, "backend", ["auto", *backend_names()])
        precision = _one_of(body, "precision", ["auto", *PRECISIONS])
        batch, least, most = (_whole(body, key) for key in _RANGES)
        self._alone()

        def work(jobs: Jobs) -> str:
            jobs.step(name)
            model = resolve(name, folder=host.models_folder(), progress=_fetching(jobs))
            host.make_room(WORKING_ROOM + 2 * model.bytes)
            engine = build_engine(
                model,
                network_of(model),
                backend=backend,
                precision=precision,
                device=host.compute_device(),
                cache=_cache(),
                max_batch=batch,
                sizes=(least, most),
                progress=lambda phase, step, steps: jobs.step(f"{phase} {step + 1}/{steps}"),
            )
            engine.unload()  # it stays on disk until it is used
            return engine.report()

        return self._jobs.start("build", [name], work).as_dict()

    def cancel(self, body: Body) -> dict[str, Any]:
        self._jobs.cancel()
        return {}

    def _alone(self) -> None:
        """Raise `InputError` while ComfyUI runs a graph: both would need the memory."""
        if self._busy():
            raise InputError("ComfyUI is running a graph; try again when its queue is empty")


def register(server: Any) -> None:
    """Add the panel's routes to ComfyUI's server."""
    from aiohttp import web

    def tell(job: Job) -> None:
        server.send_sync("kinograph.job", job.as_dict())

    panel = Panel(tell, lambda: server.prompt_queue.get_tasks_remaining() > 0)
    turns = Turns(_LIMIT, "the folder of engines")

    def answering(ask: Callable[[Body], dict[str, Any]]) -> Callable[[Any], Awaitable[Any]]:
        async def answer(request: web.Request) -> web.Response:
            try:
                body = await json_object(request) if request.method == "POST" else {}
                if ask == panel.cancel:  # at once, whatever else is going on
                    return web.json_response(ask(body))
                return web.json_response(await turns.run(partial(ask, body)))
            except TooSlowError as error:
                return web.json_response({"error": str(error)}, status=503)
            except KinographError as error:
                return web.json_response({"error": str(error)}, status=400)
            except OSError as error:
                words = f"{error.filename or 'the folder of engines'}: {error.strerror or error}"
                return web.json_response({"error": words}, status=500)

        return answer

    server.routes.get("/kinograph/engines")(answering(panel.listed))
    server.routes.get("/kinograph/engines/prune")(answering(panel.would_prune))
    server.routes.post("/kinograph/engines/prune")(answering(panel.prune))
    server.routes.post("/kinograph/engines/verify")(answering(panel.verify))
    server.routes.post("/kinograph/engines/build")(answering(panel.build))
    server.routes.post("/kinograph/cancel")(answering(panel.cancel))


def _names(body: Body) -> list[str]:
    """Return the names of existing engines, complete, so that none means several or a path."""
    names = body.get("names", [])
    if not isinstance(names, list):
        raise InputError("names: expected a list")
    known = {artifact.name for artifact in _cache().entries(whole=False)}
    for name in names:
        if not isinstance(name, str) or name not in known:
            raise InputError(f"names: there is no engine {name!r}; list them again")
    return names


def _fetching(jobs: Jobs) -> Progress:
    """Return a progress callback that reports a download as the job's text, and cancels it."""

    def begin(total: int) -> Callable[[int], None]:
        rate = Rate(total, "bytes")
        said = "downloading"

        def step(done: int) -> None:
            nonlocal said
            said = rate.step(done) or said
            jobs.step(said)

        return step

    return begin


def _one_of(body: Body, key: str, known: list[str]) -> str:
    value = body.get(key, known[0])
    if not isinstance(value, str) or value not in known:
        raise InputError(f"{key}: expected one of {', '.join(known)}, found {value!r}")
    return value


def _whole(body: Body, key: str) -> int:
    default, least, most = _RANGES[key]
    value = body.get(key, default)
    if type(value) is not int or not least <= value <= most:
        raise InputError(f"{key}: expected a whole number from {least} to {most}, found {value!r}")
    return value


def _as_dict(finding: Finding | None) -> dict[str, Any] | None:
    return None if finding is None else asdict(finding)


def _cache() -> EngineCache:
    return EngineCache(host.engine_folder())
