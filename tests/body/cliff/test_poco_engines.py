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
from kinograph.engines.runtime.cache import EngineCache
from kinograph.engines.runtime.folders import engine_folder
from kinograph.engines.runtime.network import network_of
from kinograph.engines.runtime.onnx_export import exported, onnx_key
from kinograph.engines.runtime.ort_runner import OnnxRunner
from kinograph.engines.runtime.parity import compare
from kinograph.engines.runtime.probe import examples
from kinograph.engines.runtime.reference import reference
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


def test_the_command_builds_an_engine_once(
    model: Model, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For cards that this machine does not have, in fp16; the graph that it builds from agrees with
    the reference in ONNX Runtime."""
    folder, network = model.path.parent, network_of(model)
    monkeypatch.setenv("KINOGRAPH_MODELS_DIR", str(folder))
    graph = exported(model, network, "fp16", EngineCache(engine_folder())).path
    runner = OnnxRunner(graph, network, torch.device("cpu"), "fp16")
    for count in (1, 3):
        inputs = examples(network, count, SIZE, SIZE)
        verdict = compare(reference(model, network).infer(inputs), runner.infer(inputs), "fp16")
        assert verdict.passed, verdict.reason
        assert list(verdict.errors) == list(OUTPUTS)
    np.savez(folder / "smpl.npz", **smpl_arrays(60))
    own = with_smpl(model, "smpl.npz", folder)
    assert onnx_key(own, network, "fp16") == onnx_key(model, network, "fp16")
    pytest.importorskip(
        "tensorrt_rtx_bindings",
        reason="TensorRT-RTX has wheels for Linux and Windows on x86-64 only",
    )
    command = ["build", "poco_cliff:poco.pt", "--capability", "sm86", "--max-batch", "8"]
    assert main(command) == 0
    path = Path(capsys.readouterr().out.rpartition("  ")[0])
    made = path.stat().st_mtime_ns
    numbers = sum(value.numel() for value in poco_weights().values())
    assert 2 * numbers * 0.9 < path.stat().st_size < 2 * numbers + 20e6  # and its kernels
    assert main(command) == 0
    assert path.stat().st_mtime_ns == made
