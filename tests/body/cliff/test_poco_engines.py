"""Engines of POCO-CLIFF: built once, with every output, for any number of people."""

from pathlib import Path

import numpy as np
import pytest
import torch

from kinograph.engines.body.cliff.regressor import OUTPUTS, SIZE
from kinograph.engines.body.families import poco_cliff
from kinograph.engines.body.smpl.own import with_smpl
from kinograph.engines.models.registry import Model, resolve
from kinograph.engines.runtime import onnx_export
from kinograph.engines.runtime.engine import build_engine
from kinograph.engines.runtime.network import network_of
from kinograph.workflows.cli import main
from made_poco import SMALL, poco_weights, saved_poco
from made_smpl import smpl_arrays

pytestmark = pytest.mark.long


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    monkeypatch.setattr(poco_cliff, "PLAN", SMALL)
    # Another process would take the published size.
    monkeypatch.setattr(onnx_export, "_is_its_familys", lambda model, network: False)
    saved_poco(tmp_path)
    return resolve("poco_cliff:poco.pt", folder=tmp_path)


def test_onnx_runtime_agrees_with_the_reference(model: Model) -> None:
    network = network_of(model)
    engine = build_engine(model, network, backend="onnxruntime", device="cpu", max_batch=3)
    assert engine.verdict is not None
    assert list(engine.verdict.errors) == list(OUTPUTS)
    assert max(engine.verdict.errors.values()) < 1e-5
    wanted = build_engine(model, network, backend="torch", device="cpu", max_batch=3)
    generator = torch.Generator().manual_seed(0)
    images, place = torch.rand(3, 3, SIZE, SIZE, generator=generator), torch.randn(3, 3)
    for count in (1, 3):
        found, right = (
            each.infer(images[:count], bbox_info=place[:count]) for each in (engine, wanted)
        )
        for name, value in right.items():
            torch.testing.assert_close(found[name], value, atol=1e-5, rtol=1e-4)
    np.savez(model.path.parent / "smpl.npz", **smpl_arrays(60))
    own = with_smpl(model, "smpl.npz", model.path.parent)
    again = build_engine(own, network, backend="onnxruntime", device="cpu", max_batch=3)
    assert (again.came, again.artifact) == ("loaded", engine.artifact)


def test_the_command_builds_an_engine_once(
    model: Model, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For cards that this machine does not have."""
    pytest.importorskip(
        "tensorrt_rtx_bindings",
        reason="TensorRT-RTX has wheels for Linux and Windows on x86-64 only",
    )
    monkeypatch.setenv("KINOGRAPH_MODELS_DIR", str(model.path.parent))
    command = ["build", "poco_cliff:poco.pt", "--capability", "sm86", "--max-batch", "8"]
    assert main(command) == 0
    path = Path(capsys.readouterr().out.rpartition("  ")[0])
    made = path.stat().st_mtime_ns
    numbers = sum(value.numel() for value in poco_weights().values())
    assert 2 * numbers * 0.9 < path.stat().st_size < 2 * numbers + 20e6  # and its kernels
    assert main(command) == 0
    assert path.stat().st_mtime_ns == made
