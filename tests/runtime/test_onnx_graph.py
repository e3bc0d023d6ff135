"""ONNX files that others made: their names, and what they are fed."""

from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

from kinograph.engines.runtime.onnx_graph import InputAdapter, adapted


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
