"""A batch on a Ray cluster: a worker a GPU, its engines warm from input to input.

Written against Ray 2.60. A worker is an actor that Ray starts anew when its process dies; what it
was working on is tried again by whichever worker is free. This process alone records and publishes.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import __version__
from ...engines.errors import InputError
from .attempt import AttemptResult, Job
from .manifest import Worker, file_of
from .ray_worker import COPY_LIMIT, RayWorker

if TYPE_CHECKING:
    from .queue import Queue, Task

_PATIENCE = 30.0  # seconds without a worker before that is said
_CPUS = 8  # most CPUs that a worker with a GPU asks for


def on_ray(
    address: str, *, workers: int = 0, copy: bool = False, say: Callable[[str], None]
) -> Callable[[Queue, Job], None]:
    """How `run_batch` works on a cluster. While it does, nothing reaches stdout.

    address: of a cluster ("host:6379", "ray://host:10001", "auto", "local"), or "": that of
             RAY_ADDRESS, else one that runs on this machine, else one started for this batch
    workers: 0: one a GPU of the cluster; one a machine where there is no GPU
    copy:    inputs and outputs travel through Ray's object store, `COPY_LIMIT` bytes each at most
    say:     called with a line for people

    Raises `InputError` for what is no address, and where Ray is not installed.
    """
    if address and address not in ("auto", "local") and ":" not in address:
        raise InputError(
            f"--ray {address}: expected the address of a cluster, e.g. 10.0.0.1:6379 or "
            "ray://10.0.0.1:10001; write --ray without one after the inputs"
        )
    _ray()

    def run(queue: Queue, job: Job) -> None:
        # Ray tells of dead workers on stdout, whatever it is told; our JSON stands there.
        with (
            Path(os.devnull).open("w") as nowhere,
            redirect_stdout(nowhere),
            _cluster(address) as ray,
        ):
            crew = _Crew(ray, job, copy, say)
            try:
                crew.hire(workers)
                crew.work(queue)
            finally:
                crew.dismiss(queue)

    return run


def _ray() -> Any:
    # Neither reports to Ray's makers, nor its warning of a change that does not concern us.
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
    """Ray, connected; a connection that was there before is used, and left."""
    ray = _ray()
    if ray.is_initialized():
        yield ray
        return
    _reach(address or os.environ.get("RAY_ADDRESS", ""))
    try:
        ray.init(address or None, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, ValueError, RuntimeError, TimeoutError, ray.exceptions.RayError) as e:
        raise InputError(
            f"--ray {address or os.environ.get('RAY_ADDRESS', '')}: no cluster answers ({e}); "
            "look at ray status there, and that the versions of Ray and Python are the same"
        ) from e
    try:
        yield ray
    finally:
        ray.shutdown()  # ends a cluster that was started here; leaves others


def _reach(address: str) -> None:
    """Raise `InputError` when nothing listens at HOST:PORT: Ray itself tries for minutes."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not colon:
        return  # a word of Ray's
    hosts = [host.strip("[]")]
    if host in ("127.0.0.1", "localhost"):  # Ray takes this machine's outward address instead
        hosts.append(_ray().util.get_node_ip_address())
    for each in hosts:
        try:
            socket.create_connection((each, int(port)), timeout=10).close()
            return
        except (OSError, ValueError, OverflowError) as error:
            problem = error
    raise InputError(
        f"--ray {address}: nothing answers there ({problem}); ray status on a machine of the "
        "cluster says whether it runs, and the port is that of ray start --head (6379), or 10001 "
        "with ray://"
    )


@dataclass
class _Hand:
    """A worker as it is seen from here; `who` once it has answered."""

    actor: Any
    who: Worker | None = None


class _Crew:
    """The workers, and who is doing what."""

    def __init__(self, ray: Any, job: Job, copy: bool, say: Callable[[str], None]):
        self._ray = ray
        self._job = job
        self._copy = copy
        self._say = say
        self._make: Callable[[], Any] = lambda: None
        self._starting: dict[Any, _Hand] = {}  # by the reference of the answer that is awaited
        self._busy: dict[Any, tuple[_Hand, Task]] = {}
        self._idle: list[_Hand] = []

    def hire(self, workers: int) -> None:
        """Start workers: `workers`, or one a GPU, or one a machine."""
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        count, needs = places(nodes, workers, self._job.device)
        # Whatever was lost is tried again by the queue, which counts: not by Ray as well.
        kind = self._ray.remote(RayWorker).options(max_restarts=-1, max_task_retries=0, **needs)
        self._make = lambda: kind.remote(self._job)
        each = " and ".join(
            f"{number} {what.removeprefix('num_').removesuffix('s').upper()}"
            for what, number in needs.items()
        )
        self._say(f"{count} worker{'s' * (count != 1)} with {each} each")
        for _ in range(count):
            self._greet(_Hand(self._make()))

    def work(self, queue: Queue) -> None:
        """Until the queue is empty. Raises `InputError` when no worker can work."""
        since = time.monotonic()
        while True:
            while self._idle and (task := queue.take(self._idle[-1].who)) is not None:
                self._send(self._idle.pop(), task, queue)
            wait = queue.wait()
            if wait is None and not self._busy:
                return
            refs = [*self._busy, *self._starting]
            if not refs and not self._idle:
                raise InputError("--ray: no worker is left; what went wrong stands above")
            if not self._busy and not self._idle and time.monotonic() - since > _PATIENCE:
                self._say("waits for the cluster to have room for a worker (see ray status)")
                since = time.monotonic()
            limit = min(wait, _PATIENCE) if wait is not None and self._idle else _PATIENCE
            if not refs:
                time.sleep(limit)
                continue
            ready, _ = self._ray.wait(refs, num_returns=1, timeout=limit)
            for ref in ready:
                if ref in self._busy:
                    self._collect(ref, queue)
                else:
                    self._greeted(ref)

    def dismiss(self, queue: Queue) -> None:
        """End the workers; what they were at has not begun."""
        hands = [*self._idle, *self._starting.values(), *(hand for hand, _ in self._busy.values())]
        for hand in hands:
            self._ray.kill(hand.actor)
        for _, task in self._busy.values():
            queue.drop(task)
        self._busy.clear()

    def _greet(self, hand: _Hand) -> None:
        self._starting[hand.actor.hello.remote()] = hand

    def _greeted(self, ref: Any) -> None:
        hand = self._starting.pop(ref)
        try:
            version, hand.who = self._ray.get(ref)
        except self._ray.exceptions.ActorUnavailableError:
            self._greet(hand)  # it is being started anew
            return
        except self._ray.exceptions.RayError as error:
            self._say(f"a worker did not start: {_cause(error)}")
            self._ray.kill(hand.actor)
            return
        if version != __version__:
            self._say(
                f"{hand.who.host}: has kinograph {version}, this is {__version__}; it does not "
                f"take part; run there: pip install kinograph=={__version__}"
            )
            self._ray.kill(hand.actor)
            return
        self._idle.append(hand)

    def _send(self, hand: _Hand, task: Task, queue: Queue) -> None:
        if not self._copy:
            self._busy[hand.actor.run.remote(task.path, task.folder)] = (hand, task)
            return
        try:
            size = task.path.stat().st_size
            if size > COPY_LIMIT:
                error = (
                    f"{task.path}: has {size / 2**30:.1f} GiB, --ray-copy takes "
                    f"{COPY_LIMIT / 2**30:.0f}; use a disk that all machines share"
                )
                raise InputError(error)
            data = self._ray.put(task.path.read_bytes())
        except (OSError, InputError) as error:
            self._idle.append(hand)
            queue.settle(task, AttemptResult(str(error), final=isinstance(error, InputError)))
            return
        self._busy[hand.actor.run_copied.remote(task.path, data)] = (hand, task)

    def _collect(self, ref: Any, queue: Queue) -> None:
        hand, task = self._busy.pop(ref)
        errors = self._ray.exceptions
        try:
            found = self._ray.get(ref)
        except errors.RayActorError as error:
            who = f" (host {hand.who.host}, process {hand.who.pid})" if hand.who else ""
            text = (
                f"the worker{who} ended while it worked on this: killed, crashed or out of memory"
            )
            queue.settle(task, AttemptResult(text))
            # Ray has given it up where it will not start it anew.
            dead = isinstance(error, errors.ActorDiedError)
            self._greet(_Hand(self._make()) if dead else hand)
            return
        except errors.RayError as error:
            queue.settle(task, AttemptResult(_cause(error), internal=True))
            self._greet(hand)
            return
        outcome = found
        if self._copy:
            # The worker knows its copy's time only: that of the file stands in the entry.
            mtime = queue.manifest.items[str(task.path)].mtime_ns
            outcome = replace(_received(task, *found), mtime_ns=mtime)
        queue.settle(task, outcome)
        if outcome.internal:
            self._ray.kill(hand.actor, no_restart=False)  # what it keeps is not trusted again
            self._greet(hand)
        else:
            self._idle.append(hand)


def _received(task: Task, outcome: AttemptResult, files: dict[str, bytes]) -> AttemptResult:
    """Write what came back."""
    try:
        for name, data in files.items():
            path = task.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except OSError as error:
        return replace(outcome, error=f"{file_of(error)}: {error.strerror}", outputs=())
    return outcome


def places(
    nodes: Sequence[Mapping[str, float]], workers: int, device: str
) -> tuple[int, dict[str, int]]:
    """How many workers, and what each asks of Ray, for the resources of the cluster's machines.

    Raises `InputError` for a GPU that is nowhere.
    """
    gpus = [node for node in nodes if node.get("GPU", 0) >= 1]
    if gpus and device != "cpu":
        there = sum(int(node["GPU"]) for node in gpus)
        cpus = min(int(node.get("CPU", 0) // node["GPU"]) for node in gpus)
        return min(workers or there, there), {"num_gpus": 1, "num_cpus": min(cpus, _CPUS)}
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
    """The line of one of Ray's errors that says what happened; they carry whole tracebacks."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[-1] if lines else type(error).__name__
    if "No module named 'kinograph" in str(error):
        text += (
            f"; install it on every machine of the cluster: pip install kinograph=={__version__}"
        )
    return text
