"""The registry: every entry is valid, and damaged files are told apart from whole ones."""

import hashlib
import re
from pathlib import Path

import pytest

from kinograph.engines.errors import ModelError
from kinograph.engines.flow.family import flow_family
from kinograph.engines.models import registry as registry_module
from kinograph.engines.models.entry import ModelEntry
from kinograph.engines.models.families import family_of
from kinograph.engines.models.registry import (
    EMBEDDED,
    Model,
    registry,
    resolve,
)
from kinograph.engines.pose.family import head_of
from kinograph.engines.runtime.network import network_of
from kinograph.engines.upscale.family import upscale_family

EMBEDDED_NAMES = [entry.name for entry in registry().values() if entry.embedded]


@pytest.mark.parametrize("name", EMBEDDED_NAMES)
def test_every_embedded_entry_is_valid(name: str, root: Path) -> None:
    model = resolve(name)
    entry = model.entry
    assert entry.name == name
    assert entry.licence in {"Apache-2.0", "MIT", "BSD-3-Clause"}  # what may be embedded
    assert entry.sha256 == hashlib.sha256(model.path.read_bytes()).hexdigest()
    network = network_of(model)
    assert entry.recommended_size % network.stride == 0
    assert network.sizes[0] <= entry.recommended_size <= network.sizes[1]
    notice = (root / "NOTICE").read_text()
    assert entry.main.file in notice
    assert entry.source in notice


@pytest.mark.parametrize(
    "entry", [e for e in registry().values() if not e.embedded], ids=lambda e: e.name
)
def test_every_entry_to_fetch_is_valid(entry: ModelEntry) -> None:
    (asset,) = entry.files
    if asset.url:
        assert re.fullmatch(r"https://\S+/" + re.escape(asset.file), asset.url)
        assert len(asset.sha256) == 64 or f"-{asset.sha256}." in asset.file
    else:
        assert re.fullmatch(r"[0-9a-f]{40}", asset.revision)
        assert re.fullmatch(r"[0-9a-f]{64}|", asset.sha256)
        assert asset.sha256 or entry.name == "vitpose_plus_large"  # its Hub page gave none
    model = Model.of_file(entry, Path(asset.file))
    assert Path(asset.file).suffix in family_of(model).suffixes
    assert family_of(model).task == entry.task
    assert entry.recommended_size % 16 == 0
    if entry.task == "pose":
        assert head_of(model)
        assert bool(entry.terms) == (entry.licence != "Apache-2.0")
    else:
        {"flow": flow_family, "upscale": upscale_family}[entry.task](model)
        assert not entry.terms
        assert entry.licence in {"Apache-2.0", "BSD-3-Clause"}


def test_files_in_the_folder_are_not_shared() -> None:
    files = [asset.file for entry in registry().values() for asset in entry.files]
    assert len(set(files)) == len(files)


def test_every_embedded_file_is_in_the_registry() -> None:
    known = {e.main.file for e in registry().values() if e.embedded}
    assert {path.name for path in EMBEDDED.iterdir()} == known


def test_an_unknown_name() -> None:
    with pytest.raises(ModelError, match=r"expected one of movenet_multipose, .*, found 'posenet'"):
        resolve("posenet")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: None, "is missing; install Kinograph again"),
        (lambda data: data[:-1], "expected 9462536 bytes, found 9462535"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "expected sha256 41d0f07e.*found"),
    ],
)
def test_damaged_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: object, message: str
) -> None:
    data = damage((EMBEDDED / "movenet_multipose.safetensors").read_bytes())
    if data is not None:
        (tmp_path / "movenet_multipose.safetensors").write_bytes(data)
    monkeypatch.setattr(registry_module, "EMBEDDED", tmp_path)
    with pytest.raises(ModelError, match=message):
        resolve("movenet_multipose")
