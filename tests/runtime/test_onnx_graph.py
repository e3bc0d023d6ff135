"""ONNX files that others made: their names, and what they are fed."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from kinograph.engines.errors import ModelError
from kinograph.engines.runtime.onnx_graph import InputAdapter, adapted, read_onnx, weight_files


def test_names_of_a_graph_may_be_ours() -> None:
    """Its input is called as ours is, what lies within as our outputs, and a branch uses both."""
    branch = helper.make_graph(
        [helper.make_node("Add", ["boxes", "images"], ["branch"])],
        "then",
        [],
        [helper.make_tensor_value_info("branch", TensorProto.FLOAT, None)],
    )
    other = helper.make_graph(
        [helper.make_node("Identity", ["boxes"], ["other"])],
        "else",
        [],
        [helper.make_tensor_value_info("other", TensorProto.FLOAT, None)],
    )
    nodes = [
        helper.make_node("Add", ["images", "images"], ["boxes"]),
        helper.make_node("If", ["yes"], ["scores"], then_branch=branch, else_branch=other),
        helper.make_node("Neg", ["scores"], ["joints"]),
    ]
    shape: list[str | int] = ["n", 3, 4, 4]
    sockets = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name in ("images", "scores", "joints")
    ]
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    graph = helper.make_graph(nodes, "names", sockets[:1], sockets[1:], [yes])
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    adapter = InputAdapter(
        "images", "float", {"boxes": "joints", "joints": "scores"}, scale=2.0, bgr=True
    )
    session = onnxruntime.InferenceSession(adapted(model, adapter).SerializeToString())
    images = np.random.default_rng(0).random((2, 3, 4, 4), dtype=np.float32)
    boxes, joints = session.run(["boxes", "joints"], {"images": images})
    np.testing.assert_allclose(joints, images[:, ::-1] * 2 * 3, rtol=1e-6)
    np.testing.assert_allclose(boxes, -joints, rtol=1e-6)


def fed(adapter: InputAdapter, images: NDArray[np.float32]) -> NDArray[Any]:
    """What a graph that is fed so gets of images [N,3,H,W]."""
    kind = TensorProto.UINT8 if adapter.kind == "uint8" else TensorProto.FLOAT
    sockets = [helper.make_tensor_value_info(n, kind, ["n", 3, "h", "w"]) for n in ("x", "y")]
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    graph = helper.make_graph(nodes, "plain", sockets[:1], sockets[1:])
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    session = onnxruntime.InferenceSession(adapted(model, adapter).SerializeToString())
    (found,) = session.run(["y"], {"images": images})
    return np.asarray(found)


def test_mean_and_deviation_are_those_of_the_graphs_order() -> None:
    adapter = InputAdapter(
        "x", "float", {"y": "y"}, 255.0, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0), bgr=True
    )
    found = fed(adapter, np.array([0.2, 0.4, 0.6], dtype=np.float32)[None, :, None, None])
    wanted = [(0.6 * 255 - 1) / 4, (0.4 * 255 - 2) / 5, (0.2 * 255 - 3) / 6]
    np.testing.assert_allclose(found[0, :, 0, 0], wanted, rtol=1e-5)


def test_bytes_are_rounded() -> None:
    pixels = np.arange(256, dtype=np.float32)
    images = np.broadcast_to(pixels / 255, (1, 3, 1, 256)).copy()
    adapter = InputAdapter("x", "uint8", {"y": "y"}, 255.0)
    for shift in (-0.4, 0.0, 0.4):
        found = fed(adapter, np.clip(images + np.float32(shift / 255), 0, 1))
        assert found.dtype == np.uint8
        assert (found == pixels).all()


def beside(folder: Path, places: Sequence[Mapping[str, str]]) -> Path:
    """Write an ONNX file whose weights lie in other files, at these places."""
    weights = []
    for number, place in enumerate(places):
        tensor = TensorProto(name=f"w{number}", data_type=TensorProto.FLOAT, dims=[4])
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in place.items():
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
        weights.append(tensor)
    sockets = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [4]) for n in ("x", "y")]
    nodes = [helper.make_node("Add", ["x", "w0"], ["y"])]
    graph = helper.make_graph(nodes, "beside", sockets[:1], sockets[1:], weights)
    path = folder / "model.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path


def test_weights_beside_the_model_are_read(tmp_path: Path) -> None:
    values = np.arange(8, dtype=np.float32)
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "w").write_bytes(values.tobytes())
    path = beside(tmp_path, [{"location": "blobs/w", "offset": "16", "length": "16"}])
    model = read_onnx(path, weights=True)
    found = numpy_helper.to_array(model.graph.initializer[0])
    np.testing.assert_array_equal(found, values[4:])
    assert weight_files(read_onnx(path, weights=False), path) == [tmp_path / "blobs" / "w"]


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ({"location": "/dev/zero"}, "expected the name of a file in"),
        ({"location": "../secret"}, "expected the name of a file in"),
        ({"location": "a/../../secret"}, "expected the name of a file in"),
        ({"location": ""}, "expected the name of a file in"),
        ({}, "expected the name of a file in"),
        ({"location": "w\0w"}, "expected the name of a file in"),
        ({"location": "out/secret"}, "leads out of"),
        ({"location": "to_secret"}, "is a link that leads out"),
        ({"location": "to_zero"}, "is a link that leads out"),
        ({"location": "pipe"}, "found a pipe"),
        ({"location": "folder"}, "found a folder"),
        ({"location": "nothing"}, "No such file"),
        ({"location": "w", "offset": "-1"}, "offset: expected a whole number from 0"),
        ({"location": "w", "length": "-4"}, "length: expected a whole number from 0"),
        ({"location": "w", "length": "9" * 4000}, "length: expected a whole number from 0"),
        ({"location": "w", "length": "17"}, "expected 17 bytes at 0 of w, found 16 in all"),
        ({"location": "w", "offset": "99"}, "expected 0 bytes at 99 of w, found 16 in all"),
        ({"location": "large"}, "expected weights of at most 2,147,483,647 bytes"),
    ],
)
def test_weights_that_are_not_in_a_file_of_the_folder(
    tmp_path: Path, place: dict[str, str], said: str
) -> None:
    folder = tmp_path / "models"
    (folder / "folder").mkdir(parents=True)
    (tmp_path / "secret").write_bytes(bytes(16))
    (folder / "w").write_bytes(bytes(16))
    (folder / "large").touch()
    os.truncate(folder / "large", 10**12)  # sparse
    os.mkfifo(folder / "pipe")
    (folder / "out").symlink_to(tmp_path)
    (folder / "to_secret").symlink_to(tmp_path / "secret")
    (folder / "to_zero").symlink_to("/dev/zero")
    path = beside(folder, [{"location": "w"}, place])
    for read in (
        lambda: read_onnx(path, weights=True),
        lambda: weight_files(read_onnx(path, weights=False), path),
    ):
        with pytest.raises(ModelError, match=re.escape(said)) as caught:
            read()
        assert "model.onnx: " in str(caught.value)
        assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "noise", "nothing"])
def test_what_is_no_onnx_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model.onnx"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "noise":
        path.write_bytes(bytes(range(256)))
    with pytest.raises(ModelError, match=r"model\.onnx: cannot be read"):
        read_onnx(path, weights=False)
