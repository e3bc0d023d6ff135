"""Batches on a real Ray on this machine: workers, a worker killed half way, files by copy."""

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from batch_checks import entries, footage, verified
from kinograph.engines.errors import InputError
from kinograph.workflows.batch import ray_cluster
from kinograph.workflows.batch.ray_progress import Report, Reporter
from kinograph.workflows.cli import main
from kinograph.workflows.cli.commands import batch as batch_command

pytestmark = pytest.mark.long

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
ray = pytest.importorskip("ray", reason="Ray has no package for this Python or system")

FRAMES = {
    "1": {"class_type": "LoadVideo", "inputs": {"file": "any.mp4"}},
    "2": {"class_type": "GetVideoComponents", "inputs": {"video": ["1", 0]}},
    "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "f"}},
}

Run = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture(scope="module", autouse=True)
def cluster(models_dir: Path) -> Iterator[None]:
    """Two CPUs; what `kinograph batch --ray` finds connected it uses."""
    ray.init(
        "local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        object_store_memory=100 * 2**20,
    )
    yield
    ray.shutdown()


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> Run:
    monkeypatch.setattr("kinograph.workflows.batch.queue._MAX_PAUSE", 0.0)

    def call(*arguments: object) -> tuple[int, dict[str, Any], str]:
        path = tmp_path / "graph.json"
        path.write_text(json.dumps(FRAMES))
        words = ["batch", str(path), *map(str, arguments), "--output-dir", str(tmp_path / "out")]
        status = main([*words, "--device", "cpu", "--json", "--ray"])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, json.loads(out) if out else {}, err

    return call


def killed(out: Path, pids: list[int]) -> None:
    """SIGKILL the process that works on long.mp4, once it has made some of its frames."""
    deadline = time.monotonic() + 60
    while len(list(out.glob(".long.attempt-1/*.png"))) < 10:
        if time.monotonic() > deadline:
            return
        time.sleep(0.005)
    lines = [*_lines(out / "manifest.journal"), *_lines(out / "manifest.json")]
    workers = [i["worker"] for i in lines if i["folder"] == "long" and i["worker"]]
    pids.append(workers[0]["pid"])
    os.kill(pids[0], signal.SIGKILL)


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    if path.suffix == ".json":
        found: list[dict[str, Any]] = json.loads(path.read_text())["inputs"]
        return found
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_worker_killed_half_way(run: Run, tmp_path: Path) -> None:
    """Its input is tried again elsewhere; every output is there once; the others do not notice."""
    counts = {"a": 3, "b": 4, "long": 300, "z": 5}
    for name, count in counts.items():
        footage(tmp_path / "in" / f"{name}.mp4", count)
    (tmp_path / "in" / "broken.mp4").write_text("no video")
    out = tmp_path / "out"
    pids: list[int] = []
    killer = threading.Thread(target=killed, args=(out, pids))
    killer.start()
    status, summary, err = run(tmp_path / "in", "--workers", 2)
    killer.join()
    assert "2 workers with 1 CPU each" in err
    assert status == 2
    assert (summary["done"], summary["failed"], summary["pending"]) == (4, 1, 0)
    assert f"process {pids[0]}) died while it processed this" in err
    found = entries(out)
    assert [e["attempts"] for e in found.values()] == [1, 1, 1, 2, 1]  # what is broken once
    assert found["broken.mp4"]["status"] == "failed"
    long = found["long.mp4"]
    assert (long["status"], long["error"], long["frames"]) == ("done", "", 300)
    assert long["worker"]["pid"] not in (pids[0], os.getpid())
    assert verified(out) == sum(counts.values())
    # The same command again has nothing left to do but to say what failed.
    status, summary, _ = run(tmp_path / "in", "--workers", 2)
    assert (status, summary["skipped"], summary["failed"]) == (2, 4, 1)


def test_files_by_copy(run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    """What the workers made is here; a limit is a limit."""
    a, b = footage(tmp_path / "a.mp4", 3), footage(tmp_path / "b.mp4", 60)
    monkeypatch.setattr(ray_cluster, "COPY_LIMIT", b.stat().st_size - 1)
    status, summary, _ = run(a, b, "--ray-copy", "--workers", 1)
    out = tmp_path / "out"
    assert (status, summary["done"], summary["failed"]) == (2, 1, 1)
    assert "b.mp4: has 0.0 GiB, but --ray-copy transfers" in summary["errors"][str(b)]
    assert verified(out) == 3
    found = entries(out)
    assert found["b.mp4"]["attempts"] == 1  # a second attempt would not be smaller
    assert found["a.mp4"]["sha256"] == hashlib.sha256(a.read_bytes()).hexdigest()
    assert found["a.mp4"]["mtime_ns"] == a.stat().st_mtime_ns
    assert run(a, "--ray-copy")[1]["skipped"] == 1


def test_progress_within_the_inputs(run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    """Workers report once a second; each input has lines of its own."""
    monkeypatch.setattr(batch_command, "_EVERY", 0.0)
    a, b = (footage(tmp_path / f"{name}.mp4", 1500) for name in "ab")
    status, _, err = run(a, b, "--workers", 2, "--chunk", 50)
    assert status == 0
    found = re.findall(r"\[([12])/2\] ([ab])\.mp4: frames: (\d+) of 1500 frames, about", err)
    assert {name for _, name, _ in found} == {"a", "b"}
    assert {number for number, _, _ in found} == {"1", "2"}
    for name in "ab":
        counts = [int(count) for _, which, count in found if which == name]
        assert counts == sorted(counts)
        assert counts[0] > 0
        assert counts[-1] < 1500


def test_a_report_a_second() -> None:
    now = 0.0
    sent: list[Report] = []
    reporter = Reporter("a", sent.append, clock=lambda: now)
    first = reporter("Load", 10)
    first(4)
    now = 1.5
    first(2)
    second = reporter("Save", 0)
    first(4)  # its bar has been replaced
    now = 2.6
    second(3)
    assert sent == [Report("a", 1, "Load", 10, 6), Report("a", 2, "Save", 0, 3)]


def test_another_version_on_the_machines(run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(ray_cluster, "__version__", "9.9")
    status, _, err = run(footage(tmp_path / "a.mp4", 2), "--workers", 1)
    assert status == 2
    assert "this is 9.9; it is not used; run there: pip install kinograph==9.9" in err
    assert "no worker is left" in err
    assert entries(tmp_path / "out")["a.mp4"]["status"] == "pending"


# A few seconds are enough for a cluster on this machine.
IMPATIENT = """
import sys
from kinograph.workflows.batch import ray_cluster
from kinograph.workflows.cli import main
ray_cluster._PATIENCE = ray_cluster._RESPONSE = 5.0
sys.exit(main(sys.argv[1:]))
"""


@contextmanager
def of_its_own(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a batch on a cluster of its own, and yield it when a worker is at the long input."""
    footage(tmp_path / "in" / "a.mp4", 2)
    footage(tmp_path / "in" / "long.mp4", 6000)
    graph = tmp_path / "graph.json"
    graph.write_text(json.dumps(FRAMES))
    out = tmp_path / "out"
    words = [sys.executable, "-c", IMPATIENT, "batch", str(graph)]
    words += [str(tmp_path / "in"), "--output-dir", str(out), "--device", "cpu", "--json"]
    with subprocess.Popen(
        [*words, "--ray=local", "--workers=1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            deadline = time.monotonic() + 120
            while len(list(out.glob(".long.attempt-1/*.png"))) < 10:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield process
        finally:
            process.kill()


def test_a_cluster_that_breaks_ends_the_batch_with_a_summary(tmp_path: Path) -> None:
    with of_its_own(tmp_path) as process:
        (raylet,) = [
            child for child in psutil.Process(process.pid).children() if child.name() == "raylet"
        ]
        raylet.kill()
        out, err = process.communicate(timeout=150)
    assert process.returncode == 2
    summary = json.loads(out)
    assert (summary["done"], summary["pending"], summary["interrupted"]) == (1, 1, False)
    assert "no machine is left that could run a worker (0 of 1 respond)" in summary["stopped"]
    assert err.splitlines()[-1] == f"kinograph: {summary['stopped']}"
    assert "Traceback" not in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_no_trace_of_ray(tmp_path: Path, number: int) -> None:
    with of_its_own(tmp_path) as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    summary = json.loads(out)
    assert (summary["done"], summary["pending"], summary["interrupted"]) == (1, 1, True)
    assert all(line.startswith("kinograph: ") for line in err.splitlines()), err
    entry = entries(tmp_path / "out")["long.mp4"]
    assert (entry["status"], entry["attempts"]) == ("pending", 0)
    assert not list((tmp_path / "out").glob(".*attempt*"))


GPUS = [{"CPU": 64.0, "GPU": 8.0}, {"CPU": 8.0, "GPU": 2.0}, {"CPU": 16.0}]


@pytest.mark.parametrize(
    ("nodes", "workers", "device", "count", "needs"),
    [
        (GPUS, 0, "auto", 10, {"num_gpus": 1, "num_cpus": 4}),
        (GPUS, 3, "cuda", 3, {"num_gpus": 1, "num_cpus": 4}),
        (GPUS, 30, "auto", 10, {"num_gpus": 1, "num_cpus": 4}),
        (GPUS[:1], 0, "auto", 8, {"num_gpus": 1, "num_cpus": 8}),
        (GPUS, 0, "cpu", 3, {"num_cpus": 8}),
        (GPUS[2:], 0, "auto", 1, {"num_cpus": 16}),
        (GPUS[2:], 3, "auto", 3, {"num_cpus": 5}),
        ([{"CPU": 2.0}, {"object_store_memory": 1.0}], 4, "auto", 4, {"num_cpus": 1}),
    ],
)
def test_workers_for_the_machines(
    nodes: list[dict[str, float]], workers: int, device: str, count: int, needs: dict[str, int]
) -> None:
    assert ray_cluster.worker_resources(nodes, workers, device) == (count, needs)


def test_a_gpu_that_no_machine_has() -> None:
    with pytest.raises(InputError, match="no machine of the cluster has a GPU"):
        ray_cluster.worker_resources(GPUS[2:], 0, "cuda")


@pytest.mark.parametrize("address", ["clip.mp4", "here"])
def test_an_input_is_no_address(address: str) -> None:
    with pytest.raises(InputError, match="put --ray after the inputs"):
        ray_cluster.on_ray(address, say=print)


@pytest.mark.parametrize("address", ["{}:{}", "ray://{}:{}", "{}:port", "127.0.0.1:1"])
def test_a_cluster_that_does_not_answer(address: str) -> None:
    with socket.create_server(("127.0.0.2", 0)) as server:
        host, port = server.getsockname()  # free when the server is closed
    with pytest.raises(InputError, match="nothing listens there"):
        ray_cluster._reach(address.format(host, port))


def test_without_ray(monkeypatch: Any) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'kinograph\[ray\]'"):
        ray_cluster.on_ray("", say=print)


@pytest.mark.parametrize("option", ["--ray-copy", "--workers=2"])
def test_options_that_need_ray(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    assert main(["batch", str(tmp_path / "g.json"), "a.mp4", option]) == 2
    assert "need --ray" in capsys.readouterr().err
