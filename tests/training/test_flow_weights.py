"""The weights of a trained flow network, as a file that RAFT small reads."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from safetensors import safe_open

from kinograph.engines.datasets import made_flow
from kinograph.engines.errors import ModelError
from kinograph.engines.flow.families.raft import load
from kinograph.engines.models import checkpoint
from kinograph.engines.models.registry import parsed
from kinograph.engines.training.flow import FlowTask
from kinograph.engines.training.flow_weights import write_flow_weights
from kinograph.engines.training.run import Run
from kinograph.engines.training.settings import Settings
from kinograph.workflows.cli import main


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "checkpoint.pt"
    task = FlowTask(lambda numbers: None, size=(64, 64), seed=3, about={"name": "made"})  # type: ignore[arg-type,return-value]
    checkpoint.save(Run(task, Settings(steps=5, batch=2)).content(), path)
    return path


def test_raft_small_reads_them(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "kinograph_flow_s.safetensors"
    assert main(["train", "flow-weights", "--checkpoint", str(source), "--output", str(path)]) == 0
    told = capsys.readouterr().out
    entry = parsed(told[told.index("kinograph_flow_s:") :])["kinograph_flow_s"]
    assert (entry.task, entry.family, entry.licence) == ("flow", "raft_small", "Apache-2.0")
    assert entry.main.differs(path) == ""
    assert path.stat().st_size < 2.1e6
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    assert metadata["licence"] == "Apache-2.0"
    recipe = json.loads(metadata["recipe"])
    assert recipe["network"] == {"name": "raft_small", "size": [64, 64]}
    assert (recipe["steps"], recipe["pairs"], recipe["settings"]["batch"]) == (0, 0, 2)
    average = checkpoint.load(source)["average"]
    module = load(path, large=False, updates=1)
    conv = module.update.head.first
    assert torch.equal(conv.weight, average["update_block.flow_head.conv1.weight"].half().float())
    frames, _ = made_flow.make("shift", size=(128, 128))
    assert module(frames.movedim(-1, 1))["flow"].shape == (1, 2, 128, 128)


def test_the_entry_is_yaml(source: Path, tmp_path: Path) -> None:
    written = write_flow_weights(source, tmp_path / "a.safetensors")
    assert yaml.safe_load(written.entry)["kinograph_flow_s"]["sha256"] == written.sha256


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"config": {"network": {"name": "rtdetr"}}}, "found one of another network"),
        ({"config": {}}, "found one of another network"),
        ({"average": {}}, "the weights do not fit: missing"),
        ({"average": "large"}, "expected weights below 65504"),
    ],
)
def test_what_is_no_such_checkpoint(
    change: dict[str, object], message: str, source: Path, tmp_path: Path
) -> None:
    content = checkpoint.load(source)
    if change.get("average") == "large":
        average = dict(content["average"])
        name = next(iter(average))
        change = {"average": {**average, name: torch.full_like(average[name], 1e5)}}
    path = tmp_path / "other.pt"
    checkpoint.save({**content, **change}, path)
    with pytest.raises(ModelError, match=message):
        write_flow_weights(path, tmp_path / "a.safetensors")
    assert not (tmp_path / "a.safetensors").exists()
