"""Run a batch on a Ray cluster: one worker per GPU, which keeps engines warm between inputs.

Written against Ray 2.60. A worker is an actor that Ray restarts when its process dies; the input
that it was processing is retried by any free worker. Only this process records and publishes.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import __version__
from ...engines.errors import InputError
from ...engines.words import counted
from .attempt import AttemptResult, Job
from .manifest import Worker, file_of
from .queue import StoppedError
from .ray_progress import Board, Watch
from .ray_worker import COPY_LIMIT, RayWorker

if TYPE_CHECKING:
    from ..execution.outcome import Progress
    from .queue import Queue, Task
    from .standing import Standing

_PATIENCE = 30.0  # seconds without a worker before the user is told
_RESPONSE = 20.0  # seconds for the cluster to say which of its machines are alive
_MAX_CPUS = 8  # that a worker with a GPU asks for


def on_ray(
    address: str,
    *,
    workers: int = 0,
    copy: bool = False,
    say: Callable[[str], None],
    progress: Callable[[Path, Standing], Progress] | None = None,
) -> Callable[[Queue, Job], None]:
    """Return a `run` for `run_batch` that processes the queue on a cluster.

    address:  of a cluster ("host:6379", "ray://host:10001", "auto", "local"); "": that of
              RAY_ADDRESS, or else one that runs on this machine, or else one started for this batch
    workers:  number of workers; 0: one per GPU of the cluster, or one per machine without GPUs
    copy:     transfer inputs and outputs through Ray's object store, each of at most `COPY_LIMIT`
              bytes
    say:      called with messages for the user
    progress: returns what makes the progress bars of an attempt, from the input and the progress of
             the batch

    While it runs, nothing is printed to stdout. Raises `InputError` for a malformed address, and if
    Ray is not installed.
    """
    if address and address not in ("auto", "local") and ":" not in address:
        raise InputError(
            f"--ray {address}: expected the address of a cluster, e.g. 10.0.0.1:6379 or "
            "ray://10.0.0.1:10001; to give none, put --ray after the inputs"
        )
    _ray()

    def run(queue: Queue, job: Job) -> None:
        # Ray reports dead workers on stdout, whatever its settings; our JSON goes there.
        with (
            Path(os.devnull).open("w") as nowhere,
            redirect_stdout(nowhere),
            _cluster(address) as ray,
        ):
            pool = _WorkerPool(ray, job, copy, say, progress)
            try:
                pool.start(workers)
                pool.work(queue)
            finally:
                pool.stop(queue)

    return run


def _ray() -> Any:
    # No usage reports, and no warning about a change that does not concern us.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise InputError(
            f"--ray: needs Ray ({error}); run: pip install 'kinograph[ray]'"
        ) from error
    return ray


@contextmanager
def _cluster(address: str) -> Iterator[Any]:
    """Connect to Ray; an existing connection is used, and kept."""
    ray = _ray()
    if ray.is_initialized():
        yield ray
        return
    handlers = _handlers()
    _reach(address or os.environ.get("RAY_ADDRESS", ""))
    try:
        ray.init(address or None, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, ValueError, RuntimeError, TimeoutError, ray.exceptions.RayError) as e:
        raise InputError(
            f"--ray {address or os.environ.get('RAY_ADDRESS', '')}: no cluster responds ({e}); "
            "check ray status there, and that the versions of Ray and Python are the same"
        ) from e
    for number, handler in handlers.items():  # Ray's own print where its threads are
        signal.signal(number, handler)
    try:
        yield ray
    finally:
        # stops a cluster that was started here, but no other; one that is broken may not respond
        _in_time(ray.shutdown)


def _handlers() -> dict[int, Any]:
    """Return what handles the signals that stop a batch; nothing outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}


def _in_time(call: Callable[[], Any]) -> list[Any]:
    """Return what a call to Ray returns, in a list that is empty if it fails or does not return."""
    found: list[Any] = []

    def calling() -> None:
        with suppress(Exception):  # whatever a broken cluster raises: the caller reports it
            found.append(call())

    thread = threading.Thread(target=calling, name="kinograph-ray", daemon=True)
    thread.start()
    thread.join(_RESPONSE)
    return found


def _reach(address: str) -> None:
    """Raise `InputError` if nothing listens at HOST:PORT, as Ray itself tries for minutes."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not colon:
        return  # a keyword of Ray
    hosts = [host.strip("[]")]
    if host in ("127.0.0.1", "localhost"):  # Ray uses this machine's external address instead
        hosts.append(_ray().util.get_node_ip_address())
    for each in hosts:
        try:
            socket.create_connection((each, int(port)), timeout=10).close()
            return
        except (OSError, ValueError, OverflowError) as error:
            problem = error
    raise InputError(
        f"--ray {address}: nothing listens there ({problem}); check with ray status on a "
        "machine of the cluster whether it runs; the port is that of ray start --head (6379), or "
        "10001 with ray://"
    )


@dataclass
class _RemoteWorker:
    """A worker, seen from here; `who` is set once it has responded."""

    actor: Any
    who: Worker | None = None


class _WorkerPool:
    """The workers, and what each is doing."""

    def __init__(
        self,
        ray: Any,
        job: Job,
        copy: bool,
        say: Callable[[str], None],
        progress: Callable[[Path, Standing], Progress] | None,
    ):
        self._ray = ray
        self._board = ray.remote(Board).options(num_cpus=0, max_restarts=-1).remote()
        self._watch = Watch(self._board, progress)
        self._job = job
        self._copy = copy
        self._say = say
        self._make: Callable[[], Any] = lambda: None
        self._needs: Mapping[str, int] = {}
        self._starting: dict[Any, _RemoteWorker] = {}  # by the reference of the pending response
        self._busy: dict[Any, tuple[_RemoteWorker, Task]] = {}
        self._idle: list[_RemoteWorker] = []

    def start(self, workers: int) -> None:
        """Start `workers` workers; 0: one per GPU, or one per machine."""
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        count, needs = worker_resources(nodes, workers, self._job.device)
        self._needs = needs
        # Lost attempts are retried and counted by the queue, not by Ray.
        kind = self._ray.remote(RayWorker).options(max_restarts=-1, max_task_retries=0, **needs)
        self._make = lambda: kind.remote(self._job)
        each = " and ".join(
            counted(number, what.removeprefix("num_").removesuffix("s").upper())
            for what, number in needs.items()
        )
        self._say(f"{counted(count, 'worker')} with {each} each")
        for _ in range(count):
            self._greet(_RemoteWorker(self._make()))

    def work(self, queue: Queue) -> None:
        """Process the queue until it is empty. Raises `StoppedError` if no worker is left, and
        there is no machine for another."""
        since = time.monotonic()
        while True:
            while self._idle and (task := queue.take(self._idle[-1].who)) is not None:
                self._send(self._idle.pop(), task, queue)
            wait = queue.wait()
            if wait is None and not self._busy:
                return
            refs = [*self._busy, *self._starting]
            if not refs and not self._idle:
                raise StoppedError("--ray: no worker is left; the reasons are given above")
            if self._busy or self._idle:
                since = time.monotonic()
            elif time.monotonic() - since > _PATIENCE:
                self._check_machines()
                self._say("waiting for the cluster to have room for a worker (see ray status)")
                since = time.monotonic()
            limit = min(wait, _PATIENCE) if wait is not None and self._idle else _PATIENCE
            if self._busy:
                limit = min(limit, self._watch.every)
            if not refs:
                time.sleep(limit)
                continue
            refs += self._watch.ask()
            ready, _ = self._ray.wait(refs, num_returns=1, timeout=limit)
            for ref in ready:
                if ref == self._watch.ref:
                    self._look(ref)
                elif ref in self._busy:
                    self._collect(ref, queue)
                else:
                    self._greeted(ref)

    def _look(self, ref: Any) -> None:
        try:
            reports = self._ray.get(ref)
        except self._ray.exceptions.RayError:
            reports = []  # Ray is restarting the board; the batch goes on
        self._watch.show(reports)

    def _check_machines(self) -> None:
        """Raise `StoppedError` if no machine that is alive could run a worker."""
        cure = "start it again (ray status shows its machines), then give the same command again"
        found = _in_time(self._ray.nodes)
        if not found:
            raise StoppedError(f"--ray: the cluster does not respond; {cure}")
        (nodes,) = found
        alive = [node["Resources"] for node in nodes if node["Alive"]]
        wanted = {
            {"num_gpus": "GPU", "num_cpus": "CPU"}[name]: count
            for name, count in self._needs.items()
        }
        if any(all(node.get(k, 0) >= count for k, count in wanted.items()) for node in alive):
            return
        raise StoppedError(
            f"--ray: no machine is left that could run a worker ({len(alive)} of {len(nodes)} "
            f"respond); {cure}"
        )

    def stop(self, queue: Queue) -> None:
        """Stop the workers and drop their attempts."""
        busy = [worker for worker, _ in self._busy.values()]
        actors = [w.actor for w in (*self._idle, *self._starting.values(), *busy)]
        actors.append(self._board)
        _in_time(lambda: [self._ray.kill(actor) for actor in actors])
        for _, task in self._busy.values():
            queue.drop(task)
        self._busy.clear()

    def _greet(self, worker: _RemoteWorker) -> None:
        self._starting[worker.actor.hello.remote()] = worker

    def _greeted(self, ref: Any) -> None:
        worker = self._starting.pop(ref)
        try:
            version, worker.who = self._ray.get(ref)
        except self._ray.exceptions.ActorUnavailableError:
            self._greet(worker)  # Ray is restarting it
            return
        except self._ray.exceptions.RayError as error:
            self._say(f"a worker did not start: {_cause(error)}")
            self._ray.kill(worker.actor)
            return
        if version != __version__:
            self._say(
                f"{worker.who.host}: has kinograph {version}, but this is {__version__}; it is not "
                f"used; run there: pip install kinograph=={__version__}"
            )
            self._ray.kill(worker.actor)
            return
        self._idle.append(worker)

    def _send(self, worker: _RemoteWorker, task: Task, queue: Queue) -> None:
        report = (str(task.folder), self._board)
        if not self._copy:
            self._watch.begin(task, queue.standing)
            self._busy[worker.actor.run.remote(task.path, task.folder, *report)] = (worker, task)
            return
        try:
            size = task.path.stat().st_size
            if size > COPY_LIMIT:
                error = (
                    f"{task.path}: has {size / 2**30:.1f} GiB, but --ray-copy transfers at most "
                    f"{COPY_LIMIT / 2**30:.0f} GiB; use a disk that all machines share"
                )
                raise InputError(error)
            data = self._ray.put(task.path.read_bytes())
        except (OSError, InputError) as error:
            self._idle.append(worker)
            queue.settle(task, AttemptResult(str(error), final=isinstance(error, InputError)))
            return
        self._watch.begin(task, queue.standing)
        self._busy[worker.actor.run_copied.remote(task.path, data, *report)] = (worker, task)

    def _collect(self, ref: Any, queue: Queue) -> None:
        worker, task = self._busy.pop(ref)
        self._watch.end(task)
        errors = self._ray.exceptions
        try:
            returned = self._ray.get(ref)
        except errors.RayActorError as error:
            who = f" (host {worker.who.host}, process {worker.who.pid})" if worker.who else ""
            text = f"the worker{who} died while it processed this: killed, crashed or out of memory"
            queue.settle(task, AttemptResult(text))
            # Ray will not restart it.
            dead = isinstance(error, errors.ActorDiedError)
            self._greet(_RemoteWorker(self._make()) if dead else worker)
            return
        except errors.RayError as error:
            queue.settle(task, AttemptResult(_cause(error), internal=True))
            self._greet(worker)
            return
        outcome = returned
        if self._copy:
            # The worker knows the time of its copy only; that of the file is in the entry.
            mtime = queue.manifest.items[str(task.path)].mtime_ns
            outcome = replace(_received(task, *returned), mtime_ns=mtime)
        queue.settle(task, outcome)
        if outcome.internal:
            self._ray.kill(worker.actor, no_restart=False)  # its cache is not used again
            self._greet(worker)
        else:
            self._idle.append(worker)


def _received(task: Task, outcome: AttemptResult, files: dict[str, bytes]) -> AttemptResult:
    """Write the files that a worker returned."""
    try:
        for name, data in files.items():
            path = task.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except OSError as error:
        return replace(outcome, error=f"{file_of(error)}: {error.strerror}", outputs=())
    return outcome


def worker_resources(
    nodes: Sequence[Mapping[str, float]], workers: int, device: str
) -> tuple[int, dict[str, int]]:
    """Return the number of workers, and the resources that each asks of Ray.

    nodes: the resources of the cluster's machines

    Raises `InputError` for a GPU on a cluster without any.
    """
    gpus = [node for node in nodes if node.get("GPU", 0) >= 1]
    if gpus and device != "cpu":
        available = sum(int(node["GPU"]) for node in gpus)
        cpus = min(int(node.get("CPU", 0) // node["GPU"]) for node in gpus)
        return min(workers or available, available), {
            "num_gpus": 1,
            "num_cpus": min(cpus, _MAX_CPUS),
        }
    if device.startswith("cuda"):
        raise InputError(
            f"--device {device}: no machine of the cluster has a GPU; use --device cpu"
        )
    nodes = [node for node in nodes if node.get("CPU", 0) >= 1]
    count = workers or max(1, len(nodes))
    on_each = -(-count // max(1, len(nodes)))
    cpus = min((int(node["CPU"] // on_each) for node in nodes), default=1)
    return count, {"num_cpus": max(cpus, 1)}


def _cause(error: Exception) -> str:
    """Return the line that says what happened from an error of Ray, which has a whole traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[-1] if lines else type(error).__name__
    if "No module named 'kinograph" in str(error):
        text += (
            f"; install it on every machine of the cluster: pip install kinograph=={__version__}"
        )
    return text
