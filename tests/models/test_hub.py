"""Downloads by the real Hub client from a Hub on this machine: each run is a process of its own."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from hub_server import HubServer
from kinograph.engines.errors import ModelError
from kinograph.engines.models import hub
from kinograph.engines.models.entry import Asset, ModelEntry
from kinograph.engines.models.registry import find, parsed

CONTENT = bytes(range(256)) * 8192  # 2 MiB
ENTRY = ModelEntry(
    name="made_up",
    title="Made up",
    task="pose",
    family="movenet",
    licence="Apache-2.0",
    source="nowhere",
    recommended_size=448,
    files=(
        Asset(
            name="weights",
            file="made_up.onnx",
            bytes=len(CONTENT),
            sha256=hashlib.sha256(CONTENT).hexdigest(),
            repo="someone/made-up",
            revision=HubServer.COMMIT,
            remote="onnx/model.onnx",
        ),
    ),
)


def other(**changes: Any) -> ModelEntry:
    """The entry with another file."""
    return replace(ENTRY, files=(replace(ENTRY.main, **changes),))


_RESOLVE = """
import json, sys, time
time.sleep = lambda seconds: None  # the client waits longer each time that it tries again
from pathlib import Path
from kinograph.engines.errors import ModelError
from kinograph.engines.models.entry import Asset, ModelEntry
from kinograph.engines.models.registry import resolved
done = []
def progress(total):
    done.append(total)
    return done.append
try:
    values = json.loads(sys.argv[1])
    entry = ModelEntry(**{**values, "files": tuple(Asset(**file) for file in values["files"])})
    model = resolved(entry, Path(sys.argv[2]), progress=progress)
except ModelError as error:
    print("error", error)
else:
    print("path", model.path)
    print("progress", json.dumps(done))
"""


@pytest.fixture
def server() -> Iterator[HubServer]:
    with HubServer(ENTRY.main.repo, ENTRY.main.remote, CONTENT) as server:
        yield server


def resolve(entry: ModelEntry, folder: Path, url: str, **environment: str) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", _RESOLVE, json.dumps(asdict(entry)), str(folder)],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_ENDPOINT": url, "HF_HOME": str(folder / "home"), **environment},
        timeout=100,
    )
    assert not done.returncode, done.stderr
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


def test_fetched_once_with_progress(server: HubServer, tmp_path: Path) -> None:
    said = resolve(ENTRY, tmp_path, server.url)
    assert said["path"] == str(tmp_path / "made_up.onnx")
    assert (tmp_path / "made_up.onnx").read_bytes() == CONTENT
    total, *steps = json.loads(said["progress"])
    assert total == len(CONTENT) == sum(steps)
    asked = len(server.requests)
    assert "path" in resolve(ENTRY, tmp_path, server.url)
    assert len(server.requests) == asked


def test_a_download_that_broke_off_goes_on(tmp_path: Path) -> None:
    large = CONTENT * 12  # the client writes 10 MB at a time
    entry = other(bytes=len(large), sha256=hashlib.sha256(large).hexdigest())
    with HubServer(ENTRY.main.repo, ENTRY.main.remote, large) as server:
        server.breaks = 1
        said = resolve(entry, tmp_path, server.url)
        if "error" in said:  # the client gave up; the next try goes on
            assert "try again, the download resumes where it stopped" in said["error"]
            assert not (tmp_path / "made_up.onnx").exists()
            said = resolve(entry, tmp_path, server.url)
        assert (tmp_path / "made_up.onnx").read_bytes() == large
        spans = [span for method, span in server.requests if method == "GET" and span]
        assert int(spans[-1].removeprefix("bytes=").split("-")[0]) > 10**7


@pytest.mark.parametrize("wrong", [{"sha256": "0" * 64}, {"bytes": 7}])
def test_other_bytes_are_refused(server: HubServer, tmp_path: Path, wrong: dict[str, str]) -> None:
    said = resolve(other(**wrong), tmp_path, server.url)
    assert "the Hugging Face Hub gave another made_up.onnx: expected" in said["error"]
    assert list(tmp_path.glob("*.onnx")) == []


@pytest.mark.parametrize("environment", [{"HF_HUB_OFFLINE": "1"}, {}])
def test_without_a_network_it_says_which_file_goes_where(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    said = resolve(ENTRY, tmp_path, "http://127.0.0.1:9", **environment)
    assert "made_up.onnx is not on this machine and the Hugging Face Hub cannot be" in said["error"]
    assert f"put the file there by hand: {tmp_path / 'made_up.onnx'}" in said["error"]
    assert "huggingface.co/someone/made-up/blob/ccc" in said["error"]


def test_a_file_that_the_hub_does_not_have(server: HubServer, tmp_path: Path) -> None:
    said = resolve(other(remote="other.onnx"), tmp_path, server.url)
    assert "the Hugging Face Hub does not give made_up.onnx" in said["error"]


def test_a_file_put_there_by_hand_needs_no_network(tmp_path: Path) -> None:
    (tmp_path / "made_up.onnx").write_bytes(CONTENT)
    assert "path" in resolve(ENTRY, tmp_path, "http://127.0.0.1:9")
    (tmp_path / "made_up.onnx").write_bytes(CONTENT[:-1])
    said = resolve(ENTRY, tmp_path, "http://127.0.0.1:9")
    assert "is damaged: expected 2097152 bytes, found 2097151; delete it" in said["error"]


def test_a_licence_is_shown_before_anything_is_fetched(server: HubServer, tmp_path: Path) -> None:
    entry = replace(ENTRY, licence="Own", terms="No commercial use: https://example.org/licence.")
    said = resolve(entry, tmp_path, server.url)
    assert "No commercial use: https://example.org/licence." in said["error"]
    assert "KINOGRAPH_ACCEPT_LICENCES=made_up" in said["error"]
    assert server.requests == []
    assert "path" in resolve(
        entry, tmp_path, server.url, KINOGRAPH_ACCEPT_LICENCES="other, made_up"
    )


def test_accepting_in_the_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = replace(ENTRY, terms="Read me.")
    monkeypatch.delenv(hub.ACCEPT, raising=False)
    with pytest.raises(ModelError, match="switch on accept_licence"):
        hub.fetch(entry, entry.main, tmp_path)


def test_registry_files_are_checked() -> None:
    with pytest.raises(ModelError, match=r"models.yaml, x: missing or unknown fields \['bytes', "):
        parsed("x: {title: X}")
    with pytest.raises(ModelError, match="expected one of movenet_multipose"):
        find("x")
