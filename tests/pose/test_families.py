"""Pose families: made networks and made outputs whose right answers are known."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from onnx import TensorProto, helper
from safetensors.torch import load_file, save_file
from torch import Tensor
from torchvision.ops import nms
from transformers import VitPoseImageProcessor
from transformers.models.vitpose.modeling_vitpose import VitPoseEstimatorOutput

import stand_ins
from kinograph.engines.errors import EngineError, InputError, ModelError
from kinograph.engines.geometry.crops import crop, crop_boxes, from_crops
from kinograph.engines.models.registry import Model, resolve
from kinograph.engines.pose import top_down
from kinograph.engines.pose.agreement import same_people
from kinograph.engines.pose.detect import detect_poses
from kinograph.engines.pose.families import rtmo, simcc, vitpose, yolo_nas
from kinograph.engines.pose.family import Candidates, head_of, without_doubles
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.top_down import poses_in_boxes
from kinograph.engines.runtime.engine import Engine, build_engine, reference
from kinograph.engines.runtime.network import network_of
from kinograph.engines.runtime.onnx_export import graph_of
from kinograph.engines.runtime.onnx_graph import Feed, adapted
from kinograph.engines.runtime.probe import probe

ONE_STAGE: dict[str, Callable[[Path], Path]] = {
    "rtmo": stand_ins.rtmo,
    "yolo_nas_pose-batch": stand_ins.yolo_nas,
    "yolo_nas_pose-batch-unnamed": lambda path: stand_ins.yolo_nas(path, named=False),
    "yolo_nas_pose-batch-of-3": lambda path: stand_ins.yolo_nas(path, batch=3),
    "yolo_nas_pose-flat": lambda path: stand_ins.yolo_nas(path, flat=True),
    "yolo_nas_pose-flat-of-4": lambda path: stand_ins.yolo_nas(path, flat=True, batch=4),
    "yolo_nas_pose-flat-symbolic": lambda path: stand_ins.yolo_nas(path, flat=True, columns="k"),
}
TOP_DOWN: dict[str, Callable[[Path], Path]] = {
    "rtmpose": lambda path: stand_ins.simcc(path, 17),
    "rtmpose-half": lambda path: stand_ins.simcc(path, 17, kind="float16"),
    "rtmpose-renamed": lambda path: stand_ins.simcc(path, 17, names=("images", "x", "simcc_x")),
    "rtmpose_wholebody": lambda path: stand_ins.simcc(path, 133),
    "dwpose": lambda path: stand_ins.simcc(path, 133),
}
STAND_INS = ONE_STAGE | TOP_DOWN


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Model]:
    """The user's own file of a stand-in, by its name."""
    folder = tmp_path_factory.mktemp("own")

    def model(name: str) -> Model:
        path = folder / f"{name}.onnx"
        if not path.exists():
            STAND_INS[name](path)
        return resolve(f"{name.split('-')[0]}:{path.name}", folder=folder)

    return model


@pytest.fixture(scope="module")
def engines(models: Callable[[str], Model]) -> Callable[..., Engine]:
    def engine(name: str, **options: Any) -> Engine:
        model = models(name)
        return build_engine(
            model, network_of(model), backend="onnxruntime", device="cpu", **options
        )

    return engine


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


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("name", ONE_STAGE)
def test_a_dot_is_found_where_it_is(engines: Callable[..., Engine], name: str, shape: str) -> None:
    """Another order of channels, range, padding or place would give another answer."""
    height, width = SIZES[shape]
    frame, middles = made_frame(height, width)
    poses = detect_poses(frame[None], engines(name), score_threshold=0.65, max_people=4)
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


@pytest.mark.parametrize("name", ["rtmo", "yolo_nas_pose-batch", "yolo_nas_pose-flat"])
def test_frames_are_padded_with_the_grey_of_training(
    engines: Callable[..., Engine], name: str
) -> None:
    """At the right and the bottom; the stand-ins take padding for a person, too."""
    frame, _ = made_frame(96, 64)  # fills the left half
    poses = detect_poses(frame[None], engines(name), score_threshold=0.5, max_people=4)
    assert poses.count.tolist() == [4]
    assert float(poses.scores[0, 3]) == pytest.approx(0.6, abs=0.01)
    middle = poses.keypoints[0, 3] - torch.from_numpy(stand_ins.OFFSETS)
    torch.testing.assert_close(middle, torch.tensor([[96.0, 48.0]]).expand(17, 2), atol=0.6, rtol=0)


@pytest.mark.parametrize("max_batch", [1, 2, 4, 16])
@pytest.mark.parametrize("name", ONE_STAGE)
def test_many_frames_say_what_each_alone_says(
    engines: Callable[..., Engine], name: str, max_batch: int
) -> None:
    """Whatever number a call takes: with a rest in the last call, and people missing."""
    made = [
        made_frame(120, 150, moved=n * 0.05, without=("", "red", "green", "", "blue")[n])[0]
        for n in range(5)
    ]
    done: list[int] = []
    engine = engines(name, max_batch=max_batch)
    options: dict[str, Any] = {"score_threshold": 0.65}
    poses = detect_poses(torch.stack(made), engine, progress=done.append, **options)
    assert poses.count.tolist() == [3, 2, 2, 3, 2]
    assert sum(done) == 5
    for number, frame in enumerate(made):
        alone = detect_poses(frame[None], engine, **options)
        one = {f.name: getattr(poses, f.name) for f in fields(Poses)}
        one = {n: v[number : number + 1] if isinstance(v, Tensor) else v for n, v in one.items()}
        assert_same(alone, Poses(**one))


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


@pytest.mark.parametrize("name", TOP_DOWN)
def test_joints_are_found_in_every_box(engines: Callable[..., Engine], name: str) -> None:
    frames, people, wanted = crowd(5)
    engine = engines(name, max_batch=3)  # seven people: a rest of one
    done: list[int] = []
    poses = poses_in_boxes(frames, people, engine, keypoint_threshold=0.3, progress=done.append)
    assert sum(done) == 5
    family = head_of(engine.model)
    assert poses.skeleton == family.skeleton.name
    joints = len(family.skeleton)
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
        one = {f.name: getattr(people, f.name) for f in fields(Poses)}
        one = {n: v[number : number + 1] if isinstance(v, Tensor) else v for n, v in one.items()}
        alone = poses_in_boxes(frames[number : number + 1], Poses(**one), engine)
        torch.testing.assert_close(alone.keypoints[0], poses.keypoints[number], atol=1e-3, rtol=0)
        torch.testing.assert_close(alone.confidence[0], poses.confidence[number])


def test_joints_of_nobody(engines: Callable[..., Engine]) -> None:
    frames, _, _ = crowd(3)
    nobody = Poses.empty(3, (300, 420), people=2)
    done: list[int] = []
    poses = poses_in_boxes(frames, nobody, engines("dwpose"), progress=done.append)
    assert poses.keypoints.shape == (3, 2, 133, 2)
    assert not poses.keypoints.any()
    assert not poses.count.any()
    assert sum(done) == 3


def test_only_frames_with_people_are_looked_at(
    engines: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
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

    monkeypatch.setattr(top_down, "crop", noted)
    engine = engines("rtmpose")
    poses = poses_in_boxes(apart, sparse, engine)
    assert sum(looked) <= 2 * len(looked)
    monkeypatch.undo()
    whole = poses_in_boxes(frames, people, engine)
    torch.testing.assert_close(poses.keypoints[[0, 59]], whole.keypoints[[0, 4]])


def test_joints_that_are_not_sure_are_not_seen(engines: Callable[..., Engine]) -> None:
    frames, people, _ = crowd(1)
    poses = poses_in_boxes(frames, people, engines("rtmpose"), keypoint_threshold=0.78)
    sure = torch.from_numpy(stand_ins.confidences(17))
    seen = poses.confidence[0, 0] > 0
    dots = torch.arange(17) % stand_ins.SLOTS < len(stand_ins.COLOURS)
    assert torch.equal(seen[dots], (sure > 0.79)[dots])


def test_each_kind_of_network_says_where_it_belongs(engines: Callable[..., Engine]) -> None:
    frames, people, _ = crowd(1)
    with pytest.raises(InputError, match=r"rtmo:rtmo\.onnx sees whole frames; use Detect Poses"):
        poses_in_boxes(frames, people, engines("rtmo"))
    with pytest.raises(InputError, match=r"rtmpose:rtmpose\.onnx is a top-down model"):
        detect_poses(frames, engines("rtmpose"))
    with pytest.raises(InputError, match="found in 1 frames of 420x300, but image holds 2"):
        poses_in_boxes(frames.repeat(2, 1, 1, 1), people, engines("rtmpose"))


# ---- made outputs


def yolo_rows(people: list[tuple[int, float]]) -> Tensor:
    """Rows of the flat format: image, score; all else is told by the score."""
    rows = torch.zeros(len(people), 57)
    for row, (image, score) in zip(rows, people, strict=True):
        row[0], row[5] = image, score
        row[1:5] = torch.tensor([score * 10, 1, score * 10 + 5, 20])
        row[6:] = (torch.arange(51) % 3 + 1) * score * 0.3
    return rows


def people_of(found: Candidates, frame: int) -> list[float]:
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


def candidates(boxes: list[list[list[float]]], scores: list[list[float]]) -> Candidates:
    at, sure = torch.tensor(boxes).view(len(scores), -1, 4), torch.tensor(scores)
    points = torch.zeros(*sure.shape, 17, 2)
    return Candidates(points, torch.zeros(*sure.shape, 17), at, sure)


@pytest.mark.parametrize(
    ("boxes", "scores", "wanted"),
    [
        # the surer one stays, wherever it stands; what is apart stays
        ([[[0, 0, 10, 10], [1, 0, 11, 10], [50, 0, 60, 10]]], [[0.5, 0.9, 0.4]], [[0, 0.9, 0.4]]),
        # the same box in two frames
        ([[[0, 0, 10, 10]], [[0, 0, 10, 10]]], [[0.5], [0.9]], [[0.5], [0.9]]),
        # what one frame ends with must not meet what the next begins with
        ([[[90, 0, 100, 10]], [[-10, 0, 0, 10]]], [[0.5], [0.9]], [[0.5], [0.9]]),
        ([[[0, 0, 10, 10]], [[-11, -11, -1, -1]]], [[0.5], [0.9]], [[0.5], [0.9]]),
        # unsure ones go, and suppress nobody
        ([[[0, 0, 10, 10], [1, 0, 11, 10]]], [[0.1, 0.05]], [[0, 0]]),
        # as much as allowed: IoU 1/3
        ([[[0, 0, 10, 10], [5, 0, 15, 10]]], [[0.5, 0.9]], [[0.5, 0.9]]),
    ],
)
def test_doubles_go(
    boxes: list[list[list[float]]], scores: list[list[float]], wanted: list[list[float]]
) -> None:
    found = without_doubles(candidates(boxes, scores), above=0.1, overlap=0.45)
    torch.testing.assert_close(found.scores, torch.tensor(wanted, dtype=torch.float32))


def test_no_candidates_at_all() -> None:
    found = without_doubles(candidates([[], []], [[], []]), above=0.1, overlap=0.45)
    assert found.scores.shape == (2, 0)


@pytest.mark.parametrize("seed", range(5))
def test_doubles_of_many_frames_go_as_of_each(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    low = torch.rand(6, 40, 2, generator=random) * 300 - 100
    boxes = torch.cat([low, low + torch.rand(6, 40, 2, generator=random) * 150], 2)
    scores = torch.rand(6, 40, generator=random)
    zeros = torch.zeros(6, 40, 17)
    every = Candidates(zeros[..., None].expand(-1, -1, -1, 2), zeros, boxes, scores)
    found = without_doubles(every, above=0.2, overlap=0.45)
    for frame in range(6):
        sure = (scores[frame] > 0.2).nonzero()[:, 0]
        kept = sure[nms(boxes[frame, sure], scores[frame, sure], 0.45)]
        wanted = torch.zeros(40).index_put((kept,), scores[frame, kept])
        assert torch.equal(found.scores[frame], wanted)


def test_rtmo_rows_below_the_threshold_and_padded_ones_are_nobody() -> None:
    dets = torch.tensor([[[0.0, 0, 10, 20, 0.05], [30, 0, 40, 20, 0.8], [0, 0, 0, 0, 0]]])
    joints = torch.rand(1, 3, 17, 3)
    found = rtmo.decode({"dets": dets, "keypoints": joints}, 1, 0.1)
    left = without_doubles(found, above=0.1, overlap=0.45)
    assert left.scores.tolist() == [[0, pytest.approx(0.8), 0]]
    assert torch.equal(left.keypoints, joints[..., :2])


def test_simcc_takes_the_highest_bin_and_the_lower_height() -> None:
    outputs = {"simcc_x": torch.full((1, 3, 96), -1.0), "simcc_y": torch.full((1, 3, 128), -1.0)}
    for joint, (x, y, height_x, height_y) in enumerate(
        [(10, 20, 0.9, 0.4), (95, 0, 0.2, 1.7), (0, 127, 1.5, 1.2)]
    ):
        outputs["simcc_x"][0, joint, x] = height_x
        outputs["simcc_y"][0, joint, y] = height_y
    points, sure = simcc.decode(outputs)
    # bin 2n is the middle of pixel n
    assert points.tolist() == [[[5.5, 10.5], [48.0, 0.5], [0.5, 64.0]]]
    torch.testing.assert_close(sure, torch.tensor([[0.4, 0.2, 1.0]]))
    outputs["simcc_x"][0, 0] = -0.1  # nowhere
    assert float(simcc.decode(outputs)[1][0, 0]) == 0


# ---- ViTPose


def hills(random: torch.Generator, people: int) -> Tensor:
    """Heatmaps [N,17,64,48] with one hill each, at the edges too, and a little noise."""
    at = torch.rand(people, 17, 2, generator=random) * torch.tensor([47.0, 63.0])
    at[0, 0], at[0, 1], at[0, 2] = torch.tensor([[0.0, 0.0], [47.0, 63.0], [0.3, 31.6]])
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(48.0), indexing="ij")
    apart = (x - at[..., 0, None, None]) ** 2 + (y - at[..., 1, None, None]) ** 2
    height = torch.rand(people, 17, 1, 1, generator=random) + 0.2
    noise = torch.rand(people, 17, 64, 48, generator=random) * 0.02
    return height * torch.exp(-apart / 8) + noise


def test_vitpose_is_read_as_transformers_reads_it() -> None:
    heat = hills(torch.Generator().manual_seed(0), 4)
    points, sure = vitpose.decode({"heatmaps": heat})
    # A box whose crop, a quarter larger, is 192x256 with the origin in its corner.
    box = [192 * 0.125 / 1.25, 256 * 0.125 / 1.25, 192 / 1.25, 256 / 1.25]
    box[:2] = [96 - box[2] / 2, 128 - box[3] / 2]
    theirs = VitPoseImageProcessor().post_process_pose_estimation(
        VitPoseEstimatorOutput(heatmaps=heat), boxes=[[box] * 4]
    )[0]
    # Theirs spans the crop from corner to corner, the network's input from middle to middle.
    wanted = torch.stack([torch.as_tensor(person["keypoints"]) for person in theirs])
    wanted = wanted * torch.tensor([191 / 192, 255 / 256]) + 0.5
    torch.testing.assert_close(points, wanted.float(), atol=2e-3, rtol=0)
    scores = torch.stack([torch.as_tensor(person["scores"]) for person in theirs])
    torch.testing.assert_close(sure, scores.float().view(4, 17).clamp(0, 1))


TINY = {  # width, layers, heads, experts, width of an expert, decoder of one layer
    "vitpose_base_simple": (32, 1, 2, 1, 0, True),
    "vitpose_base": (32, 1, 2, 1, 0, False),
    "vitpose_plus_small": (32, 1, 2, 6, 8, False),
}


@pytest.fixture
def tiny_vitpose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Model]:
    """The user's own file of a ViTPose of random weights, small enough for a test."""

    def model(family: str) -> Model:
        monkeypatch.setitem(vitpose._SIZES, family, TINY[family])
        torch.manual_seed(0)
        module = vitpose._ViTPose(family)
        for parameter in module.parameters():  # as made, everything is next to nothing
            torch.nn.init.normal_(parameter, std=0.1)
        save_file(module.network.state_dict(), tmp_path / f"{family}.safetensors")
        return resolve(f"{family}:{family}.safetensors", folder=tmp_path)

    return model


@pytest.mark.parametrize(
    ("family", "precision"),
    [*((family, "fp32") for family in TINY), ("vitpose_plus_small", "fp16")],
)
def test_vitpose_is_exported(
    tiny_vitpose: Callable[[str], Model], family: str, precision: str
) -> None:
    model = tiny_vitpose(family)
    network = network_of(model)
    built = build_engine(
        model, network, backend="onnxruntime", precision=precision, device="cpu", max_batch=3
    )
    assert built.verdict is not None
    assert built.verdict.passed
    if precision == "fp16":
        return
    frames, people, _ = crowd(4)
    torch_engine = build_engine(model, network, backend="torch", device="cpu")
    found = poses_in_boxes(frames, people, built, keypoint_threshold=0)
    wanted = poses_in_boxes(frames, people, torch_engine, keypoint_threshold=0)
    torch.testing.assert_close(found.confidence, wanted.confidence, atol=1e-4, rtol=0)
    assert (found.keypoints - wanted.keypoints).norm(dim=-1).median() < 0.01


def test_vitpose_takes_the_expert_for_coco(tiny_vitpose: Callable[[str], Model]) -> None:
    model = tiny_vitpose("vitpose_plus_small")
    images = torch.rand(2, 3, 256, 192)
    weights = load_file(model.path)

    def heatmaps_with(expert: int) -> Tensor:
        """What it says with one expert's weights gone."""
        changed = {n: v * (f"experts.{expert}." not in n) for n, v in weights.items()}
        assert any(not torch.equal(changed[n], weights[n]) for n in weights)
        save_file(changed, model.path)
        with torch.inference_mode():
            heatmaps: Tensor = vitpose.load("vitpose_plus_small", model.path)(images)["heatmaps"]
        return heatmaps

    others = [heatmaps_with(expert) for expert in (1, 3, 5)]
    assert all(torch.equal(others[0], other) for other in others)
    assert not torch.allclose(heatmaps_with(0), others[0])


def test_vitpose_normalises_as_it_was_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """ImageNet's mean becomes nothing, the deviation one; for every channel its own."""
    monkeypatch.setitem(vitpose._SIZES, "vitpose_base_simple", TINY["vitpose_base_simple"])
    module = vitpose._ViTPose("vitpose_base_simple")
    seen: list[Tensor] = []
    module.network = _Recorder(seen)
    mean, std = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    image = torch.tensor(mean) + torch.tensor([[0.0], [1.0]]) * torch.tensor(std)
    module(image[..., None, None].expand(-1, -1, 256, 192))
    torch.testing.assert_close(seen[0].mean((2, 3)), torch.tensor([[0.0] * 3, [1.0] * 3]))


class _Recorder(torch.nn.Module):
    def __init__(self, seen: list[Tensor]):
        super().__init__()
        self.seen = seen

    def forward(self, images: Tensor, dataset_index: Tensor | None) -> Any:
        self.seen.append(images)
        return VitPoseEstimatorOutput(heatmaps=images)


def test_weights_of_another_vitpose(
    tiny_vitpose: Callable[[str], Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_vitpose("vitpose_base")
    tiny_vitpose("vitpose_base_simple")
    other = Model.of_file(replace(model.entry, family="vitpose_base_simple"), model.path)
    options: dict[str, Any] = {"backend": "torch", "device": "cpu"}
    with pytest.raises(ModelError, match="not the weights of vitpose_base_simple"):
        build_engine(other, network_of(other), **options)
    path = tmp_path / "vitpose_base.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError, match="not the weights of vitpose_base:"):
        build_engine(model, network_of(model), **options)
    monkeypatch.setattr(vitpose, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"needs transformers.*pip install transformers"):
        build_engine(model, network_of(model), **options)


# ---- files of another contract

_IMAGE = ("input", "float", ["batch", 3, 96, 128])
_CROP = ("input", "float", ["batch", 3, 128, 96])
_BYTES = ("input", "uint8", [1, 3, 96, 128])
_DETS, _POINTS = ("dets", "float", ["b", "n", 5]), ("keypoints", "float", ["b", "n", 17, 3])
_SIMCC_X, _SIMCC_Y = ("simcc_x", "float", ["b", 17, 192]), ("simcc_y", "float", ["b", 17, 256])
_BATCH = [
    ("num_predictions", "int64", [1, 1]),
    ("post_nms_boxes", "float", [1, 10, 4]),
    ("post_nms_scores", "float", [1, 10]),
    ("post_nms_joints", "float", [1, 10, 17, 3]),
]
_WIDE = ("post_nms_joints", "float", [1, 10, 14, 3])


@pytest.mark.parametrize(
    ("family", "inputs", "outputs", "message"),
    [
        (
            "rtmo",
            [_IMAGE],
            [("output", "float", [1, 8400, 56])],
            r"own\.onnx is not a RTMO network: expected the outputs dets \[B,N,5\], "
            r"keypoints \[B,N,17,3\], found output float \[1,8400,56\]",
        ),
        ("rtmo", [_IMAGE], [_DETS], r"found dets float \[\?,\?,5\]$"),
        ("rtmo", [_IMAGE], [_DETS, ("keypoints", "float", ["b", "n", 14, 3])], r"14,3\]$"),
        ("rtmo", [_IMAGE], [("dets", "float", ["b", "n", 6]), _POINTS], r"dets float \[\?,\?,6\]"),
        (
            "rtmo",
            [_IMAGE, ("size", "int64", [2])],
            [_DETS, _POINTS],
            r"expected one input, images \[N,3,H,W\] of float, float16 or uint8, "
            r"found input float \[\?,3,96,128\]; size int64 \[2\]",
        ),
        ("rtmo", [("input", "float", [1, 1, 96, 128])], [_DETS, _POINTS], r"float \[1,1,96,128\]"),
        ("rtmo", [("input", "int64", [1, 3, 96, 128])], [_DETS, _POINTS], r"input int64"),
        ("rtmo", [("input", "float", [1, 96, 128])], [_DETS, _POINTS], r"input float \[1,96,128\]"),
        (
            "rtmpose",
            [_CROP],
            [_SIMCC_X],
            r"is not a RTMPose network: expected images of a fixed size, simcc_x \[B,17,2W\], "
            r"simcc_y \[B,17,2H\], found input float \[\?,3,128,96\]; simcc_x float \[\?,17,192\]",
        ),
        ("rtmpose", [_CROP], [("x", "float", ["b", 26, 192]), _SIMCC_Y], r"x float \[\?,26,192\]"),
        ("rtmpose", [_CROP], [_SIMCC_Y, _SIMCC_X], r"found .*; simcc_y .*; simcc_x"),
        ("rtmpose", [("input", "float", ["b", 3, "h", "w"])], [_SIMCC_X, _SIMCC_Y], "a fixed size"),
        ("rtmpose", [_CROP], [_SIMCC_X, _SIMCC_Y, _DETS], "dets"),
        ("rtmpose", [_CROP], [("heat", "float", ["b", 17, 64, 48]), _SIMCC_Y], "heat float"),
        ("dwpose", [_CROP], [_SIMCC_X, _SIMCC_Y], r"expected .*simcc_x \[B,133,2W\].*found"),
        (
            "yolo_nas_pose",
            [_BYTES],
            _BATCH[:3],
            r"is not a YOLO-NAS-Pose network: expected the outputs num_predictions \[B,1\], "
            r"boxes \[B,N,4\], scores \[B,N\], joints \[B,N,17,3\], or one \[N,57\], "
            r"found num_predictions int64 \[1,1\]; post_nms_boxes",
        ),
        ("yolo_nas_pose", [_BYTES], [*_BATCH[:3], _WIDE], r"post_nms_joints float \[1,10,14,3\]"),
        ("yolo_nas_pose", [_BYTES], [("flat", "float", ["n", 48])], r"found flat float \[\?,48\]"),
        ("yolo_nas_pose", [_BYTES], [("flat", "float", [1, "n", 57])], r"float \[1,\?,57\]"),
        ("yolo_nas_pose", [("input", "uint8", [1, 4, 96, 128])], _BATCH, "expected one input"),
    ],
)
def test_files_of_another_contract_are_refused(
    tmp_path: Path,
    family: str,
    inputs: list[stand_ins.SocketSpec],
    outputs: list[stand_ins.SocketSpec],
    message: str,
) -> None:
    """With what was expected and what was found."""
    stand_ins.sockets_alone(tmp_path / "own.onnx", inputs, outputs)
    with pytest.raises(ModelError, match=message):
        network_of(resolve(f"{family}:own.onnx", folder=tmp_path))


@pytest.mark.parametrize("content", [b"", b"not a network at all", b"\x08\x07nothing"])
@pytest.mark.parametrize("family", ["rtmo", "rtmpose", "yolo_nas_pose"])
def test_files_that_are_no_onnx(tmp_path: Path, family: str, content: bytes) -> None:
    (tmp_path / "own.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"own\.onnx: cannot be read as ONNX"):
        network_of(resolve(f"{family}:own.onnx", folder=tmp_path))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rtmo:missing.onnx", r"model rtmo:missing\.onnx: there is no .*missing\.onnx; put"),
        ("rtmo:folder.onnx", "there is no"),
        ("rtmo:", "expected the name of a file in the models folder, found ''"),
        ("rtmo:../x.onnx", r"expected the name of a file in the models folder, found '\.\./x"),
        ("rtmo:a/../../x.onnx", "expected the name of a file"),
        ("rtmo:..\\x.onnx", "expected the name of a file"),
        ("rtmo:/etc/x.onnx", "expected the name of a file"),
        ("rtmo:\\\\server\\share\\x.onnx", "expected the name of a file"),
        ("rtmo:C:\\x.onnx", "expected the name of a file"),
        ("rtmo:C:x.onnx", "expected the name of a file"),
        ("rtmo:x.safetensors", r"rtmo comes as \.onnx, found 'x\.safetensors'"),
        ("vitpose_base:x.onnx", r"vitpose_base comes as \.safetensors, found 'x\.onnx'"),
        ("vitpose_plus_huge:x", r"vitpose_plus_huge comes as \.safetensors, found 'x'"),
        ("openpose:x.onnx", "family: expected one of yolo_nas_pose, .* found 'openpose'"),
        (":x.onnx", "family: expected one of .* found ''"),
        ("movenet:x.onnx", "family: expected one of"),
    ],
)
def test_names_that_are_no_own_file(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "models" / "folder.onnx").mkdir(parents=True)
    (tmp_path / "x.onnx").write_bytes(b"beside the folder")
    with pytest.raises(ModelError, match=message):
        resolve(name, folder=tmp_path / "models")


def test_a_model_of_no_known_family(models: Callable[[str], Model]) -> None:
    model = models("rtmo")
    model = Model.of_file(replace(model.entry, family="openpose"), model.path)
    with pytest.raises(ModelError, match="unknown family 'openpose'"):
        network_of(model)
    with pytest.raises(ModelError, match="expected a pose model, found family 'openpose'"):
        head_of(model)


# ---- crops


def test_crops_keep_the_shape_of_the_input_and_the_middle_of_the_box() -> None:
    boxes = torch.tensor([[10.0, 20, 110, 60], [10, 20, 30, 220], [50, 50, 50, 50]])
    grown = crop_boxes(boxes, (256, 192), 1.25)
    torch.testing.assert_close(grown[:, :2] + grown[:, 2:], boxes[:, :2] + boxes[:, 2:])
    sides = grown[:, 2:] - grown[:, :2]
    torch.testing.assert_close(sides[:, 0] / sides[:, 1], torch.full((3,), 0.75))
    torch.testing.assert_close(sides[0, 0], torch.tensor(125.0))
    torch.testing.assert_close(sides[1, 1], torch.tensor(250.0))
    assert bool((sides > 0).all())


_BOXES = torch.tensor(  # smaller than the crop, larger, over the edges, beyond them
    [[30.3, 20.7, 60.1, 61.2], [5, 5, 155, 205], [-40, -30, 80, 130], [100, 100, 220, 260]]
)
_SIZE = (64, 48)


def test_a_dot_in_a_crop_is_where_it_was_in_the_frame() -> None:
    frames = torch.zeros(4, 240, 200, 3)
    dots = torch.tensor([[45.0, 40.0], [100.0, 120.0], [30.0, 50.0], [150.0, 200.0]])
    for frame, (x, y) in zip(frames, dots.int().tolist(), strict=True):
        frame[y - 6 : y + 6, x - 6 : x + 6] = 1  # its middle is the corner of four pixels
    crops = crop(frames, torch.arange(4), _BOXES, _SIZE)
    ys, xs = (torch.arange(n) + 0.5 for n in _SIZE)
    weight = crops[:, 0] / crops[:, 0].sum((1, 2), keepdim=True)
    middle = torch.stack([(weight.sum(1) * xs).sum(1), (weight.sum(2) * ys).sum(1)], -1)
    back = from_crops(middle[:, None], _BOXES, _SIZE)[:, 0]
    torch.testing.assert_close(back, dots, atol=0.1, rtol=0)


def test_beyond_the_edge_all_is_black() -> None:
    frames = torch.ones(1, 240, 200, 3)
    crops = crop(frames, torch.zeros(4, dtype=torch.int64), _BOXES, _SIZE)
    ys, xs = (torch.arange(n) + 0.5 for n in _SIZE)
    for image, (x0, y0, x1, y1) in zip(crops, _BOXES.tolist(), strict=True):
        x, y = x0 + xs * (x1 - x0) / _SIZE[1], y0 + ys * (y1 - y0) / _SIZE[0]
        step = max((x1 - x0) / _SIZE[1], (y1 - y0) / _SIZE[0]) / 2 + 1  # what a pixel averages
        inside = ((x > step) & (x < 200 - step)) & ((y > step) & (y < 240 - step))[:, None]
        outside = ((x < -step) | (x > 200 + step)) | ((y < -step) | (y > 240 + step))[:, None]
        assert bool((image[:, inside] - 1).abs().lt(1e-5).all())
        assert not image[:, outside].any()
    assert inside.any()
    assert outside.any()


def test_enlarged_crops_are_bilinear() -> None:
    frames = torch.rand(3, 50, 70, 3, generator=torch.Generator().manual_seed(0))
    boxes = torch.tensor([[10.0, 10, 40, 45], [20.5, 3.2, 44.1, 30.9], [1, 1, 37, 49]])
    crops = crop(frames, torch.tensor([2, 0, 1]), boxes, _SIZE)
    ys, xs = ((torch.arange(n) + 0.5) / n for n in _SIZE)
    low, sides = boxes[:, None, None, :2], (boxes[:, 2:] - boxes[:, :2])[:, None, None]
    grid = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), -1)[None] * sides + low
    grid = grid / torch.tensor([70.0, 50.0]) * 2 - 1
    images = frames.movedim(-1, 1)[[2, 0, 1]]
    wanted = F.grid_sample(images, grid, mode="bilinear", align_corners=False)
    torch.testing.assert_close(crops, wanted, atol=1e-5, rtol=0)


def test_shrunk_crops_lose_nothing_between_samples() -> None:
    frames = torch.zeros(1, 512, 512, 3)
    frames[0, ::2] = 1  # single rows: samples alone would see all or nothing
    crops = crop(frames, torch.tensor([0]), torch.tensor([[0.0, 0, 512, 512]]), (64, 64))
    torch.testing.assert_close(crops[:, :, 1:-1], torch.full((1, 3, 62, 64), 0.5))


def test_all_crops_at_once_are_those_of_each() -> None:
    frames = torch.rand(4, 240, 200, 3)
    frame = torch.tensor([0, 0, 2, 3])
    crops = crop(frames, frame, _BOXES, _SIZE)
    for number in range(4):
        alone = crop(frames[frame[number]][None], torch.tensor([0]), _BOXES[number][None], _SIZE)
        assert torch.equal(alone[0], crops[number])


# ---- what counts as agreement


@pytest.fixture
def people_outputs() -> dict[str, Tensor]:
    """RTMO's outputs of two frames, three people each, the last not sure."""
    random = torch.Generator().manual_seed(0)
    low = torch.tensor([[10.0, 10], [60, 20], [20, 50]]) + torch.rand(2, 3, 2, generator=random)
    scores = torch.tensor([0.9, 0.6, 0.2]).expand(2, 3)[..., None]
    dets = torch.cat([low, low + torch.tensor([30.0, 40.0]), scores], 2)
    joints = torch.rand(2, 3, 17, 3, generator=random)
    joints[..., :2] = low[:, :, None] + joints[..., :2] * torch.tensor([30.0, 40.0])
    return {"dets": dets, "keypoints": joints}


_AGREE = same_people(rtmo.decode)


def test_the_same_people_in_another_order_agree(people_outputs: dict[str, Tensor]) -> None:
    other = {n: v[:, [2, 0, 1]] for n, v in people_outputs.items()}
    verdict = _AGREE(people_outputs, other, "fp32")
    assert verdict.passed
    assert verdict.reason == "4 people alike, worst 0"
    shorter = {n: v[:, :2] for n, v in people_outputs.items()}  # without the unsure one
    assert _AGREE(people_outputs, shorter, "fp32").passed
    assert _AGREE(shorter, people_outputs, "fp32").passed


@pytest.mark.parametrize(
    ("name", "index", "by", "reason"),
    [
        ("keypoints", (0, 1, 5, 0), 5.0, "people differ by"),  # a joint, by 5 px
        ("keypoints", (1, 0, 5, 2), 0.5, "people differ by"),  # how well it is seen
        ("dets", (0, 0, 4), -0.05, "people differ by"),  # a score
        ("dets", (0, 0, 4), -0.9, "people differ by"),  # a person gone
        ("dets", (0, 2, 4), 0.5, "people differ by"),  # one more
        ("dets", (1, 1, slice(0, 4)), 20.0, "people differ by"),  # a box
        ("keypoints", (0, 2, 5, 0), float("nan"), "keypoints: NaN or infinity"),
        ("dets", (0, 2, 0), float("inf"), "dets: NaN or infinity"),
    ],
)
def test_other_people_do_not_agree(
    people_outputs: dict[str, Tensor], name: str, index: tuple[Any, ...], by: float, reason: str
) -> None:
    other = {n: v.clone() for n, v in people_outputs.items()}
    other[name][index] += by
    verdict = _AGREE(people_outputs, other, "fp32")
    assert not verdict.passed
    assert verdict.reason.startswith(reason)


def test_what_is_within_the_tolerance_agrees(people_outputs: dict[str, Tensor]) -> None:
    other = {n: v + 0.004 for n, v in people_outputs.items()}
    assert not _AGREE(people_outputs, other, "fp32").passed
    assert _AGREE(people_outputs, other, "fp16").passed


def test_outputs_of_another_kind_do_not_agree(people_outputs: dict[str, Tensor]) -> None:
    dets, joints = people_outputs["dets"], people_outputs["keypoints"]
    for other, reason in (
        ({"dets": dets}, "the output 'keypoints' is missing"),
        ({"dets": dets, "keypoints": joints[:, :, :14]}, "keypoints: expected [2, 3, 17, 3]"),
        ({"dets": dets[:1], "keypoints": joints[:1]}, "dets: expected [2, 3, 5]"),
        ({"dets": dets[0], "keypoints": joints}, "dets: expected [2, 3, 5]"),
        ({"dets": dets.long(), "keypoints": joints}, "dets: expected torch.float32"),
    ):
        verdict = _AGREE(people_outputs, other, "fp32")
        assert not verdict.passed
        assert verdict.reason.startswith(reason)


def test_nobody_agrees_with_nobody(people_outputs: dict[str, Tensor]) -> None:
    nobody = {n: v[:, :0] for n, v in people_outputs.items()}
    unsure = {n: v[:, 2:] for n, v in people_outputs.items()}
    for other in (nobody, unsure):
        verdict = _AGREE(nobody, other, "fp32")
        assert verdict.passed
        assert verdict.reason == "both see nobody"
    assert not _AGREE(nobody, people_outputs, "fp32").passed
    assert not _AGREE(people_outputs, nobody, "fp32").passed


def test_flat_rows_agree_by_frame() -> None:
    agree = same_people(yolo_nas.decode)
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


# ---- graphs of others


@pytest.mark.parametrize("name", STAND_INS)
def test_half_precision_runs_and_agrees(
    models: Callable[[str], Model], engines: Callable[..., Engine], name: str
) -> None:
    model = models(name)
    network = network_of(model)
    session = onnxruntime.InferenceSession(graph_of(model, network, "fp16"))
    (image,) = session.get_inputs()
    assert (image.name, image.type) == ("images", "tensor(float)")
    kinds = {output.name: output.type for output in session.get_outputs()}
    whole = {"num_predictions": "tensor(int64)"}
    assert kinds == {n: whole.get(n, "tensor(float)") for n in network.outputs}
    stored = onnx.load_from_string(graph_of(model, network, "fp16")).graph.initializer
    assert any(tensor.data_type == TensorProto.FLOAT16 for tensor in stored)
    built = engines(name, precision="fp16")
    assert built.verdict is not None
    assert built.verdict.passed
    if name in ONE_STAGE:
        assert "people alike" in built.verdict.reason
        frame, middles = made_frame(120, 150)
        poses = detect_poses(frame[None], built, score_threshold=0.65)
        red = poses.keypoints[0, 0] - torch.from_numpy(stand_ins.OFFSETS) * 1.25
        torch.testing.assert_close(red, middles["red"].expand(17, 2), atol=0.7, rtol=0)


def test_a_wrong_graph_is_found_out(
    models: Callable[[str], Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine is compared with the reference on a picture with people."""
    model = models("rtmo")
    network = network_of(model)
    feed = network.feed
    assert feed is not None
    assert len(probe(network, 128)) == 2
    right = reference(model, network).infer(probe(network, 128))
    wrong = replace(network, feed=replace(feed, scale=200.0))
    verdict = network.compare(right, reference(model, wrong).infer(probe(network, 128)), "fp32")
    assert not verdict.passed


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
    feed = Feed("images", "float", {"boxes": "joints", "joints": "scores"}, scale=2.0, bgr=True)
    session = onnxruntime.InferenceSession(adapted(model, feed).SerializeToString())
    images = np.random.default_rng(0).random((2, 3, 4, 4), dtype=np.float32)
    boxes, joints = session.run(["boxes", "joints"], {"images": images})
    np.testing.assert_allclose(joints, images[:, ::-1] * 2 * 3, rtol=1e-6)
    np.testing.assert_allclose(boxes, -joints, rtol=1e-6)


def fed(feed: Feed, images: NDArray[np.float32]) -> NDArray[Any]:
    """What a graph that is fed so gets of images [N,3,H,W]."""
    kind = TensorProto.UINT8 if feed.kind == "uint8" else TensorProto.FLOAT
    sockets = [helper.make_tensor_value_info(n, kind, ["n", 3, "h", "w"]) for n in ("x", "y")]
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    graph = helper.make_graph(nodes, "plain", sockets[:1], sockets[1:])
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    session = onnxruntime.InferenceSession(adapted(model, feed).SerializeToString())
    (found,) = session.run(["y"], {"images": images})
    return np.asarray(found)


def test_mean_and_deviation_are_those_of_the_graphs_order() -> None:
    feed = Feed("x", "float", {"y": "y"}, 255.0, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0), bgr=True)
    found = fed(feed, np.array([0.2, 0.4, 0.6], dtype=np.float32)[None, :, None, None])
    wanted = [(0.6 * 255 - 1) / 4, (0.4 * 255 - 2) / 5, (0.2 * 255 - 3) / 6]
    np.testing.assert_allclose(found[0, :, 0, 0], wanted, rtol=1e-5)


def test_bytes_are_rounded() -> None:
    pixels = np.arange(256, dtype=np.float32)
    images = np.broadcast_to(pixels / 255, (1, 3, 1, 256)).copy()
    feed = Feed("x", "uint8", {"y": "y"}, 255.0)
    for shift in (-0.4, 0.0, 0.4):
        found = fed(feed, np.clip(images + np.float32(shift / 255), 0, 1))
        assert found.dtype == np.uint8
        assert (found == pixels).all()


def test_an_own_graph_runs_in_onnxruntime_only(models: Callable[[str], Model]) -> None:
    model = models("rtmo")
    with pytest.raises(EngineError, match="is an ONNX graph, which torch does not run"):
        build_engine(model, network_of(model), backend="torch", device="cpu")
    built = build_engine(model, network_of(model), device="cpu")
    assert built.backend == "onnxruntime"
