"""The embedded face networks against LiteRT's answers, and their decoding."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from kinograph.engines.errors import ModelError
from kinograph.engines.head.families.mediapipe_face import anchors, decode_faces, decode_mesh
from kinograph.engines.models.planned import load_planned
from kinograph.engines.models.registry import resolve
from kinograph.engines.runtime.network import network_of

DATA = Path(__file__).parents[2] / "data" / "head"


@pytest.fixture(scope="module")
def answers() -> dict[str, np.ndarray]:
    with np.load(DATA / "networks.npz") as file:
        return dict(file)


def run(name: str, pictures: np.ndarray) -> dict[str, Tensor]:
    model = resolve(name)
    images = torch.from_numpy(pictures).movedim(-1, 1).float() / 255
    with torch.inference_mode():
        found: dict[str, Tensor] = network_of(model).module(model.path)(images)
    return found


def test_detector(answers: dict[str, np.ndarray]) -> None:
    found = run("mediapipe_face_detector", answers["detector_input"])
    for name in ("regressors", "classificators"):
        assert np.abs(found[name].numpy() - answers[name]).max() < 2e-4, name


def test_mesh(answers: dict[str, np.ndarray]) -> None:
    found = run("mediapipe_face", answers["mesh_input"])
    assert np.abs(found["landmarks"].numpy() - answers["landmarks"]).max() < 1e-3  # px
    assert np.abs(found["presence"].numpy() - answers["presence"]).max() < 1e-4
    points, scores = decode_mesh(found)
    assert points.shape == (3, 468, 3)
    assert (scores > 0.5).tolist() == (answers["presence"][:, 0] > 0).tolist()


def test_anchors() -> None:
    at = anchors()
    assert at.shape == (896, 2)
    assert at[0].tolist() == at[1].tolist() == [0.5 / 16, 0.5 / 16]
    assert at[2].tolist() == [1.5 / 16, 0.5 / 16]
    assert at[512].tolist() == at[517].tolist() == [0.5 / 8, 0.5 / 8]


def test_overlapping_candidates_are_merged_by_their_scores() -> None:
    raw = torch.zeros(1, 896, 16)
    logits = torch.full((1, 896, 1), -200.0)
    raw[0, :, 2:4] = 40  # px
    for anchor, score in ((0, 0.9), (2, 0.6), (800, 0.7)):
        logits[0, anchor] = torch.tensor(score).logit()
    found, count = decode_faces({"regressors": raw, "classificators": logits}, 0.5).best(
        4, above=0.5
    )
    assert count.tolist() == [2]
    assert found.scores[0, :2].tolist() == pytest.approx([0.9, 0.7])
    one, other = 0.5 * 8, 1.5 * 8  # px, the anchors of the first two
    middle = (0.9 * one + 0.6 * other) / 1.5
    assert found.boxes[0, 0].tolist() == pytest.approx(
        [middle - 20, one - 20, middle + 20, one + 20], abs=1e-3
    )
    assert found.points[0, 0, 0].tolist() == pytest.approx([middle, one], abs=1e-3)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ("", "expected weights with the plan of their network, found none"),
        ("{", "cannot be read as weights"),
        ("{}", "the plan of the network is damaged"),
        (
            '{"input": 0, "outputs": {"a": 1}, "ops": [{"op": "cos", "in": [0], "out": 1}]}',
            "operator 'cos' of the plan is not supported",
        ),
        (
            '{"input": 0, "outputs": {"a": 1}, "ops": [{"op": "prelu", "in": [0], "out": 1, '
            '"name": "p", "channels": 2}]}',
            r"p.weight: expected \[2\], found none",
        ),
    ],
)
def test_a_file_without_a_right_plan(tmp_path: Path, plan: str, message: str) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"w": torch.zeros(1)}, path, {"plan": plan} if plan else None)
    with pytest.raises(ModelError, match=message):
        load_planned(path)
