"""Made frames whose poses are known, and what every network of a kind must do with them."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto
from torch import Tensor

import stand_ins
from kinograph.engines.errors import ModelError
from kinograph.engines.models.registry import Model, resolve
from kinograph.engines.pose.detect import detect_poses
from kinograph.engines.pose.family import top_down
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.top_down import poses_in_boxes
from kinograph.engines.runtime.engine import Engine
from kinograph.engines.runtime.network import network_of
from kinograph.engines.runtime.onnx_export import graph_of

Maker = Callable[[Path], Path]  # writes a stand-in to a path
Models = Callable[[str], Model]
Engines = Callable[..., Engine]


def assert_same(found: Poses, wanted: Poses) -> None:
    for field in fields(Poses):
        one, other = (getattr(poses, field.name) for poses in (found, wanted))
        if isinstance(one, Tensor):
            torch.testing.assert_close(one, other, atol=1e-3, rtol=0, msg=field.name)
        else:
            assert one == other, field.name


SIZES = {
    "portrait": (330, 190),
    "landscape": (150, 400),
    "tiny": (48, 40),
    "as the input": (96, 128),
    "odd": (101, 77),
}
PLACES = {"red": (0.2, 0.75), "green": (0.7, 0.6), "blue": (0.45, 0.2)}


def made_frame(
    height: int, width: int, *, moved: float = 0.0, without: str = ""
) -> tuple[Tensor, dict[str, Tensor]]:
    """A frame with three dots that are seven pixels wide in the input."""
    high, wide = stand_ins.ONE_STAGE_SIZE
    side = max(3, round(7 * max(height / high, width / wide)))
    dots = {c: ((x + moved) * width, y * height) for c, (x, y) in PLACES.items() if c != without}
    return stand_ins.picture(height, width, dots, side)


def one_frame(poses: Poses, number: int) -> Poses:
    values = {f.name: getattr(poses, f.name) for f in fields(Poses)}
    return Poses(
        **{n: v[number : number + 1] if isinstance(v, Tensor) else v for n, v in values.items()}
    )


def check_places(engine: Engine, shape: str) -> None:
    """Another order of channels, range, padding or place would give another answer."""
    height, width = SIZES[shape]
    frame, middles = made_frame(height, width)
    poses = detect_poses(frame[None], engine, score_threshold=0.65, max_people=4)
    assert poses.count.tolist() == [3]
    assert poses.skeleton == "coco_17"
    # the sureness of a dot falls when its colour is off by little
    wanted_scores = torch.tensor([*stand_ins.SCORES[:3], 0])
    torch.testing.assert_close(poses.scores[0], wanted_scores, atol=0.01, rtol=0)
    high, wide = stand_ins.ONE_STAGE_SIZE
    scale = max(height / high, width / wide)  # pixels of the frame to one of the input
    limit = torch.tensor([width, height])
    for person, colour in enumerate(stand_ins.PEOPLE):
        wanted = middles[colour] + torch.from_numpy(stand_ins.OFFSETS) * scale
        apart = (poses.keypoints[0, person] - wanted).abs().max()
        assert apart <= 0.5 * scale, colour
        half = torch.from_numpy(stand_ins.HALF) * scale
        box = torch.cat([middles[colour] - half, middles[colour] + half])
        box = torch.minimum(box.clamp(min=0), limit.repeat(2))
        assert (poses.boxes[0, person] - box).abs().max() <= 0.5 * scale, colour
        torch.testing.assert_close(
            poses.confidence[0, person], torch.from_numpy(stand_ins.confidences(17))
        )


def check_padding(engine: Engine) -> None:
    """At the right and the bottom; the stand-ins take padding for a person, too."""
    frame, _ = made_frame(96, 64)  # fills the left half
    poses = detect_poses(frame[None], engine, score_threshold=0.5, max_people=4)
    assert poses.count.tolist() == [4]
    assert float(poses.scores[0, 3]) == pytest.approx(0.6, abs=0.01)
    middle = poses.keypoints[0, 3] - torch.from_numpy(stand_ins.OFFSETS)
    torch.testing.assert_close(middle, torch.tensor([[96.0, 48.0]]).expand(17, 2), atol=0.6, rtol=0)


def check_chunks(engine: Engine) -> None:
    """Whatever number a call takes: with a rest in the last call, and people missing."""
    made = [
        made_frame(120, 150, moved=n * 0.05, without=("", "red", "green", "", "blue")[n])[0]
        for n in range(5)
    ]
    done: list[int] = []
    options: dict[str, Any] = {"score_threshold": 0.65}
    poses = detect_poses(torch.stack(made), engine, progress=done.append, **options)
    assert poses.count.tolist() == [3, 2, 2, 3, 2]
    assert sum(done) == 5
    for number, frame in enumerate(made):
        alone = detect_poses(frame[None], engine, **options)
        assert_same(alone, one_frame(poses, number))


def crowd(count: int) -> tuple[Tensor, Poses, dict[tuple[int, int], dict[str, Tensor]]]:
    """Frames with several people of six dots each, their boxes, and where the dots are."""
    height, width, side = 300, 420, 13
    layout = {  # places of the dots in a box
        **{"red": (0.25, 0.2), "green": (0.75, 0.2), "blue": (0.3, 0.5)},
        **{"yellow": (0.7, 0.55), "magenta": (0.25, 0.85), "cyan": (0.8, 0.8)},
    }
    boxes: list[list[list[float]]] = [  # tall, wide, and one over the edge
        [[20.0, 30, 140, 280], [200, 60, 400, 180]],
        [[250, 20, 350, 290]],
        [],
        [[-20, 150, 90, 320], [120, 10, 260, 220], [300, 40, 415, 290]],
        [[60, 60, 200, 260]],
    ]
    boxes = boxes[:count]
    frames, wanted = [], {}
    for number, people in enumerate(boxes):
        frame = torch.full((height, width, 3), stand_ins.BACKGROUND / 255)
        for place, (x0, y0, x1, y1) in enumerate(people):
            dots = {
                colour: (max(x0 + x * (x1 - x0), side), min(y0 + y * (y1 - y0), height - side))
                for colour, (x, y) in layout.items()
            }
            alone, middles = stand_ins.picture(height, width, dots, side)
            seen = (alone != stand_ins.BACKGROUND / 255).any(-1)
            frame[seen] = alone[seen]
            wanted[number, place] = middles
        frames.append(frame)
    poses = Poses.empty(count, (height, width), people=3)
    for number, people in enumerate(boxes):
        poses.count[number] = len(people)
        poses.boxes[number, : len(people)] = torch.tensor(people).view(-1, 4)
        poses.scores[number, : len(people)] = 0.9
    return torch.stack(frames), poses, wanted


def check_joints_in_boxes(engine: Engine) -> None:
    frames, people, wanted = crowd(5)
    done: list[int] = []
    poses = poses_in_boxes(frames, people, engine, keypoint_threshold=0.3, progress=done.append)
    assert sum(done) == 5
    head = top_down(engine.model)
    assert poses.skeleton == head.skeleton.name
    joints = len(head.skeleton)
    colours = list(stand_ins.COLOURS)
    sure = torch.from_numpy(stand_ins.confidences(joints))
    for (frame, place), middles in wanted.items():
        x0, y0, x1, y1 = people.boxes[frame, place].tolist()
        high, _ = stand_ins.SIMCC_SIZE
        scale = max(y1 - y0, (x1 - x0) * 4 / 3) * 1.25 / high
        for joint in range(joints):
            slot = joint % stand_ins.SLOTS
            if slot == len(colours):
                continue
            apart = poses.keypoints[frame, place, joint] - middles[colours[slot]]
            assert apart.abs().max() <= 0.5 * scale, (frame, place, joint)
            # the lower of both; and lower still where a colour was off by a fifth of `_NEAR`
            found = poses.confidence[frame, place, joint]
            assert sure[joint] * 0.97 <= found <= sure[joint] * 1.001, (frame, place, joint)
    gone = ~poses.present
    assert not poses.keypoints[gone].any()
    assert not poses.confidence[gone].any()
    assert torch.equal(poses.boxes, people.boxes)
    for number in range(5):
        alone = poses_in_boxes(frames[number : number + 1], one_frame(people, number), engine)
        torch.testing.assert_close(alone.keypoints[0], poses.keypoints[number], atol=1e-3, rtol=0)
        torch.testing.assert_close(alone.confidence[0], poses.confidence[number])


def check_half_precision(model: Model, engine: Engine) -> None:
    """The graph is stored and run in fp16, and agrees with the reference."""
    network = network_of(model)
    session = onnxruntime.InferenceSession(graph_of(model, network, "fp16"))
    (image,) = session.get_inputs()
    assert (image.name, image.type) == ("images", "tensor(float)")
    kinds = {output.name: output.type for output in session.get_outputs()}
    whole = {"num_predictions": "tensor(int64)"}
    assert kinds == {o.name: whole.get(o.name, "tensor(float)") for o in network.outputs}
    stored = onnx.load_from_string(graph_of(model, network, "fp16")).graph.initializer
    assert any(tensor.data_type == TensorProto.FLOAT16 for tensor in stored)
    assert engine.verdict is not None
    assert engine.verdict.passed


def check_half_precision_finds_people(engine: Engine) -> None:
    assert engine.verdict is not None
    assert "people alike" in engine.verdict.reason
    frame, middles = made_frame(120, 150)
    poses = detect_poses(frame[None], engine, score_threshold=0.65)
    red = poses.keypoints[0, 0] - torch.from_numpy(stand_ins.OFFSETS) * 1.25
    torch.testing.assert_close(red, middles["red"].expand(17, 2), atol=0.7, rtol=0)


def check_refused(
    folder: Path,
    family: str,
    inputs: list[stand_ins.SocketSpec],
    outputs: list[stand_ins.SocketSpec],
    message: str,
) -> None:
    """With what was expected and what was found."""
    stand_ins.sockets_alone(folder / "own.onnx", inputs, outputs)
    with pytest.raises(ModelError, match=message):
        network_of(resolve(f"{family}:own.onnx", folder=folder))


NOT_ONNX = [b"", b"not a network at all", b"\x08\x07nothing"]


def check_not_onnx(folder: Path, family: str, content: bytes) -> None:
    (folder / "own.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"own\.onnx: cannot be read as ONNX"):
        network_of(resolve(f"{family}:own.onnx", folder=folder))
