"""The engine cache under crashes, damage and crowds: a whole engine, a rebuild or a named error."""

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kinograph.engines.errors import EngineError
from kinograph.engines.runtime.cache import EngineCache, digest
from kinograph.engines.runtime.folders import engine_folder

KEY = {"network": "net", "precision": "fp16", "profile": [[1, 3, 32, 32], [8, 3, 256, 448]]}
CONTENT = bytes(range(256)) * 40


class Builder:
    """Writes the content and counts how often."""

    def __init__(self, content: bytes = CONTENT):
        self.content = content
        self.builds = 0

    def __call__(self, path: Path) -> None:
        self.builds += 1
        path.write_bytes(self.content)


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "models with späce" / "engines")


def names(cache: EngineCache) -> list[str]:
    return sorted(p.suffix for p in cache.folder.iterdir())


def test_built_once_then_found(cache: EngineCache) -> None:
    build = Builder()
    first, second = cache.fetch("net", KEY, build), cache.fetch("net", KEY, build)
    assert (first.built, second.built, build.builds) == (True, False, 1)
    assert second.path.read_bytes() == CONTENT
    assert second.path.name == f"net-{digest(KEY)[:16]}.engine"
    assert second.sidecar["key"] == KEY
    assert names(cache) == [".engine", ".json", ".lock"]


@pytest.mark.parametrize(
    "change",
    [
        {"precision": "fp32"},
        {"network": "other"},
        {"profile": [[1, 3, 32, 32], [8, 3, 256, 449]]},
        {"driver": "580"},
    ],
)
def test_every_part_of_the_key_counts(cache: EngineCache, change: dict[str, object]) -> None:
    build = Builder()
    cache.fetch("net", KEY, build)
    cache.fetch("net", {**KEY, **change}, build)
    assert build.builds == 2


def test_the_order_of_the_key_does_not_count() -> None:
    assert digest(KEY) == digest(dict(reversed(KEY.items())))


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(damage=st.data())
def test_damage_anywhere_means_a_rebuild(cache: EngineCache, damage: st.DataObject) -> None:
    """Engine or sidecar cut at any byte, one bit flipped anywhere, or arbitrary bytes."""
    build = Builder()
    artifact = cache.fetch("net", KEY, build)
    target = damage.draw(st.sampled_from([artifact.path, artifact.path.with_suffix(".json")]))
    data = target.read_bytes()
    kind = damage.draw(st.sampled_from(["cut", "flip", "bytes", "gone"]))
    # A sidecar's length is not always the same, as it holds the seconds that the build took.
    at = damage.draw(st.integers(0, 2**20)) % len(data)
    if kind == "cut":
        target.write_bytes(data[:at])
    elif kind == "flip":
        bit = damage.draw(st.integers(0, 7))
        target.write_bytes(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
    elif kind == "bytes":
        target.write_bytes(damage.draw(st.binary(max_size=300)))
    else:
        target.unlink()
    again = cache.fetch("net", KEY, build)
    assert again.path.read_bytes() == CONTENT
    # A flip inside the sidecar's prose (the date) harms nothing; anything else was rebuilt.
    assert again.built or target.suffix == ".json"
    for leftover in cache.leftovers():
        leftover.unlink()


def test_what_was_damaged_is_put_aside(cache: EngineCache) -> None:
    artifact = cache.fetch("net", KEY, Builder())
    artifact.path.write_bytes(b"bad")
    again = cache.fetch("net", KEY, Builder())
    assert again.notes == (
        f"{artifact.path.name} was not usable (it has 3 bytes instead of {len(CONTENT)}) "
        "and is rebuilt",
    )
    (bad,) = cache.leftovers()
    assert bad.read_bytes() == b"bad"


def test_an_engine_that_cannot_be_used_is_rebuilt_once(cache: EngineCache) -> None:
    cache.fetch("net", KEY, Builder(b"old version"))

    def check(path: Path) -> None:
        if path.read_bytes() != CONTENT:
            raise EngineError("deserialising failed")

    again = cache.fetch("net", KEY, Builder(), check)
    assert again.built
    assert "deserialising failed" in again.notes[0]
    stubborn = Builder(b"never right")
    again.path.write_bytes(b"x")
    with pytest.raises(EngineError, match="deserialising failed"):
        cache.fetch("net", KEY, stubborn, check)
    assert stubborn.builds == 1
    assert not again.path.exists()


def test_a_failed_build_leaves_nothing(cache: EngineCache) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise EngineError("unsupported operator")

    with pytest.raises(EngineError, match="unsupported operator"):
        cache.fetch("net", KEY, fail)
    assert names(cache) == [".lock"]


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "a..b", "x" * 101, "a\\b", "a b"])
def test_names_that_could_lead_elsewhere(cache: EngineCache, name: str) -> None:
    with pytest.raises(EngineError, match="engine name: expected letters"):
        cache.fetch(name, KEY, Builder())


def test_a_full_disk(cache: EngineCache, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        path.write_bytes(b"part")
        raise OSError(28, "No space left on device")

    with pytest.raises(EngineError, match=r"No space left on device.*KINOGRAPH_MODELS_DIR"):
        cache.fetch("net", KEY, full)
    assert names(cache) == [".lock"]


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that every user can reach; what pytest gives belongs to one."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def without_privileges(folder: Path, mode: int) -> list[str]:
    """Return what a user sees who has only `mode` on a folder with one engine: whether that was
    built, what another build says, and what listing the engines says."""
    EngineCache(folder).fetch("net", KEY, Builder())
    for file in folder.iterdir():
        file.chmod(0o644)
    folder.chmod(mode)
    code = f"""
import os, sys
from pathlib import Path
import filelock
from kinograph.engines.errors import EngineError
from kinograph.engines.runtime.cache import EngineCache
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)
cache = EngineCache(Path({str(folder)!r}))
key = {KEY!r}
def said(call):
    try:
        print(call())
    except EngineError as error:
        print(error)
said(lambda: cache.fetch("net", key, None).built)
said(lambda: cache.fetch("net", {{**key, "precision": "int4"}}, lambda p: p.write_bytes(b"x")))
said(lambda: len(cache.entries()))
"""
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert not done.returncode, done.stderr
    finally:
        folder.chmod(0o755)
    return done.stdout.splitlines()


def test_a_read_only_folder(shared_folder: Path) -> None:
    """What is cached can be used; what is not gives the cure."""
    cached, built, listed = without_privileges(shared_folder / "engines", 0o555)
    assert cached == "False"
    assert "cannot be written (Permission denied); set KINOGRAPH_MODELS_DIR" in built
    assert listed == "1"


def test_a_folder_that_may_not_be_read(shared_folder: Path) -> None:
    said = without_privileges(shared_folder / "engines", 0o000)
    assert len(said) == 3
    for line in said:
        assert str(shared_folder / "engines") in line
        assert "(Permission denied)" in line
        assert "KINOGRAPH_MODELS_DIR" in line


def test_a_disk_without_inodes(cache: EngineCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bytes are free, so what is missing is named."""

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    usual = os.statvfs
    values = {"f_files": 1000, "f_favail": 0}
    monkeypatch.setattr(os, "statvfs", lambda path: changed(usual(path), values))
    with pytest.raises(EngineError, match="no inodes are left on its disk: delete files there"):
        cache.fetch("net", KEY, full)


def changed(status: os.statvfs_result, values: dict[str, int]) -> SimpleNamespace:
    names = [name for name in dir(status) if name.startswith("f_")]
    return SimpleNamespace(**{name: getattr(status, name) for name in names} | values)


def test_sixteen_threads_build_one_engine(cache: EngineCache) -> None:
    barrier = threading.Barrier(16)
    builds, results = [], []

    def build(path: Path) -> None:
        builds.append(1)
        time.sleep(0.1)
        path.write_bytes(CONTENT)

    def work() -> None:
        barrier.wait()
        results.append(cache.fetch("net", KEY, build).path.read_bytes())

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(builds) == 1
    assert results == [CONTENT] * 16


_WORKER = """
import sys, time
from pathlib import Path
from kinograph.engines.runtime.cache import EngineCache
folder, log = Path(sys.argv[1]), Path(sys.argv[2])
def build(path):
    with log.open("a") as file:
        file.write("built\\n")
    time.sleep(0.3)
    path.write_bytes(b"engine" * 1000)
EngineCache(folder).fetch("net", {"a": 1}, build)
"""


def test_eight_processes_build_one_engine(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-c", _WORKER, str(tmp_path / "engines"), str(log)]
    workers = [subprocess.Popen(command) for _ in range(8)]
    assert [worker.wait(60) for worker in workers] == [0] * 8
    assert log.read_text() == "built\n"


def test_a_killed_build_is_no_engine_and_blocks_nobody(tmp_path: Path) -> None:
    folder, log = tmp_path / "engines", tmp_path / "log"
    slow = _WORKER.replace("time.sleep(0.3)", "path.write_bytes(b'half'); time.sleep(60)")
    worker = subprocess.Popen([sys.executable, "-c", slow, str(folder), str(log)])
    deadline = time.monotonic() + 30
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)
    worker.send_signal(signal.SIGKILL)
    worker.wait(10)
    cache = EngineCache(folder)
    assert cache.entries() == []
    assert [p.name.startswith(".building-") for p in cache.leftovers()] == [True]
    build = Builder()
    assert cache.fetch("net", {"a": 1}, build, timeout=5).path.read_bytes() == CONTENT


def test_a_builder_that_takes_too_long_is_named(cache: EngineCache) -> None:
    inside, leave = threading.Event(), threading.Event()

    def slow(path: Path) -> None:
        inside.set()
        leave.wait(30)
        path.write_bytes(CONTENT)

    thread = threading.Thread(target=cache.fetch, args=("net", KEY, slow))
    thread.start()
    inside.wait(10)
    with pytest.raises(EngineError, match="another process has been building it for 0 s"):
        cache.fetch("net", KEY, Builder(), timeout=0.1)
    leave.set()
    thread.join()


def test_entries_and_remove(cache: EngineCache) -> None:
    assert cache.entries() == []
    good = cache.fetch("good", KEY, Builder())
    bad = cache.fetch("bad", KEY, Builder())
    bad.path.write_bytes(b"x")
    states = {a.name.split("-")[0]: a.state for a in cache.entries()}
    assert states == {"good": "whole", "bad": f"it has 1 bytes instead of {len(CONTENT)}"}
    cache.remove(good)
    assert [a.name.split("-")[0] for a in cache.entries()] == ["bad"]


def test_the_sidecar_is_plain_json(cache: EngineCache) -> None:
    artifact = cache.fetch("net", KEY, Builder())
    data = json.loads(artifact.path.with_suffix(".json").read_text())
    assert data["schema"] == 1
    assert data["size"] == len(CONTENT)


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"KINOGRAPH_MODELS_DIR": "/k"}, Path("/k/engines")),
        ({"DAYDREAM_SCOPE_MODELS_DIR": "/s"}, Path("/s/kinograph-engines")),
        ({"KINOGRAPH_MODELS_DIR": "/k", "DAYDREAM_SCOPE_MODELS_DIR": "/s"}, Path("/k/engines")),
    ],
)
def test_folders(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], folder: Path
) -> None:
    for name in ("KINOGRAPH_MODELS_DIR", "DAYDREAM_SCOPE_MODELS_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert engine_folder() == folder


def test_a_disk_that_really_fills_up(tmp_path: Path) -> None:
    """A process that may not write files above 64 KiB, as on a disk with no more room."""
    code = f"""
import resource, signal
from pathlib import Path
from kinograph.engines.errors import EngineError
from kinograph.engines.runtime.cache import EngineCache
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
cache = EngineCache(Path({str(tmp_path)!r}))
try:
    cache.fetch("net", {{"a": 1}}, lambda path: path.write_bytes(bytes(10**6)))
except EngineError as error:
    print(error)
print(cache.fetch("small", {{"a": 1}}, lambda path: path.write_bytes(bytes(1000))).built)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert not done.returncode, done.stderr
    assert "cannot be written (File too large); free space on its disk" in done.stdout
    assert done.stdout.splitlines()[-1] == "True"
    assert not list(tmp_path.glob("net-*.engine"))
    assert not list(tmp_path.glob(".building-*"))


def test_killed_between_engine_and_sidecar(tmp_path: Path) -> None:
    """The engine lies there, but nobody has found it right yet: it is not used."""
    folder, log = tmp_path / "engines", tmp_path / "log"
    stuck = _WORKER.replace(
        'EngineCache(folder).fetch("net", {"a": 1}, build)',
        'EngineCache(folder).fetch("net", {"a": 1}, build, lambda path: '
        '(log.write_text("written"), time.sleep(60)))',
    )
    worker = subprocess.Popen([sys.executable, "-c", stuck, str(folder), str(log)])
    deadline = time.monotonic() + 30
    while not (log.exists() and log.read_text() == "written") and time.monotonic() < deadline:
        time.sleep(0.02)
    worker.send_signal(signal.SIGKILL)
    worker.wait(10)
    cache = EngineCache(folder)
    (artifact,) = cache.entries()
    assert artifact.state == "its sidecar is missing or damaged"
    build = Builder()
    again = cache.fetch("net", {"a": 1}, build, timeout=5)
    assert (build.builds, again.path.read_bytes()) == (1, CONTENT)
    assert "was not usable (its sidecar is missing or damaged)" in again.notes[0]


def test_what_the_check_says_is_kept_with_a_fresh_build(cache: EngineCache) -> None:
    artifact = cache.fetch("net", KEY, Builder(), lambda path: {"parity": "fine"})
    again = cache.fetch("net", KEY, Builder(), lambda path: {"parity": "other"})
    assert artifact.sidecar["checked"] == again.sidecar["checked"] == {"parity": "fine"}


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "nowhere", "round"])
@pytest.mark.parametrize("suffix", [".engine", ".json", ".kernels"])
def test_something_else_in_the_place_of_a_file(cache: EngineCache, kind: str, suffix: str) -> None:
    path = cache.fetch("net", KEY, Builder()).path
    in_the_way(path.with_suffix(suffix), kind)
    build = Builder()
    again = cache.fetch("net", KEY, build)
    assert again.path.read_bytes() == CONTENT
    assert [a.state for a in cache.entries()] == ["whole"]
    assert build.builds == (suffix != ".kernels")
    for artifact in cache.entries():
        assert cache.remove(artifact) == ""
    for leftover in cache.leftovers():
        cache.delete(leftover)
    assert names(cache) == [".lock"]


def in_the_way(path: Path, kind: str) -> None:
    path.unlink(missing_ok=True)
    if kind == "folder":
        (path / "deep").mkdir(parents=True)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        target = {"device": "/dev/zero", "nowhere": "nothing", "round": path.name}
        path.symlink_to(target[kind])


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "nowhere", "round"])
def test_a_lock_that_is_no_file_is_named(cache: EngineCache, kind: str) -> None:
    artifact = cache.fetch("net", KEY, Builder())
    in_the_way(artifact.path.with_suffix(".lock"), kind)
    assert cache.fetch("net", KEY, Builder()).path == artifact.path  # it needs no lock
    artifact.path.unlink()
    with pytest.raises(EngineError, match=r"expected a regular file, found a"):
        cache.fetch("net", KEY, Builder())
    with pytest.raises(EngineError, match=r"expected a regular file, found a"):
        cache.remove(artifact)


def test_an_engine_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "engines").write_text("")
    cache = EngineCache(tmp_path / "engines")
    with pytest.raises(EngineError, match=r"engine folder .*engines: cannot be read \(Not a dir"):
        cache.entries()
    with pytest.raises(EngineError, match=r"engine folder .*engines: cannot be written"):
        cache.fetch("net", KEY, Builder())


def test_what_is_being_built_is_not_removed(cache: EngineCache) -> None:
    """An engine lies there without a sidecar while it is checked."""
    said = []

    def check(path: Path) -> None:
        (artifact,) = cache.entries()
        assert artifact.state == "its sidecar is missing or damaged"
        said.append(cache.remove(artifact))
        assert list(cache.leftovers()) == []

    def build(path: Path) -> None:
        path.write_bytes(CONTENT)
        assert list(cache.leftovers()) == []
        beside = path.with_name(f"{path.name}.onnx")  # as builders have
        beside.touch()
        assert list(cache.leftovers()) == []
        beside.unlink()

    artifact = cache.fetch("net", KEY, build, check)
    assert said == ["another process is building it"]
    assert artifact.path.read_bytes() == CONTENT


def test_engines_that_are_removed_while_others_fetch_them(cache: EngineCache) -> None:
    over = threading.Event()
    errors: list[BaseException] = []

    def fetch() -> None:
        try:
            for _ in range(60):
                cache.fetch("net", KEY, Builder(), lambda path: path.read_bytes() and None)
        except BaseException as error:
            errors.append(error)
        finally:
            over.set()

    thread = threading.Thread(target=fetch)
    thread.start()
    removed = 0
    while not over.is_set():
        removed += sum(not cache.remove(artifact) for artifact in cache.entries())
    thread.join()
    assert errors == []
    assert removed
