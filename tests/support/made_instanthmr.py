"""ONNX files with the interface of InstantHMR, whose answer is given."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

SHAPES = {
    "mhr_params": (204,),
    "shape_params": (45,),
    "cam_trans": (3,),
    "joints_2d": (70, 2),
    "joints_3d": (70, 3),
}


def saved_instanthmr(
    path: Path,
    answer: Mapping[str, Tensor],
    *,
    half: bool = False,
    outputs: Mapping[str, tuple[int, ...]] = SHAPES,
    inputs: Mapping[str, tuple[int, ...]] | None = None,
    about: Mapping[str, str] | None = None,
    batch: str | int = "batch",
) -> Path:
    """Return a file whose outputs are `answer` for every crop, but for cam_trans, which is the mean
    of the image as the graph gets it plus what it gets as cliff_cond.

    outputs, inputs: names and shapes of those that differ, without the batch
    about:           metadata
    """
    import onnx
    from onnx import TensorProto, helper

    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    given = {"image": (3, 224, 224), "cliff_cond": (3,)} if inputs is None else inputs
    first, second = given
    nodes = [
        helper.make_node("ReduceMean", [first], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "one"], ["row"]),
        helper.make_node("Add", ["row", second], ["place"]),
        helper.make_node("Sub", ["place", "place"], ["zero"]),
        helper.make_node("ReduceSum", ["zero", "one"], ["nothing"], keepdims=1),  # [N,1]
    ]
    weights: list[Any] = [helper.make_tensor("one", TensorProto.INT64, [1], [1])]
    for name, shape in outputs.items():
        if name == "cam_trans":
            nodes.append(helper.make_node("Identity", ["place"], [name]))
            continue
        value = answer.get(name, torch.zeros(shape)).reshape(1, -1)
        weights += [
            helper.make_tensor(f"{name}_is", kind, list(value.shape), value.flatten().tolist()),
            helper.make_tensor(f"{name}_as", TensorProto.INT64, [1 + len(shape)], [-1, *shape]),
        ]
        nodes += [
            helper.make_node("Add", ["nothing", f"{name}_is"], [f"{name}_flat"]),
            helper.make_node("Reshape", [f"{name}_flat", f"{name}_as"], [name]),
        ]

    def value(name: str, shape: tuple[int, ...]) -> Any:
        return helper.make_tensor_value_info(name, kind, [batch, *shape])

    graph = helper.make_graph(
        nodes,
        "made",
        [value(*item) for item in given.items()],
        [value(*item) for item in outputs.items()],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    helper.set_model_props(model, dict(about or {}))
    onnx.save(model, path)
    return path
