"""Matrix products for Turing cards (sm75), for which TensorRT-RTX has none in fp32."""

from pathlib import Path
from typing import Any

from ..errors import EngineError
from .onnx_graph import read_onnx


def without_matrix_products(source: Path, target: Path) -> None:
    """Copy an ONNX graph, replacing every MatMul and Gemm by Unsqueeze, Mul and ReduceSum.

    The result is the same but slower, because no matrix unit is used. Engines build; none has been
    run on a card yet.
    """
    import onnx
    from onnx import helper

    model = read_onnx(source, weights=True)
    constants = model.graph.initializer
    nodes = []
    for node in model.graph.node:
        if node.op_type == "MatMul":
            (left, right), out = node.input, node.output[0]
            nodes += _products(constants, left, right, out, axes=(-1, -3, -2))  # [..,M,K,N]
        elif node.op_type == "Gemm":
            options = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            (left, right, *added), out = node.input, node.output[0]
            if options.pop("transA", 0):
                nodes.append(helper.make_node("Transpose", [left], [f"{out}.a"], perm=[1, 0]))
                left = f"{out}.a"
            if not options.pop("transB", 0):
                nodes.append(helper.make_node("Transpose", [right], [f"{out}.b"], perm=[1, 0]))
                right = f"{out}.b"
            if any(factor != 1 for factor in options.values()):  # alpha, beta
                raise EngineError(
                    f"{source.name}: {node.name or out}: a Gemm with {options} has no form for "
                    "sm75 in fp32; build in fp16"
                )
            total = f"{out}.sum" if added else out
            nodes += _products(constants, left, right, total, axes=(1, 0, 2))  # [M,N,K]
            if added:
                nodes.append(helper.make_node("Add", [total, added[0]], [out]))
        else:
            nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, str(target))


def _products(
    constants: Any, left: str, right: str, out: str, *, axes: tuple[int, int, int]
) -> list[Any]:
    """Return the nodes that multiply and sum up `left` and `right`.

    axes: where each of them gets an axis, and the axis that is summed over
    """
    import numpy as np
    from onnx import helper, numpy_helper

    names = [f"{out}.axis{number}" for number in range(3)]
    for name, axis in zip(names, axes, strict=True):
        constants.append(numpy_helper.from_array(np.array([axis]), name))
    return [
        helper.make_node("Unsqueeze", [left, names[0]], [f"{out}.left"]),
        helper.make_node("Unsqueeze", [right, names[1]], [f"{out}.right"]),
        helper.make_node("Mul", [f"{out}.left", f"{out}.right"], [f"{out}.products"]),
        helper.make_node("ReduceSum", [f"{out}.products", names[2]], [out], keepdims=0),
    ]
