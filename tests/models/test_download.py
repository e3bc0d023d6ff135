"""Weights from a URL: resumed, checked, and refused with what to do."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hub_server import HubServer
from kinograph.engines.errors import ModelError
from kinograph.engines.models.entry import Asset, ModelEntry
from kinograph.engines.models.registry import resolved

CONTENT = bytes(range(256)) * 4096  # 1 MiB
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server() -> Iterator[HubServer]:
    with HubServer("models", "made_up.pth", CONTENT) as server:
        yield server


@pytest.fixture
def entry(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> ModelEntry:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return ModelEntry(
        name="made_up",
        title="Made up",
        task="flow",
        family="raft_small",
        licence="BSD-3-Clause",
        source="nowhere",
        recommended_size=640,
        files=(Asset("weights", "made_up.pth", sha256=DIGEST[:8], url=server.url + server.path),),
    )


def other(entry: ModelEntry, **changes: str) -> ModelEntry:
    """The entry with another file."""
    return replace(entry, files=(replace(entry.main, **changes),))


def test_it_is_fetched_and_its_whole_digest_known(entry: ModelEntry, tmp_path: Path) -> None:
    done: list[int] = []

    def progress(total: int):  # type: ignore[no-untyped-def]
        assert total == len(CONTENT)
        return done.append

    model = resolved(entry, tmp_path, progress=progress)
    assert model.path == tmp_path / "made_up.pth"
    assert model.path.read_bytes() == CONTENT
    assert model.entry.sha256 == DIGEST
    assert sum(done) == len(CONTENT)
    assert resolved(entry, tmp_path).path == model.path


def test_what_broke_off_goes_on(entry: ModelEntry, server: HubServer, tmp_path: Path) -> None:
    server.breaks = 1
    with pytest.raises(ModelError, match="resumes where it stopped"):
        resolved(entry, tmp_path)
    assert not (tmp_path / "made_up.pth").exists()
    assert resolved(entry, tmp_path).path.read_bytes() == CONTENT
    assert [wanted for _, wanted in server.requests] == ["", f"bytes={len(CONTENT) // 2}-"]


def test_other_bytes_are_refused(entry: ModelEntry, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"expected sha256 00000000, found .*put the file there"):
        resolved(other(entry, sha256="0" * 8), tmp_path)
    assert not list(tmp_path.rglob("*.pth"))


def test_no_such_file(entry: ModelEntry, server: HubServer, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"answers 404 .*by hand: .*made_up.pth \(from http"):
        resolved(other(entry, url=server.url + "/nothing"), tmp_path)


def test_nobody_there(entry: ModelEntry, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be fetched"):
        resolved(other(entry, url="http://127.0.0.1:9/made_up.pth"), tmp_path)


def test_offline(entry: ModelEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set"):
        resolved(entry, tmp_path)
