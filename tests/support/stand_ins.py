"""Small ONNX files with the contracts of the pose families and known outputs.

The networks look for dots of pure colours, each with its own order and range of channels, and
return the dots' positions: a frame that is fed in another order, range or position gives other
results. Each also finds "the light", the centre of all bright pixels, in any picture.

Contracts: mmdeploy (RTMO, RTMPose), super-gradients (YOLO-NAS-Pose).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from torch import Tensor

COLOURS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "magenta": (255, 0, 255),
    "cyan": (0, 255, 255),
}
BACKGROUND = 40  # grey of synthetic frames: neither a dot nor padding
_NEAR = 60  # largest distance from a colour, summed over channels, that still counts


def _reals(values: Any) -> NDArray[np.float32]:
    return np.asarray(values, dtype=np.float32)


def _whole(values: Any) -> NDArray[np.int64]:
    return np.asarray(values, dtype=np.int64)


# What networks that see whole frames report as people: dots, padding, the light.
PEOPLE = ("red", "green", "blue")
SCORES = _reals([0.9, 0.8, 0.7, 0.6, 0.4])
HALF = _reals([6, 10])  # of every person's box, in pixels of the input
OFFSETS = np.stack([np.arange(17) % 5 - 1.5, np.arange(17) // 5 - 1], 1).astype(np.float32)
DOUBLE = 3.5  # how far to the right RTMO sees everybody once more
ONE_STAGE_SIZE = (96, 128)
_KINDS = {"float": TensorProto.FLOAT, "uint8": TensorProto.UINT8, "int64": TensorProto.INT64}

Value = str | NDArray[Any]
SocketSpec = tuple[str, str, Sequence[int | str]]  # name, kind, shape


def confidences(joints: int) -> NDArray[np.float32]:
    """Return the confidence of every joint: ascending, all above the threshold."""
    return np.linspace(0.35, 0.95, joints, dtype=np.float32)


class Graph:
    """An ONNX graph written as calls: `graph("Add", a, b)` returns the name of the sum."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._weights: list[Any] = []

    def __call__(self, operator: str, *inputs: Value, **attributes: Any) -> str:
        name = f"{operator.lower()}_{len(self._nodes)}"
        names = [i if isinstance(i, str) else self._constant(i) for i in inputs]
        self._nodes.append(helper.make_node(operator, names, [name], name=name, **attributes))
        return name

    def order(self, scores: str, count: int, largest: int = 1) -> str:
        """Return the indices [B,count] of the highest (or lowest) scores [B,P]."""
        names = [scores, self._constant(_whole([count]))]
        node = helper.make_node("TopK", names, ["sorted", "order"], name="topk", largest=largest)
        self._nodes.append(node)
        return "order"

    def _constant(self, values: NDArray[Any]) -> str:
        name = f"weight_{len(self._weights)}"
        self._weights.append(onnx.numpy_helper.from_array(np.asarray(values), name))
        return name

    def model(self, image: SocketSpec, outputs: Mapping[str, SocketSpec]) -> Any:
        """Return the model; `outputs` maps values of the graph to their public names and types."""
        ends = [helper.make_node("Identity", [n], [s[0]]) for n, s in outputs.items()]
        graph = helper.make_graph(
            [*self._nodes, *ends],
            "stand_in",
            [_socket(image)],
            [_socket(s) for s in outputs.values()],
            self._weights,
        )
        opset = [helper.make_opsetid("", 18)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=9)
        onnx.checker.check_model(model)
        return model


def _socket(spec: SocketSpec) -> Any:
    name, kind, shape = spec
    return helper.make_tensor_value_info(name, _KINDS[kind], shape)


def sockets_alone(path: Path, inputs: Sequence[SocketSpec], outputs: Sequence[SocketSpec]) -> None:
    """Write a file with these inputs and outputs but no operators; return `path`."""
    node = helper.make_node("Something", [i[0] for i in inputs], [o[0] for o in outputs])
    sockets = [_socket(s) for s in inputs], [_socket(s) for s in outputs]
    onnx.save(helper.make_model(helper.make_graph([node], "sockets", *sockets)), path)


def _seen(
    graph: Graph, image: str, colours: NDArray[Any], near: float, white: float
) -> tuple[str, str]:
    """Return how visible each colour and the light are, [B,P], and at which pixel, [B,P,2]."""
    one = graph("Unsqueeze", image, _whole([1]))
    apart = graph("Abs", graph("Sub", one, _reals(colours)[None, :, :, None, None]))
    apart = graph("ReduceSum", apart, _whole([2]), keepdims=0)
    like = graph("Relu", graph("Sub", _reals(1), graph("Div", apart, _reals(near))))
    light = graph("ReduceMean", image, _whole([1]), keepdims=1)
    light = graph("Div", light, _reals(white))
    weight = graph("Concat", like, graph("Mul", light, light), axis=1)  # [B,P,H,W]
    rows, columns = (graph("ReduceMean", weight, _whole([axis]), keepdims=0) for axis in (3, 2))
    total = graph("ReduceMean", rows, _whole([2]), keepdims=1)
    total = graph("Max", total, _reals(1e-5))
    middles = []
    for profile in (columns, rows):
        shape = graph("Shape", profile, start=2)
        index = graph("Range", _whole(0), graph("Squeeze", shape), _whole(1))
        moment = graph("Mul", profile, graph("Cast", index, to=TensorProto.FLOAT))
        moment = graph("ReduceMean", moment, _whole([2]), keepdims=1)
        middles.append(graph("Div", moment, total))
    height = graph("ReduceMax", weight, _whole([2, 3]), keepdims=0)
    return height, graph("Concat", *middles, axis=2)


def _people(graph: Graph, height: str, middle: str) -> tuple[str, str, str]:
    """Return boxes [B,P,4] px, scores [B,P] and joints [B,P,17,3] px, from the input's corner."""
    middle = graph("Add", middle, _reals(0.5))
    low, high = graph("Sub", middle, HALF), graph("Add", middle, HALF)
    boxes = graph("Concat", low, high, axis=2)
    scores = graph("Mul", height, SCORES)
    points = graph("Add", graph("Unsqueeze", middle, _whole([2])), OFFSETS)  # [B,P,17,2]
    sure = graph("Slice", points, _whole([0]), _whole([1]), _whole([3]))
    sure = graph("Add", graph("Mul", sure, _reals(0)), confidences(17)[:, None])
    return boxes, scores, graph("Concat", points, sure, axis=3)


def _colours(padding: int) -> NDArray[Any]:
    """Return the RGB values of dots and padding."""
    return np.array([*(COLOURS[name] for name in PEOPLE), (padding,) * 3], dtype=np.float32)


def rtmo(path: Path) -> Path:
    """Write an RTMO: BGR 0..255 padded with 114, any number of images; it finds everybody twice."""
    graph = Graph()
    height, middle = _seen(graph, "input", _colours(114)[:, ::-1], _NEAR, 255)
    boxes, scores, people = _people(graph, height, middle)
    double = graph("Add", boxes, _reals([DOUBLE, 0, DOUBLE, 0]))
    boxes = graph("Concat", boxes, double, axis=1)
    people = graph("Concat", people, graph("Add", people, _reals([DOUBLE, 0, 0])), axis=1)
    scores = graph("Concat", scores, graph("Mul", scores, _reals(0.95)), axis=1)
    dets = graph("Concat", boxes, graph("Unsqueeze", scores, _whole([2])), axis=2)
    order = graph.order(
        scores, 2 * len(SCORES), largest=0
    )  # sorted by ascending score: the order carries no meaning
    image: SocketSpec = ("input", "float", ["batch", 3, *ONE_STAGE_SIZE])
    outputs: dict[str, SocketSpec] = {
        _rows(graph, dets, order): ("dets", "float", ["batch", "people", 5]),
        _rows(graph, people, order): ("keypoints", "float", ["batch", "people", 17, 3]),
    }
    onnx.save(graph.model(image, outputs), path)
    return path


def _rows(graph: Graph, values: str, order: str) -> str:
    """Return values [B,P,...] in the order [B,P]."""
    return graph("GatherND", values, graph("Unsqueeze", order, _whole([2])), batch_dims=1)


def yolo_nas(
    path: Path, *, flat: bool = False, batch: int = 1, named: bool = True, columns: int | str = 57
) -> Path:
    """Write a YOLO-NAS-Pose: RGB 0..255 as bytes, padded with 127, of a fixed batch size.

    named:   whether the outputs are called as super-gradients does
    columns: what the file says of the width of the flat output
    """
    graph = Graph()
    image = graph("Cast", "input", to=TensorProto.FLOAT)
    image = graph("Gather", image, _whole([2, 1, 0]), axis=1)
    image = graph("Div", image, _reals(255))
    height, middle = _seen(graph, image, _colours(127)[:, ::-1] / 255, _NEAR / 255, 1)
    boxes, scores, people = _people(graph, height, middle)
    present = graph("Greater", scores, _reals(0.05))
    outputs: dict[str, SocketSpec]
    if flat:
        found = graph("Transpose", graph("NonZero", present))  # [M,2] image, person
        number = graph("Slice", found, _whole([0]), _whole([1]), _whole([1]))
        rows = graph(
            "Concat",
            graph("Cast", number, to=TensorProto.FLOAT),
            graph("GatherND", boxes, found),
            graph("Unsqueeze", graph("GatherND", scores, found), _whole([1])),
            graph("Reshape", graph("GatherND", people, found), _whole([-1, 51])),
            axis=1,
        )
        outputs = {rows: ("graph2_flat_predictions", "float", ["people", columns])}
    else:
        places = len(SCORES)
        sure = graph("Mul", scores, graph("Cast", present, to=TensorProto.FLOAT))
        order = graph.order(sure, places)
        count = graph("Cast", present, to=TensorProto.INT64)
        count = graph("ReduceSum", count, _whole([1]), keepdims=1)
        used = graph("Less", np.arange(places, dtype=np.int64), count)
        # beyond the number of predictions: stale entries with high scores
        scores = graph("Where", used, _rows(graph, scores, order), _reals(0.97))
        names = ("num_predictions", "post_nms_boxes", "post_nms_scores", "post_nms_joints")
        ours = [f"graph2_{name}" if named else f"{number}" for number, name in enumerate(names)]
        outputs = {
            count: (ours[0], "int64", [batch, 1]),
            _rows(graph, boxes, order): (ours[1], "float", [batch, places, 4]),
            scores: (ours[2], "float", [batch, places]),
            _rows(graph, people, order): (ours[3], "float", [batch, places, 17, 3]),
        }
    onnx.save(graph.model(("input", "uint8", [batch, 3, *ONE_STAGE_SIZE]), outputs), path)
    return path


_MEAN = _reals([123.675, 116.28, 103.53])[:, None, None]  # of RGB
_STD = _reals([58.395, 57.12, 57.375])[:, None, None]
SIMCC_SIZE = (128, 96)
SLOTS = len(COLOURS) + 1  # joint k is at the dot k % SLOTS; the last is the light


def simcc(
    path: Path,
    joints: int,
    *,
    kind: str = "float",
    names: tuple[str, str, str] = ("input", "simcc_x", "simcc_y"),
) -> Path:
    """Write an RTMPose or DWPose: normalised RGB; bins of half a pixel, the first centred at 0.

    kind: "float", or "float16" for a file in half precision throughout
    """
    graph = Graph()
    image = graph("Add", graph("Mul", names[0], _STD), _MEAN)
    height, middle = _seen(graph, image, _reals(list(COLOURS.values())), _NEAR, 255)
    slot = np.arange(joints, dtype=np.int64) % SLOTS
    height = graph("Gather", height, slot, axis=1)
    middle = graph("Gather", middle, slot, axis=1)
    height = graph("Unsqueeze", graph("Mul", height, confidences(joints)), _whole([2]))
    outputs: dict[str, SocketSpec] = {}
    for axis, name in enumerate(names[1:]):
        bins = 2 * SIMCC_SIZE[1 - axis]
        at = graph("Mul", graph("Gather", middle, _whole([axis]), axis=2), _reals(2))
        away = graph("Div", graph("Sub", at, np.arange(bins, dtype=np.float32)), _reals(8))
        hill = graph("Relu", graph("Sub", _reals(1), graph("Mul", away, away)))
        hill = graph("Mul", hill, height)
        if axis == 0:  # the lower of both counts
            hill = graph("Mul", hill, _reals(1.5))
        outputs[hill] = (name, "float", ["batch", joints, bins])
    model = graph.model((names[0], "float", ["batch", 3, *SIMCC_SIZE]), outputs)
    if kind == "float16":
        from onnxruntime.transformers import float16

        model = float16.convert_float_to_float16(model, keep_io_types=False)
    onnx.save(model, path)
    return path


def picture(
    height: int, width: int, dots: Mapping[str, tuple[float, float]], side: int
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return a grey frame [H,W,3] with square dots near these places, and their exact centres."""
    frame = torch.full((height, width, 3), BACKGROUND / 255)
    middles = {}
    for colour, (x, y) in dots.items():
        left, top = (
            min(max(round(at - side / 2), 0), limit - side)
            for at, limit in ((x, width), (y, height))
        )
        frame[top : top + side, left : left + side] = torch.tensor(COLOURS[colour]) / 255
        middles[colour] = torch.tensor([left + side / 2, top + side / 2])
    return frame, middles
