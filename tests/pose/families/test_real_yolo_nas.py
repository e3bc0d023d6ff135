"""YOLO-NAS-Pose as super-gradients exports it, against super-gradients itself."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.ops import box_iou

import real_yolo_nas
from kinograph.engines.detections.people import with_people
from kinograph.engines.models.registry import Model, resolve
from kinograph.engines.pose.detect import detect_poses
from kinograph.engines.pose.families import yolo_nas
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.fixed_batch import any_batch
from kinograph.engines.runtime.network import network_of
from kinograph.engines.runtime.onnx_export import graph_of
from kinograph.engines.runtime.ort_runner import OnnxRunner
from kinograph.engines.video.clip import Clip

FORMATS = tuple(real_yolo_nas.BATCHES)


class Real:
    """The exported files, pictures, and the people that super-gradients finds in them."""

    def __init__(self, folder: Path, images: NDArray[np.uint8]):
        self.folder = folder
        self.frames = torch.from_numpy(images) / 255
        self.people = real_yolo_nas.exported(folder, images)

    def model(self, kind: str) -> Model:
        return resolve(f"yolo_nas_pose:{kind}.onnx", folder=self.folder)

    def engine(self, kind: str, **options: Any) -> Engine:
        model = self.model(kind)
        return build_engine(
            model, network_of(model), backend="onnxruntime", device="cpu", **options
        )


@pytest.fixture(scope="module")
def real(clip: Clip, tmp_path_factory: pytest.TempPathFactory) -> Real:
    """Two of the pictures are those that engines are compared on, three are of the clip."""
    size = real_yolo_nas.SIZE
    frames = clip.frames[[0, 12, 30], 24:440, 100:620].movedim(-1, 1)
    frames = interpolate(frames, size=size, mode="bilinear", antialias=True)
    images = torch.cat([with_people((2, 3, *size)), frames]).movedim(1, -1)
    pixels = (images * 255).round().byte().numpy()
    return Real(tmp_path_factory.mktemp("real"), pixels)


def test_the_pictures_show_it_people(real: Real) -> None:
    """Different ones, so that the comparisons say something."""
    counts = [len(people["scores"]) for people in real.people]
    assert min(counts) >= 5
    assert len(set(counts)) > 1
    assert float(max(people["scores"][0] for people in real.people)) > 0.8


def test_both_formats_are_told_apart(real: Real) -> None:
    networks = {kind: network_of(real.model(kind)) for kind in FORMATS}
    assert {o.name for o in networks["batch"].outputs} == {
        "num_predictions",
        "boxes",
        "scores",
        "joints",
    }
    assert {o.name for o in networks["flat"].outputs} == {"flat"}
    for kind, network in networks.items():
        assert network.fixed == real_yolo_nas.SIZE
        assert network.batch == real_yolo_nas.BATCHES[kind]
        assert network.adapter is not None
        assert network.adapter.kind == "uint8"


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_people_are_found(real: Real, kind: str) -> None:
    """By the exported file in our engine and by super-gradients in torch, picture by picture."""
    outputs = real.engine(kind).infer(real.frames.movedim(-1, 1))
    found = yolo_nas.decode(outputs, len(real.frames), 0.0)
    assert len(found.scores) == len(real.people)
    for frame, people in enumerate(real.people):
        there = found.scores[frame].nonzero()[:, 0]
        order = there[found.scores[frame, there].argsort(descending=True)]
        wanted = {name: torch.from_numpy(values) for name, values in people.items()}
        assert len(order) == len(wanted["scores"])
        close(found.scores[frame, order], wanted["scores"], 1e-4)
        close(found.boxes[frame, order], wanted["boxes"], 0.02)
        close(found.keypoints[frame, order], wanted["joints"][..., :2], 0.02)
        close(found.confidence[frame, order], wanted["joints"][..., 2], 1e-4)


def close(found: Tensor, wanted: Tensor, tolerance: float) -> None:
    torch.testing.assert_close(found, wanted, atol=tolerance, rtol=0)


@pytest.mark.parametrize("max_batch", [1, 2, 16])
@pytest.mark.parametrize("kind", FORMATS)
def test_poses_are_the_surest_people(real: Real, kind: str, max_batch: int) -> None:
    engine = real.engine(kind, max_batch=max_batch)
    poses = detect_poses(
        real.frames, engine, score_threshold=0.5, keypoint_threshold=0.0, max_people=4
    )
    height, width = real_yolo_nas.SIZE
    for frame, people in enumerate(real.people):
        count = min(4, int((people["scores"] > 0.5).sum()))
        assert poses.count[frame] == count
        wanted = {name: torch.from_numpy(values[:count]) for name, values in people.items()}
        close(poses.scores[frame, :count], wanted["scores"], 1e-4)
        close(poses.keypoints[frame, :count], wanted["joints"][..., :2], 0.02)
        limit = torch.tensor([width, height, width, height])
        boxes = torch.minimum(wanted["boxes"].clamp(min=0), limit)
        close(poses.boxes[frame, :count], boxes, 0.02)


@pytest.mark.parametrize("kind", FORMATS)
def test_engines_agree_with_the_reference(real: Real, kind: str) -> None:
    built = real.engine(kind)
    assert built.verdict is not None
    assert built.verdict.passed
    assert "people alike" in built.verdict.reason


@pytest.mark.parametrize("kind", FORMATS)
def test_half_precision_finds_the_same_people(real: Real, kind: str) -> None:
    """The surest of every picture, not so exactly: what was never trained is not smooth."""
    model = real.model(kind)
    network = network_of(model)
    graph = graph_of(model, network, "fp16")
    assert len(graph) < 0.6 * model.path.stat().st_size
    runner = any_batch(OnnxRunner(graph, network, torch.device("cpu"), "fp16"), network)
    found = yolo_nas.decode(
        runner.infer({"images": real.frames.movedim(-1, 1)}), len(real.frames), 0.0
    )
    for frame, people in enumerate(real.people):
        wanted = {name: torch.from_numpy(values[:3]) for name, values in people.items()}
        overlap = box_iou(wanted["boxes"], found.boxes[frame]) * (found.scores[frame] > 0)
        best, same = overlap.max(1)
        assert float(best.min()) > 0.9
        close(found.scores[frame, same], wanted["scores"], 0.05)
        apart = found.keypoints[frame, same] - wanted["joints"][..., :2]
        assert float(apart.norm(dim=2).mean()) < 3
        close(found.confidence[frame, same], wanted["joints"][..., 2], 0.1)
