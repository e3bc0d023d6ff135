"""Matrix products for Turing cards (sm75), for which TensorRT-RTX has none in fp32."""

from pathlib import Path

from .onnx_graph import read_onnx


def without_matrix_products(source: Path, target: Path) -> None:
    """Copy an ONNX graph, replacing every MatMul by Unsqueeze, Mul and ReduceSum.

    The result is the same but slower, because no matrix unit is used. Engines build; none has been
    run on a card yet.
    """
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    model = read_onnx(source, weights=True)
    nodes = []
    for node in model.graph.node:
        if node.op_type != "MatMul":
            nodes.append(node)
            continue
        (left, right), out = node.input, node.output[0]
        axes = [f"{out}.axis{place}" for place in (-1, -3, -2)]
        for name, place in zip(axes, (-1, -3, -2), strict=True):
            model.graph.initializer.append(numpy_helper.from_array(np.array([place]), name))
        nodes += [
            helper.make_node("Unsqueeze", [left, axes[0]], [f"{out}.left"]),  # [..,M,K,1]
            helper.make_node("Unsqueeze", [right, axes[1]], [f"{out}.right"]),  # [..,1,K,N]
            helper.make_node("Mul", [f"{out}.left", f"{out}.right"], [f"{out}.products"]),
            helper.make_node("ReduceSum", [f"{out}.products", axes[2]], [out], keepdims=0),
        ]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, str(target))
