"""The engines at a glance."""

import json
import weakref
from pathlib import Path

import pytest
import torch

from kinograph.engines.models.registry import resolve
from kinograph.engines.runtime import engine as engine_module
from kinograph.engines.runtime import usage
from kinograph.engines.runtime.cache import EngineCache
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.folders import engine_folder
from kinograph.engines.runtime.inventory import Row, inventory
from kinograph.engines.runtime.network import network_of
from kinograph.engines.runtime.upkeep import pruned


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "engines")


def put(cache: EngineCache, name: str = "made", **key: object) -> Path:
    return cache.fetch(
        name,
        {"kind": "engine", "flavour": "tensorrt", **key},
        lambda path: path.write_bytes(b"engine"),
        lambda path: {"parity": "agrees"},
        request={
            "model": "movenet_multipose",
            "backend": "tensorrt",
            "precision": "fp16",
            "max_batch": 16,
            "sizes": [128, 1024],
        },
    ).path


def on_disk(cache: EngineCache) -> list[Row]:
    return [row for row in inventory(cache) if row.on_disk]


def test_no_folder_no_engines(cache: EngineCache) -> None:
    assert on_disk(cache) == []


def test_what_the_sidecar_says(cache: EngineCache) -> None:
    path = put(cache, card=["NVIDIA H200", 9, 0, 132])
    (row,) = on_disk(cache)
    assert (row.name, row.model, row.backend) == (path.stem, "movenet_multipose", "tensorrt")
    assert row.title.startswith("MoveNet")
    assert (row.precision, row.card, row.sizes) == ("fp16", "NVIDIA H200", (128, 1024))
    assert (row.max_batch, row.bytes, row.parity) == (16, 6, "agrees")
    assert row.created.endswith("Z")
    assert (row.damaged, row.loaded, row.ms) == ("", False, None)


@pytest.mark.parametrize(
    ("key", "card"),
    [
        ({"card": ["sm89", "sm90"]}, "sm89 sm90"),
        ({"card": None, "cpu": "AVX2"}, "cpu"),
        ({}, "any"),
        ({"card": 7}, "any"),
    ],
)
def test_cards(cache: EngineCache, key: dict[str, object], card: str) -> None:
    put(cache, **key)
    assert [row.card for row in on_disk(cache)] == [card]


def test_damage_that_is_seen_without_reading(cache: EngineCache) -> None:
    path = put(cache)
    path.write_bytes(b"engin")
    assert on_disk(cache)[0].damaged == "it has 5 bytes instead of 6"
    path.with_suffix(".json").unlink()
    (row,) = on_disk(cache)
    assert row.damaged == "its sidecar is missing or damaged"
    assert row.backend == ""


def test_an_engine_of_the_right_size_is_not_read(
    cache: EngineCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(cache)
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} was read"))
    assert on_disk(cache)[0].damaged == ""


@pytest.mark.parametrize(
    "wrong", [{"request": 7, "checked": []}, {"request": {"sizes": [1, "2"], "max_batch": None}}]
)
def test_sidecars_of_strangers(cache: EngineCache, wrong: dict[str, object]) -> None:
    path = put(cache).with_suffix(".json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **wrong}))
    (row,) = on_disk(cache)
    assert (row.sizes, row.max_batch) == (None, 0)


def test_what_is_in_memory(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    # other tests have run the same engine
    monkeypatch.setattr(usage, "_latencies", {})
    monkeypatch.setattr(engine_module, "_living", weakref.WeakSet([engine]))
    cache = EngineCache(engine_folder())  # of the whole run, which may have the graph already
    model = resolve("movenet_multipose")
    built = build_engine(model, network_of(model), backend="onnxruntime", device="cpu", cache=cache)
    built.infer(torch.rand(1, 3, 128, 128))
    engine.load()
    rows = {row.name: row for row in inventory(cache)}
    assert rows[built.name].on_disk
    assert rows[built.name].loaded
    assert rows[built.name].images == 1
    assert (rows[built.name].ms or 0) > 0
    memory = rows[engine.name]
    assert (memory.on_disk, memory.loaded, memory.bytes) == (False, True, 0)
    assert (memory.backend, memory.card) == ("torch", "cpu")
    built.unload()
    assert not next(row for row in on_disk(cache) if row.name == built.name).loaded


def test_saying_what_would_be_pruned_removes_nothing(cache: EngineCache) -> None:
    path = put(cache)
    path.write_bytes(b"engin")
    left = cache.folder / "old.engine.1.bad"
    left.write_bytes(b"bad")
    said = pruned(cache, only_say=True)
    assert path.exists()
    assert left.exists()
    assert pruned(cache) == said
    assert not path.exists()
    assert not left.exists()
