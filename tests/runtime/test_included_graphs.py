"""Graphs of included networks: each says what its network says, and is filled with its weights."""

from dataclasses import replace
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch

from kinograph.engines.errors import EngineError
from kinograph.engines.models.registry import Model, registry, resolve
from kinograph.engines.runtime import included_graphs, onnx_export, parity
from kinograph.engines.runtime.cache import EngineCache
from kinograph.engines.runtime.included_graphs import emptied, filled, graph_name, graph_path
from kinograph.engines.runtime.network import Network, network_of
from kinograph.engines.runtime.probe import examples

NAMES = (
    "movenet_multipose",
    "mediapipe_face_detector",
    "mediapipe_face",
    "mediapipe_hand",
    "blazepose",
    "realesr_animevideov3_x4",
)


def made_again(network: Network, model: Model) -> None:
    module = network.module(model.path)
    data = emptied(onnx_export.export_here(module, network, "fp32"), module.state_dict())
    (included_graphs.FOLDER / graph_name(model, "fp32")).write_bytes(data)


@pytest.mark.parametrize("name", NAMES)
def test_a_graph_says_what_its_network_says(name: str, request: pytest.FixtureRequest) -> None:
    model = resolve(name)
    network = network_of(model)
    if request.config.getoption("--update-golden"):
        made_again(network, model)
    path = graph_path(model, "fp32")
    assert path is not None
    assert path.stat().st_size < 60_000  # no weights
    module = network.module(model.path)
    session = onnxruntime.InferenceSession(filled(path, module.state_dict()))
    side = network.fixed or max(4 * network.stride, 2 * network.least)
    for count in (network.batch or network.min_batch, network.batch or network.min_batch + 2):
        inputs = examples(network, count, side, side)
        names = [spec.name for spec in network.outputs]
        values = session.run(names, {key: value.numpy() for key, value in inputs.items()})
        with torch.inference_mode():
            wanted = module(*inputs.values())
        found = dict(zip(names, map(torch.from_numpy, values), strict=True))
        assert network.compare(wanted, found, "fp32").passed
        assert max(parity.compare(wanted, found, "fp32").errors.values()) < 1e-4


def test_every_included_network_has_a_graph_and_every_graph_a_network() -> None:
    included = {name for name, entry in registry().items() if not entry.files[0].fetched}
    # The flow network's graph depends on its settings: updates, directions, warm start.
    assert included == {*NAMES, "kinograph_flow_s"}
    wanted = {graph_name(resolve(name), "fp32") for name in NAMES}
    assert {path.name for path in included_graphs.FOLDER.iterdir()} == wanted


def test_nothing_is_exported_for_an_included_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_export, "_export_apart", lambda *a: pytest.fail("exported"))
    monkeypatch.setattr(onnx_export, "export_here", lambda *a: pytest.fail("exported"))
    model = resolve("mediapipe_face_detector")
    network = network_of(model)
    built = onnx_export.exported(model, network, "fp32", EngineCache(tmp_path))
    weights = network.module(model.path).state_dict()
    put = [t for t in onnx.load(built.path).graph.initializer if t.name in weights]
    assert len(put) > len(weights) / 2  # the exporter joins constants that are alike
    for tensor in put:
        assert (onnx.numpy_helper.to_array(tensor) == weights[tensor.name].numpy()).all()


def test_the_graph_is_part_of_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = resolve("mediapipe_face_detector")
    network = network_of(model)
    key = onnx_export.onnx_key(model, network, "fp32")
    (tmp_path / graph_name(model, "fp32")).write_bytes(b"another graph")
    monkeypatch.setattr(included_graphs, "FOLDER", tmp_path)
    assert onnx_export.onnx_key(model, network, "fp32") != key
    assert "graph" not in onnx_export.onnx_key(model, network, "fp16")
    other = replace(model, entry=model.entry.with_file(model.path.name, sha256="0" * 64))
    assert graph_path(other, "fp32") is None  # weights of the same name


def test_an_exported_graph_is_emptied_and_filled_again() -> None:
    model = resolve("mediapipe_face_detector")
    network = network_of(model)
    module = network.module(model.path)
    whole = onnx_export.export_here(module, network, "fp32")
    assert b"stack_trace" in whole
    empty = emptied(whole, module.state_dict())
    assert b"stack_trace" not in empty
    assert len(empty) < 0.2 * len(whole)
    with torch.no_grad():
        next(module.parameters()).zero_()
    assert len(emptied(whole, module.state_dict())) > len(empty)  # not its weights: they stay


@pytest.mark.parametrize(
    ("change", "found"), [(None, "none"), (torch.zeros(2, 3), r"\[2, 3\] torch.float32")]
)
def test_weights_that_do_not_fit_are_named(change: torch.Tensor | None, found: str) -> None:
    model = resolve("mediapipe_face_detector")
    path = graph_path(model, "fp32")
    assert path is not None
    weights = network_of(model).module(model.path).state_dict()
    name = next(name for name, value in weights.items() if value.ndim == 4)
    weights = {key: value for key, value in weights.items() if key != name or change is not None}
    if change is not None:
        weights[name] = change
    with pytest.raises(EngineError, match=f"expected a weight {name} .* found {found}; write"):
        filled(path, weights)


def test_other_networks_of_the_name_are_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that the family does not make may be anything."""
    model = resolve("mediapipe_face_detector")
    network = network_of(model)
    other = replace(network, load=lambda path: network.module(path))
    monkeypatch.setattr(onnx_export, "export_here", lambda *a: b"exported")
    assert onnx_export._export(model, other, "fp32") == b"exported"
