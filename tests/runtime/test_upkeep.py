"""Looking after engines: by the functions, the command and the node."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from kinograph.engines.errors import EngineError
from kinograph.engines.runtime import upkeep
from kinograph.engines.runtime.cache import EngineCache
from kinograph.engines.runtime.folders import engine_folder
from kinograph.nodes.engine.upkeep import EngineUpkeep
from kinograph.workflows.cli import main

pytestmark = pytest.mark.long

MODEL = "movenet_multipose"
SMALLEST = "mediapipe_face_detector"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a network as ONNX."""
    folder = tmp_path_factory.mktemp("built") / "engines"
    upkeep.build(EngineCache(folder), model=MODEL, backend="onnxruntime", precision="fp32")
    return folder


@pytest.fixture
def cache(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EngineCache:
    """A copy of it that the command finds, too."""
    monkeypatch.setenv("KINOGRAPH_MODELS_DIR", str(tmp_path))
    shutil.copytree(built, engine_folder())
    return EngineCache(engine_folder())


def change_sidecar(path: Path, **key: object) -> None:
    sidecar = json.loads(path.with_suffix(".json").read_text())
    sidecar["key"].update(key)
    path.with_suffix(".json").write_text(json.dumps(sidecar))


def test_what_is_right_is_kept(cache: EngineCache) -> None:
    (found,) = upkeep.verified(cache)
    assert found.state == "right"
    assert "relative error" in found.detail
    assert [f.state for f in upkeep.pruned(cache)] == ["kept"]
    assert [f.state for f in upkeep.rebuilt(cache)] == ["kept"]
    assert [f.state for f in upkeep.listed(cache)] == ["whole"]


def test_what_is_damaged_is_found_rebuilt_or_removed(cache: EngineCache) -> None:
    (artifact,) = cache.entries()
    whole = artifact.path.read_bytes()
    artifact.path.write_bytes(whole[:1000])
    assert [f.state for f in upkeep.verified(cache)] == ["damaged"]
    (found,) = upkeep.rebuilt(cache)
    assert found.state == "rebuilt"
    assert "it has 1000 bytes instead of" in found.detail
    assert [f.state for f in upkeep.verified(cache)] == ["right"]
    artifact.path.write_bytes(whole[:1000])
    assert [f.state for f in upkeep.pruned(cache)] == ["removed"]
    assert cache.entries() == []


def test_another_versions_engines_go(cache: EngineCache) -> None:
    (artifact,) = cache.entries()
    change_sidecar(artifact.path, torch="1.0")
    (found,) = upkeep.verified(cache)
    assert found.state == "whole"
    assert "not used here: built by torch 1.0" in found.detail
    (found,) = upkeep.rebuilt(cache)
    assert found.state == "rebuilt"
    change_sidecar(artifact.path, torch="1.0")
    (found,) = upkeep.pruned(cache)
    assert (found.state, "built by torch 1.0" in found.detail) == ("removed", True)


def test_what_nobody_knows_how_to_build(cache: EngineCache) -> None:
    (artifact,) = cache.entries()
    artifact.path.with_suffix(".json").unlink()
    (found,) = upkeep.rebuilt(cache)
    assert found.state == "kept"
    assert "rebuild it with kinograph build" in found.detail


def test_leftovers_and_age(cache: EngineCache) -> None:
    (cache.folder / ".building-x").write_bytes(b"half")
    (artifact,) = cache.entries()
    old = time.time() - 10 * 86400
    os.utime(artifact.path, (old, old))
    assert [f.state for f in upkeep.pruned(cache, days=30)] == ["kept", "removed"]
    (found,) = upkeep.pruned(cache, days=7)
    assert (found.state, found.detail) == ("removed", "10 days old")


@pytest.mark.parametrize("name", ["../movenet", "/etc/passwd", "other", "", ".building"])
def test_only_names_of_the_folder(cache: EngineCache, name: str) -> None:
    (cache.folder.parent / "movenet.engine").write_bytes(b"x")
    with pytest.raises(EngineError, match="none of this name in"):
        upkeep.pruned(cache, [name])
    assert (cache.folder.parent / "movenet.engine").exists()


def test_the_commands(cache: EngineCache, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engines", "list"]) == 0
    assert "movenet_multipose-fp32-onnx-" in capsys.readouterr().out
    build = ["build", SMALLEST, "--capability", "sm89,sm86", "--precision", "fp32"]
    assert main([*build, "--max-batch", "4"]) == 0
    assert f"{SMALLEST}-128-fp32-tensorrt_rtx-sm89-sm86-" in capsys.readouterr().out
    assert main(["engines", "verify"]) == 0
    out = capsys.readouterr().out
    assert "built for a card, not run here" in out
    assert "right" in out
    assert main(["engines", "rebuild", f"{SMALLEST}-128"]) == 0
    assert "rebuilt" in capsys.readouterr().out
    artifact, *_ = cache.entries()
    artifact.path.write_bytes(b"")
    assert main(["engines", "verify"]) == 1
    assert main(["engines", "prune", "--all"]) == 0
    assert cache.entries() == []
    assert main(["engines", "prune", "nothing"]) == 2
    assert "it is empty" in capsys.readouterr().err
    assert main(["build", MODEL, "--capability", "sm90"]) == 2
    assert "capability: expected one of sm75" in capsys.readouterr().err
    assert main(["build", MODEL, "--flavour", "tensorrt", "--capability", "sm90"]) == 2


def test_the_node(cache: EngineCache) -> None:
    (report,) = EngineUpkeep.execute("list", "").args
    assert str(cache.folder) in report
    assert "whole" in report
    (report,) = EngineUpkeep.execute("prune", MODEL).args
    assert "removed" in report
    (report,) = EngineUpkeep.execute("list", "").args
    assert "no engines yet" in report
