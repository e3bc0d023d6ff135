"""The embedded network of body points against LiteRT's answers, and its decoding."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from kinograph.engines.body.families.blazepose import POINTS, decode, refined
from kinograph.engines.body.family import body_landmarks
from kinograph.engines.errors import ModelError
from kinograph.engines.models.registry import resolve
from kinograph.engines.runtime.network import network_of

ANSWERS = Path(__file__).parents[1] / "data" / "body" / "blazepose.npz"


@pytest.fixture(scope="module")
def answers() -> dict[str, np.ndarray]:
    with np.load(ANSWERS) as file:
        return dict(file)


@pytest.fixture(scope="module")
def outputs(answers: dict[str, np.ndarray]) -> dict[str, Tensor]:
    pictures = answers["input"].repeat(2, 1).repeat(2, 2)  # stored at half the size
    images = torch.from_numpy(pictures).movedim(-1, 1).float() / 255
    model = resolve("blazepose")
    with torch.inference_mode():
        found: dict[str, Tensor] = network_of(model).module(model.path)(images)
    return found


def test_as_litert(outputs: dict[str, Tensor], answers: dict[str, np.ndarray]) -> None:
    ours = {**outputs, "heatmap": outputs["heatmap"][:, :, ::5, ::5]}
    for name, most in (("landmarks", 2e-3), ("world", 3e-5), ("presence", 1e-5), ("heatmap", 1e-3)):
        assert np.abs(ours[name].numpy() - answers[name]).max() < most, name


def test_two_people_are_found(outputs: dict[str, Tensor]) -> None:
    found = decode(outputs)
    assert found.points.shape == (2, 33, 2)
    assert found.scores.min() > 0.9
    head, hip, toe = (POINTS.index(f"left_{name}") for name in ("ear", "hip", "foot_index"))
    for number in range(2):  # from the top down, in the picture and in metres
        for places in (found.points, found.world):
            assert places[number, head, 1] < places[number, hip, 1] < places[number, toe, 1]
    middle = found.world[:, [hip, hip + 1]].mean(1)
    assert middle.norm(dim=-1).max() < 0.03  # m
    radius = (found.around[:, 1] - found.around[:, 0]).norm(dim=-1)
    assert ((radius > 60) & (radius < 140)).all()  # px, of a body in a crop of 256


def test_points_move_to_the_middle_of_a_heatmap() -> None:
    heatmap = torch.full((1, 3, 64, 64), -20.0)
    heatmap[0, 0, 20, 31], heatmap[0, 0, 20, 32] = 3.0, 3.0
    heatmap[0, 1, 20, 32] = -1.0  # not sure
    heatmap[0, 2, 0, 63] = 5.0  # the corner: the window is cut
    points = torch.tensor([[[122.0, 84.0], [122.0, 84.0], [250.0, 2.0]]])
    moved = refined(points, heatmap)[0]
    assert moved[0].tolist() == pytest.approx([126.0, 80.0], abs=1e-3)
    assert moved[1].tolist() == [122.0, 84.0]
    assert moved[2].tolist() == pytest.approx([252.0, 0.0], abs=1e-3)
    beyond = torch.tensor([[[-9.0, 84.0], [122.0, 300.0], [256.0, 2.0]]])
    assert refined(beyond, heatmap).tolist() == beyond.tolist()


def test_other_models_are_named() -> None:
    with pytest.raises(ModelError, match="model mediapipe_face: expected a body model, found"):
        body_landmarks(resolve("mediapipe_face"))
