"""YOLO-NAS-Pose: made networks and made outputs whose right answers are known."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

import stand_ins
from kinograph.engines.pose.families import yolo_nas
from kinograph.engines.pose.family import PoseCandidates
from pose_checks import (
    NOT_ONNX,
    SIZES,
    Engines,
    Maker,
    Models,
    check_chunks,
    check_half_precision,
    check_half_precision_finds_people,
    check_not_onnx,
    check_padding,
    check_places,
    check_refused,
)

NETWORKS: dict[str, Maker] = {
    "yolo_nas_pose-batch": stand_ins.yolo_nas,
    "yolo_nas_pose-batch-unnamed": lambda path: stand_ins.yolo_nas(path, named=False),
    "yolo_nas_pose-batch-of-3": lambda path: stand_ins.yolo_nas(path, batch=3),
    "yolo_nas_pose-flat": lambda path: stand_ins.yolo_nas(path, flat=True),
    "yolo_nas_pose-flat-of-4": lambda path: stand_ins.yolo_nas(path, flat=True, batch=4),
    "yolo_nas_pose-flat-symbolic": lambda path: stand_ins.yolo_nas(path, flat=True, columns="k"),
}
_BYTES = ("input", "uint8", [1, 3, 96, 128])
_BATCH = [
    ("num_predictions", "int64", [1, 1]),
    ("post_nms_boxes", "float", [1, 10, 4]),
    ("post_nms_scores", "float", [1, 10]),
    ("post_nms_joints", "float", [1, 10, 17, 3]),
]
_WIDE = ("post_nms_joints", "float", [1, 10, 14, 3])


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_dot_is_found_where_it_is(engines: Engines, name: str, shape: str) -> None:
    check_places(engines(name), shape)


@pytest.mark.parametrize("name", ["yolo_nas_pose-batch", "yolo_nas_pose-flat"])
def test_frames_are_padded_with_the_grey_of_training(engines: Engines, name: str) -> None:
    check_padding(engines(name))


@pytest.mark.parametrize("max_batch", [1, 2, 4, 16])
@pytest.mark.parametrize("name", NETWORKS)
def test_many_frames_say_what_each_alone_says(engines: Engines, name: str, max_batch: int) -> None:
    check_chunks(engines(name, max_batch=max_batch))


@pytest.mark.parametrize("name", NETWORKS)
def test_half_precision_runs_and_agrees(models: Models, engines: Engines, name: str) -> None:
    engine = engines(name, precision="fp16")
    check_half_precision(models(name), engine)
    check_half_precision_finds_people(engine)


def yolo_rows(people: list[tuple[int, float]]) -> Tensor:
    """Rows of the flat format: image, score; all else is told by the score."""
    rows = torch.zeros(len(people), 57)
    for row, (image, score) in zip(rows, people, strict=True):
        row[0], row[5] = image, score
        row[1:5] = torch.tensor([score * 10, 1, score * 10 + 5, 20])
        row[6:] = (torch.arange(51) % 3 + 1) * score * 0.3
    return rows


def people_of(found: PoseCandidates, frame: int) -> list[float]:
    """Scores of those who are there; the rest of each must belong to its score."""
    scores = []
    for place in found.scores[frame].nonzero()[:, 0].tolist():
        score = float(found.scores[frame, place])
        row = yolo_rows([(0, score)])[0]
        torch.testing.assert_close(found.boxes[frame, place], row[1:5])
        joints = row[6:].view(17, 3)
        torch.testing.assert_close(found.keypoints[frame, place], joints[:, :2])
        torch.testing.assert_close(found.confidence[frame, place], joints[:, 2].clamp(max=1))
        scores.append(round(score, 3))
    return scores


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([(0, 0.9), (0, 0.5), (1, 0.8), (2, 0.7)], [[0.9, 0.5], [0.8], [0.7]]),
        ([(2, 0.7), (0, 0.9), (1, 0.8), (0, 0.5)], [[0.9, 0.5], [0.8], [0.7]]),  # out of order
        ([(2, 0.7), (2, 0.6), (2, 0.9)], [[], [], [0.7, 0.6, 0.9]]),
        ([(1, 0.4)], [[], [0.4], []]),
        ([], [[], [], []]),
    ],
)
def test_flat_rows_find_their_frames(
    rows: list[tuple[int, float]], wanted: list[list[float]]
) -> None:
    found = yolo_nas.decode({"flat": yolo_rows(rows)}, 3, 0.0)
    assert [people_of(found, frame) for frame in range(3)] == wanted
    assert found.scores.shape == (3, max(map(len, wanted)))


@pytest.mark.parametrize("leftover", [0.99, float("nan"), float("inf")])
def test_leftovers_behind_the_predictions_are_nobody(leftover: float) -> None:
    people = [[(0, 0.9), (0, 0.5)], [(1, 0.8)], []]
    places = 4
    rows = torch.full((3, places, 57), leftover)
    for frame, there in enumerate(people):
        rows[frame, : len(there)] = yolo_rows(there)
    outputs = {
        "num_predictions": torch.tensor([[len(p)] for p in people]),
        "boxes": rows[..., 1:5],
        "scores": rows[..., 5],
        "joints": rows[..., 6:].unflatten(2, (17, 3)),
    }
    found = yolo_nas.decode(outputs, 3, 0.0)
    assert [people_of(found, frame) for frame in range(3)] == [[0.9, 0.5], [0.8], []]


def test_flat_rows_agree_by_frame() -> None:
    agree = yolo_nas.compare_flat
    rows = yolo_rows([(0, 0.9), (1, 0.8), (1, 0.5)])
    assert agree({"flat": rows}, {"flat": rows.flip(0)}, "fp32").passed
    moved = rows.clone()
    moved[1, 0] = 0  # the same person in another frame
    assert not agree({"flat": rows}, {"flat": moved}, "fp32").passed
    later = torch.cat([rows, yolo_rows([(4, 0.9)])])  # somebody in a frame where nobody was
    assert not agree({"flat": rows}, {"flat": later}, "fp32").passed
    assert not agree({"flat": later}, {"flat": rows}, "fp32").passed
    nobody = rows[:0]
    assert not agree({"flat": rows}, {"flat": nobody}, "fp32").passed
    assert agree({"flat": nobody}, {"flat": nobody}, "fp32").reason == "both see nobody"
    assert not agree({"flat": rows}, {"flat": rows[:, :48]}, "fp32").passed


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        (
            [_BYTES],
            _BATCH[:3],
            r"is not a YOLO-NAS-Pose network: expected the outputs num_predictions \[B,1\], "
            r"boxes \[B,N,4\], scores \[B,N\], joints \[B,N,17,3\], or one \[N,57\], "
            r"found num_predictions int64 \[1,1\]; post_nms_boxes",
        ),
        ([_BYTES], [*_BATCH[:3], _WIDE], r"post_nms_joints float \[1,10,14,3\]"),
        ([_BYTES], [("flat", "float", ["n", 48])], r"found flat float \[\?,48\]"),
        ([_BYTES], [("flat", "float", [1, "n", 57])], r"float \[1,\?,57\]"),
        ([("input", "uint8", [1, 4, 96, 128])], _BATCH, "expected one input"),
    ],
)
def test_files_of_another_contract_are_refused(
    tmp_path: Path,
    inputs: list[stand_ins.SocketSpec],
    outputs: list[stand_ins.SocketSpec],
    message: str,
) -> None:
    check_refused(tmp_path, "yolo_nas_pose", inputs, outputs, message)


@pytest.mark.parametrize("content", NOT_ONNX)
def test_files_that_are_no_onnx(tmp_path: Path, content: bytes) -> None:
    check_not_onnx(tmp_path, "yolo_nas_pose", content)
