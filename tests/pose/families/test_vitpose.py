"""ViTPose: made heatmaps read as transformers reads them, and tiny networks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import VitPoseImageProcessor
from transformers.models.vitpose.modeling_vitpose import VitPoseEstimatorOutput

from kinograph.engines.errors import ModelError
from kinograph.engines.models.registry import Model, resolve
from kinograph.engines.pose.families import vitpose
from kinograph.engines.pose.top_down import poses_in_boxes
from kinograph.engines.runtime import onnx_export
from kinograph.engines.runtime.engine import build_engine
from kinograph.engines.runtime.network import network_of
from pose_checks import Models, crowd


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
def tiny_vitpose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Models:
    """The user's own file of a ViTPose of random weights, small enough for a test."""

    # A process of its own would make the networks of the published sizes.
    monkeypatch.setattr(onnx_export, "_is_its_familys", lambda model, network: False)

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
def test_vitpose_is_exported(tiny_vitpose: Models, family: str, precision: str) -> None:
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


def test_vitpose_takes_the_expert_for_coco(tiny_vitpose: Models) -> None:
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
    tiny_vitpose: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_vitpose("vitpose_base")
    tiny_vitpose("vitpose_base_simple")
    other = Model.of_file(replace(model.entry, family="vitpose_base_simple"), model.path)
    options: dict[str, Any] = {"backend": "torch", "device": "cpu"}
    with pytest.raises(ModelError, match="not the weights of vitpose_base_simple"):
        build_engine(other, network_of(other), **options)
    path = tmp_path / "vitpose_base.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot be read as weights"):
        build_engine(model, network_of(model), **options)
    monkeypatch.setattr(vitpose, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"needs transformers.*pip install transformers"):
        build_engine(model, network_of(model), **options)
