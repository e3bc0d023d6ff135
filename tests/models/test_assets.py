"""Models of several files: read from YAML, fetched, checked and listed one by one."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hub_server import HubServer
from kinograph.engines.errors import ModelError
from kinograph.engines.models import registry as registry_module
from kinograph.engines.models.entry import Asset, ModelEntry
from kinograph.engines.models.registry import parsed, resolved, state_of

WEIGHTS, TOPOLOGY = bytes(range(256)) * 16, b"faces"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


_YAML = f"""
body:
  title: A body
  task: body
  family: made_up
  licence: MIT
  source: nowhere
  recommended_size: 256
  repo: someone/body
  revision: {"c" * 40}
  files:
    weights: {{file: body.safetensors, bytes: {len(WEIGHTS)}, sha256: {digest(WEIGHTS)}}}
    topology: {{file: faces.npz, bytes: 0, sha256: "", remote: data/faces.npz}}
"""


def test_several_files_share_a_repository() -> None:
    entry = parsed(_YAML)["body"]
    assert [asset.name for asset in entry.files] == ["weights", "topology"]
    assert {asset.repo for asset in entry.files} == {"someone/body"}
    assert entry.main.file == "body.safetensors"
    assert entry.files[1].page.endswith(f"/blob/{'c' * 40}/data/faces.npz")
    assert not entry.embedded


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (_YAML.replace("remote: data", "remotes: data"), r"\['remotes'\]"),
        (_YAML.replace("file: faces.npz, ", ""), r"\['file'\]"),
        (_YAML + "  sha256: ''\n", r"\['sha256'\]"),
        (_YAML.replace("  licence: MIT\n", ""), r"\['licence'\]"),
    ],
)
def test_fields_of_files_are_checked(text: str, fields: str) -> None:
    with pytest.raises(ModelError, match=f"models.yaml, body: missing or unknown fields {fields}"):
        parsed(text)


@pytest.fixture
def entry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModelEntry]:
    """The weights are fetched, the topology comes with the package."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("KINOGRAPH_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setattr(registry_module, "EMBEDDED", tmp_path / "embedded")
    (tmp_path / "embedded").mkdir()
    (tmp_path / "embedded" / "faces.npz").write_bytes(TOPOLOGY)
    with HubServer("models", "body.pth", WEIGHTS) as server:
        weights = Asset("weights", "body.pth", url=server.url + server.path)
        topology = Asset("topology", "faces.npz", len(TOPOLOGY), digest(TOPOLOGY))
        known = parsed(_YAML)["body"]
        yield replace(known, files=(weights, topology))


def test_every_file_is_fetched_or_found(entry: ModelEntry, tmp_path: Path) -> None:
    assert state_of(entry) == "weights: fetched when first used; topology: embedded, file whole"
    model = resolved(entry)
    assert model.paths == {
        "weights": tmp_path / "models" / "body.pth",
        "topology": tmp_path / "embedded" / "faces.npz",
    }
    assert model.path == model.paths["weights"]
    assert model.bytes == len(WEIGHTS) + len(TOPOLOGY)
    assert [asset.sha256 for asset in model.entry.files] == [digest(WEIGHTS), digest(TOPOLOGY)]
    assert state_of(entry) == "weights: downloaded, file whole; topology: embedded, file whole"


def test_every_file_is_checked(entry: ModelEntry, tmp_path: Path) -> None:
    (tmp_path / "embedded" / "faces.npz").write_bytes(b"FACES")
    with pytest.raises(ModelError, match=r"faces\.npz is damaged: expected sha256 .*install Kin"):
        resolved(entry)
    assert "topology: damaged: expected sha256" in state_of(entry)
    (tmp_path / "embedded" / "faces.npz").unlink()
    with pytest.raises(ModelError, match=r"faces\.npz is missing; install Kinograph again"):
        resolved(entry)


def test_the_digest_of_a_model_is_that_of_all_its_files(entry: ModelEntry, tmp_path: Path) -> None:
    known = resolved(entry).entry
    other = replace(known, files=(known.main, replace(known.files[1], sha256="0" * 64)))
    renamed = replace(known, files=(known.main, replace(known.files[1], name="faces")))
    alone = replace(known, files=known.files[:1])
    assert alone.sha256 == digest(WEIGHTS)
    assert len({known.sha256, other.sha256, renamed.sha256, alone.sha256}) == 4
