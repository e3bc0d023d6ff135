"""YOLOX: people as boxes, from both exports, up to the joints in them."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from kinograph.engines.detections.families import yolox
from kinograph.engines.errors import ModelError
from kinograph.engines.models.registry import Model, own
from kinograph.engines.pose.detect import detect_poses
from kinograph.engines.runtime.engine import build_engine
from kinograph.engines.runtime.network import network_of

SIDE = 64
CELLS = [(8, 8), (4, 4), (2, 2)]  # of strides 8, 16 and 32
N = sum(high * wide for high, wide in CELLS)


def rows(people: list[tuple[int, int, int, float, float]]) -> np.ndarray:
    """[1,N,7] of two classes; people as stride's number, column, row, size px, score."""
    out = np.zeros((1, N, 7), np.float32)
    for level, x, y, size, score in people:
        before = sum(high * wide for high, wide in CELLS[:level])
        row = out[0, before + y * CELLS[level][1] + x]
        row[:2] = 0.5  # the middle of the cell
        row[2:4] = np.log(size / (8 << level))
        row[4], row[5], row[6] = 0.9, score / 0.9, 0.99  # the other class is surer
    return out


def graph_file(path: Path, values: np.ndarray, name: str, side: int = SIDE) -> Path:
    """A network that always says `values`, on the blue channel's brightness."""
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, side, side])
    out = helper.make_tensor_value_info(name, TensorProto.FLOAT, list(values.shape))
    first = helper.make_tensor("first", TensorProto.INT64, [1], [0])
    scale = helper.make_tensor("scale", TensorProto.FLOAT, [], [1 / 255])
    said = helper.make_tensor("said", TensorProto.FLOAT, values.shape, values.ravel())
    score = np.ones_like(values)
    score[..., 4] = 0  # the score is the first channel's mean: blue, if it is BGR
    keep = helper.make_tensor("keep", TensorProto.FLOAT, values.shape, score.ravel())
    only = helper.make_tensor("only", TensorProto.FLOAT, values.shape, (1 - score).ravel())
    nodes = [
        helper.make_node("Gather", ["images", "first"], ["channel"], axis=1),
        helper.make_node("ReduceMean", ["channel"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "scale"], ["bright"]),
        helper.make_node("Mul", ["only", "bright"], ["part"]),
        helper.make_node("Add", ["keep", "part"], ["factor"]),
        helper.make_node("Mul", ["said", "factor"], [name]),
    ]
    graph = helper.make_graph(nodes, "yolox", [image], [out], [first, scale, said, keep, only])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))
    return path


def model_of(path: Path) -> Model:
    return Model.of_file(own("yolox", path.name), path)


PEOPLE = [(0, 2, 3, 20.0, 0.8), (1, 3, 1, 24.0, 0.7), (1, 1, 1, 20.0, 0.5)]  # the last is a double


@pytest.mark.parametrize("export", ["rows", "dets"])
def test_boxes_of_people(tmp_path: Path, export: str) -> None:
    if export == "rows":
        path = graph_file(tmp_path / "y.onnx", rows(PEOPLE), "output")
    else:
        dets = np.array([[[10, 18, 30, 38, 0.8], [44, 12, 68, 36, 0.7], [14, 14, 34, 34, 0.5]]])
        path = graph_file(tmp_path / "y.onnx", dets.astype(np.float32), "dets")
    model = model_of(path)
    engine = build_engine(model, network_of(model), backend="onnxruntime", device="cpu")
    frames = torch.zeros(3, 96, 128, 3)  # twice the input, padded below
    frames[0, ..., 2] = 1  # blue
    frames[2, ..., 0] = 1  # red
    # below the picture the padding is grey: of 64 rows 48 are the frame's
    bright = 0.75 + 0.25 * 114 / 255
    poses = detect_poses(frames, engine, score_threshold=0.2)
    assert poses.count.tolist() == [2, 0, 0]  # of a red or black frame only the padding is bright
    torch.testing.assert_close(poses.scores[0, :2], torch.tensor([0.8, 0.7]) * bright)
    wanted = torch.tensor([[20.0, 36, 60, 76], [88, 24, 128, 72]])
    torch.testing.assert_close(poses.boxes[0, :2], wanted, atol=0.01, rtol=0)
    assert not poses.confidence.any()


def test_rows_are_placed_as_the_authors_do() -> None:
    """Against a plain transcription of the published decoding, cell by cell."""
    random = np.random.default_rng(0)
    raw = random.normal(size=(2, N, 85)).astype(np.float32)
    found = yolox.decode({"rows": torch.from_numpy(raw)}, 2, 0.0)
    index = 0
    for level, (high, wide) in enumerate(CELLS):
        stride = 8 << level
        for y in range(high):
            for x in range(wide):
                cx, cy = (raw[:, index, 0] + x) * stride, (raw[:, index, 1] + y) * stride
                w, h = np.exp(raw[:, index, 2]) * stride, np.exp(raw[:, index, 3]) * stride
                box = np.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], 1)
                np.testing.assert_allclose(found.boxes[:, index].numpy(), box, rtol=1e-4, atol=1e-3)
                score = raw[:, index, 4] * raw[:, index, 5]
                np.testing.assert_allclose(found.scores[:, index].numpy(), score, rtol=1e-5)
                index += 1


@pytest.mark.parametrize("shape", [(1, N + 1, 85), (1, N, 5), (1, N)])
def test_files_of_another_contract_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    values = np.zeros(shape, np.float32)
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    out = helper.make_tensor_value_info("output", TensorProto.FLOAT, list(shape))
    said = helper.make_tensor("said", TensorProto.FLOAT, shape, values.ravel())
    node = helper.make_node("Identity", ["said"], ["output"])
    graph = helper.make_graph([node], "other", [image], [out], [said])
    path = tmp_path / "other.onnx"
    onnx.save(helper.make_model(graph, ir_version=9), str(path))
    with pytest.raises(ModelError, match=r"other.onnx is not a YOLOX network: expected square"):
        network_of(model_of(path))
