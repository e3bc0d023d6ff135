"""Joints in boxes, and what each kind of network says about the other's work."""

from typing import Any

import pytest
import torch
from torch import Tensor

import stand_ins
from kinograph.engines.errors import InputError
from kinograph.engines.geometry.crops import crop
from kinograph.engines.pose import top_down as top_down_module
from kinograph.engines.pose.detect import detect_poses
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.top_down import poses_in_boxes
from pose_checks import Engines, Maker, crowd

NETWORKS: dict[str, Maker] = {
    "rtmo": stand_ins.rtmo,
    "rtmpose": lambda path: stand_ins.simcc(path, 17),
}


def test_only_frames_with_people_are_looked_at(
    engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, people, _ = crowd(5)
    apart = torch.zeros(60, *frames.shape[1:])
    apart[0], apart[-1] = frames[0], frames[4]
    sparse = Poses.empty(60, people.canvas, people=people.scores.shape[1])
    for at, frame in ((0, 0), (59, 4)):
        for name in ("boxes", "scores", "count"):
            getattr(sparse, name)[at] = getattr(people, name)[frame]
    looked: list[int] = []

    def noted(images: Tensor, *rest: Any, **options: Any) -> Tensor:
        looked.append(len(images))
        return crop(images, *rest, **options)

    monkeypatch.setattr(top_down_module, "crop", noted)
    engine = engines("rtmpose")
    poses = poses_in_boxes(apart, sparse, engine)
    assert sum(looked) <= 2 * len(looked)
    monkeypatch.undo()
    whole = poses_in_boxes(frames, people, engine)
    torch.testing.assert_close(poses.keypoints[[0, 59]], whole.keypoints[[0, 4]])


def test_joints_that_are_not_sure_are_not_seen(engines: Engines) -> None:
    frames, people, _ = crowd(1)
    poses = poses_in_boxes(frames, people, engines("rtmpose"), keypoint_threshold=0.78)
    sure = torch.from_numpy(stand_ins.confidences(17))
    seen = poses.confidence[0, 0] > 0
    dots = torch.arange(17) % stand_ins.SLOTS < len(stand_ins.COLOURS)
    assert torch.equal(seen[dots], (sure > 0.79)[dots])


def test_each_kind_of_network_says_where_it_belongs(engines: Engines) -> None:
    frames, people, _ = crowd(1)
    with pytest.raises(InputError, match=r"rtmo:rtmo\.onnx sees whole frames; use Detect Poses"):
        poses_in_boxes(frames, people, engines("rtmo"))
    with pytest.raises(InputError, match=r"rtmpose:rtmpose\.onnx is a top-down model"):
        detect_poses(frames, engines("rtmpose"))
    with pytest.raises(InputError, match="found in 1 frame of 420x300, but image holds 2"):
        poses_in_boxes(frames.repeat(2, 1, 1, 1), people, engines("rtmpose"))


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_turned_crops_lead_back_to_the_frame(engines: Engines, turn: int) -> None:
    frames, people, _ = crowd(1)
    engine = engines("rtmpose")
    boxes = people.boxes[0, :1]
    left, top, right, bottom = boxes[0].round().int().tolist()
    alone = torch.zeros_like(frames)  # a turned crop has another shape, with more around the box
    alone[:, top:bottom, left:right] = frames[:, top:bottom, left:right]
    frames, index = alone, torch.zeros(1, dtype=torch.int64)
    size = engine.network.fixed
    look = top_down_module._look
    upright, _ = look(frames, index, boxes, engine, size, 0)
    turned, _ = look(frames, index, boxes, engine, size, turn)
    dots = torch.arange(17) % stand_ins.SLOTS < len(stand_ins.COLOURS)
    torch.testing.assert_close(turned[:, dots], upright[:, dots], atol=2.5, rtol=0)


def test_a_turned_look_counts_if_it_is_much_surer(
    engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, people, _ = crowd(1)
    engine = engines("rtmpose")

    def found(sure: dict[int, float]) -> float:
        def look(
            frames: Tensor, index: Tensor, boxes: Tensor, engine: Any, size: Any, turn: int
        ) -> tuple[Tensor, Tensor]:
            count = len(index)
            return torch.full((count, 17, 2), float(turn)), torch.full((count, 17), sure[turn])

        monkeypatch.setattr(top_down_module, "_look", look)
        poses = poses_in_boxes(frames, people, engine, turned="upside_down")
        return float(poses.keypoints[0, 0].mean())

    assert found({0: 0.5, 2: 0.9}) == 2
    assert found({0: 0.5, 2: 0.6}) == 0
    with pytest.raises(InputError, match="turned: expected one of no, upside_down, all, found 'x'"):
        poses_in_boxes(frames, people, engine, turned="x")
