"""POCO-CLIFF on made weights, by what its authors publish. Its own weights are not at hand here."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from kinograph.engines.body.cliff.place import (
    bbox_info,
    camera_of,
    in_picture,
    on_opencv_grid,
)
from kinograph.engines.body.cliff.regressor import OUTPUTS, PocoCliff, matrices
from kinograph.engines.body.cliff.unsure import confidence
from kinograph.engines.body.families import poco_cliff
from kinograph.engines.errors import ModelError
from kinograph.engines.geometry.turned_crops import Regions, crop_turned
from kinograph.engines.models.registry import resolve
from kinograph.engines.runtime.network import network_of
from made_poco import SMALL, poco_weights, saved_poco

SKELETON = [
    *[(0, 1), (0, 2), (0, 3), (1, 4), (2, 5), (3, 6), (4, 7), (5, 8), (6, 9), (7, 10), (8, 11)],
    *[(9, 12), (9, 13), (9, 14), (12, 15), (13, 16), (14, 17), (16, 18), (17, 19), (18, 20)],
    *[(19, 21), (20, 22), (21, 23)],
]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poco_cliff, "PLAN", SMALL)


def squares(*rows: tuple[float, float, float]) -> Regions:
    """Return upright squares of centre and side on the first frame."""
    values = torch.tensor(rows)
    count = len(values)
    frame = torch.zeros(count, dtype=torch.int64)
    return Regions(frame, values[:, :2], values[:, 2], torch.zeros(count))


def test_outputs_are_those_of_the_published_steps() -> None:
    """One crop and one number after the other, from the features on."""
    weights = poco_weights()
    module = PocoCliff(SMALL).eval()
    module.load_state_dict(weights)
    images, place = torch.rand(3, 3, 64, 64), torch.randn(3, 3)
    with torch.inference_mode():
        found = module(images, place)
        features = module.backbone((images - module.mean) / module.std)
    w = {name: value.double().numpy() for name, value in weights.items()}

    def linear(name: str, x: Any) -> Any:
        return w[f"{name}.weight"] @ x + w[f"{name}.bias"]

    def sigmoid(x: Any) -> Any:
        return 1 / (1 + np.exp(-x))

    assert {name: tuple(value.shape[1:]) for name, value in found.items()} == OUTPUTS
    for crop in range(3):
        seen, where = features[crop].double().numpy(), place[crop].double().numpy()
        state = {name: w[f"head.init_{name}"][0] for name in ("pose", "shape", "cam")}
        for _ in range(3):
            x = np.concatenate([seen, where, *state.values()])
            x = linear("head.fc2", linear("head.fc1", x))
            state = {name: value + linear(f"head.dec{name}", x) for name, value in state.items()}
        turns = []
        for joint in range(24):
            a, b = state["pose"][6 * joint : 6 * joint + 6].reshape(3, 2).T
            x = a / np.linalg.norm(a)
            y = b - (x @ b) * x
            y /= np.linalg.norm(y)
            turns.append(np.stack([x, y, np.cross(x, y)], 1))
        flat = np.stack(turns).reshape(-1)
        unsure = np.concatenate(
            [
                sigmoid(linear("uncert_head.uncert_fc_featNet", seen)),
                sigmoid(linear("uncert_head.uncert_fc_poseNet", flat)),
            ]
        )
        wanted = {
            "pred_pose": np.stack(turns),
            "pred_pose_6d": state["pose"],
            "pred_shape": state["shape"],
            "pred_cam": state["cam"],
            "var_pose": sigmoid(linear("uncert_head.uncert_fc1", unsure)),
        }
        for name, value in wanted.items():
            np.testing.assert_allclose(found[name][crop].numpy(), value, atol=1e-5, err_msg=name)
    assert found["var_pose"].std() > 0.01


def test_six_numbers_are_columns_of_a_matrix() -> None:
    assert matrices(torch.tensor([[1.0, 0, 0, -2, 0, 0]])).tolist() == [
        [[[1, 0, 0], [0, -1, 0], [0, 0, -1]]]
    ]


def test_where_crops_and_bodies_are() -> None:
    """By the published formulas in plain numbers, and in the picture."""
    height, width, (cx, cy, b), (s, tx, ty) = 480, 640, (400.0, 300.0, 240.0), (0.8, 0.1, -0.2)
    f = 800.0
    squared, camera = squares((cx, cy, b)), torch.tensor([[s, tx, ty]])
    assert bbox_info(squared, (height, width))[0].tolist() == pytest.approx(
        [80 / f * 2.8, 60 / f * 2.8, (240 - 0.24 * f) / (0.06 * f)]
    )
    at = in_picture(camera, squared, (height, width))[0].tolist()
    assert at == pytest.approx([tx + 2 * 80 / (s * b), ty + 2 * 60 / (s * b), 2 * f / (s * b)])
    for scale in (0.0, -1.0):
        far = in_picture(torch.tensor([[scale, tx, ty]]), squared, (height, width))[0]
        assert 100 < float(far[2]) < 1000
    lens = camera_of((height, width))
    assert lens.fx.tolist() == lens.fy.tolist() == [f]
    assert (lens.cx.tolist(), lens.cy.tolist()) == ([320], [240])
    # 2 / s m of the body's plane lie across the crop
    assert 320 + f * at[0] / at[2] == pytest.approx(cx + tx * s * b / 2)


def test_crops_are_those_of_opencv() -> None:
    """As the training takes them: without averaging, black beyond the edges."""
    rng = np.random.default_rng(0)
    picture = cv2.GaussianBlur(rng.random((90, 140, 3), np.float32), (0, 0), 2)
    for cx, cy, side in ((70.3, 41.2, 60.0), (100.0, 50.0, 333.0), (20.0, 15.0, 224.0)):
        scale = 224 / side
        affine = np.array([[scale, 0, 112 - cx * scale], [0, scale, 112 - cy * scale]])
        wanted = cv2.warpAffine(picture, affine, (224, 224), flags=cv2.INTER_LINEAR)
        regions = on_opencv_grid(squares((cx, cy, side)))
        frames = torch.from_numpy(picture)[None]
        crops = crop_turned(frames, regions, 224, fill=0.0, averaged=False)
        apart = np.abs(crops[0].permute(1, 2, 0).numpy() - wanted)
        # OpenCV rounds places to 1/32 px, and blends the outermost pixels with black.
        assert np.quantile(apart, 0.95) < 0.01
        assert apart.mean() < 0.01


def test_how_sure_joints_are() -> None:
    variance = torch.rand(3, 24, generator=torch.Generator().manual_seed(0)) * 0.3
    variance[:, 0] = torch.tensor([0.1, 0.79, 0.81])
    wanted = variance.double()
    for parent, child in SKELETON:
        wanted[:, child] += wanted[:, parent]
    wanted[wanted[:, 0] > 0.8] = 1
    torch.testing.assert_close(confidence(variance).double(), 1 - wanted.clamp(max=0.99))
    assert confidence(variance)[2].tolist() == pytest.approx([0.01] * 24)
    assert confidence(torch.zeros(1, 24)).tolist() == [[1] * 24]


def test_checkpoints_as_they_are_published_and_as_the_training_saves_them(tmp_path: Path) -> None:
    plain = saved_poco(tmp_path)
    wanted = poco_cliff.load(plain, SMALL).state_dict()
    nested = {"model": {"state_dict": {f"model.{n}": v for n, v in poco_weights().items()}}}
    torch.save(nested | {"epoch": 3}, tmp_path / "training.ckpt")
    half = {name: v.half() if v.is_floating_point() else v for name, v in poco_weights().items()}
    torch.save(half, tmp_path / "half.pth")
    for name, tolerance in (("training.ckpt", 0), ("half.pth", 1e-2)):
        found = poco_cliff.load(tmp_path / name, SMALL).state_dict()
        for key, value in wanted.items():
            torch.testing.assert_close(found[key], value, atol=tolerance, rtol=tolerance)
    assert network_of(resolve("poco_cliff:poco.pt", folder=tmp_path)).inputs[1].name == "bbox_info"


def without(*names: str) -> Callable[[dict[str, Tensor]], Any]:
    return lambda state: [state.pop(name) for name in names]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            without("head.init_pose", "uncert_head.uncert_fc1.bias"),
            "the weights do not fit: missing: head.init_pose and uncert_head.uncert_fc1.bias",
        ),
        (lambda s: s.update({"head.fc3.weight": torch.zeros(1)}), "unknown: head.fc3.weight"),
        (
            lambda s: s.update({"head.fc2.weight": torch.zeros(2, 2)}),
            "head.fc2.weight: expected torch.float32 [1024, 1024], found torch.float32 [2, 2]",
        ),
        (
            lambda s: s.update({"head.fc2.bias": torch.full((1024,), torch.nan)}),
            "head.fc2.bias: found NaN or infinity",
        ),
        (
            lambda s: s.update({"head.smpl_deconv_layers.0.weight": torch.zeros(1)}),
            "expected the weights of POCO-CLIFF, found those of POCO-PARE",
        ),
        (lambda s: s.clear(), "missing: backbone.bn1.bias"),
    ],
)
def test_weights_that_do_not_fit_are_named(
    change: Callable[[dict[str, Tensor]], Any], message: str, tmp_path: Path
) -> None:
    """When the file is named, before anything is built."""
    state = poco_weights()
    change(state)
    saved_poco(tmp_path, state)
    with pytest.raises(ModelError, match=re.escape(message)):
        network_of(resolve("poco_cliff:poco.pt", folder=tmp_path))


def test_a_checkpoint_that_would_run_code_does_nothing(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "victim",)

    torch.save({"state_dict": poco_weights(), "hparams": Evil()}, tmp_path / "poco.pt")
    with pytest.raises(ModelError, match="cannot be read as weights"):
        network_of(resolve("poco_cliff:poco.pt", folder=tmp_path))
    assert not (tmp_path / "victim").exists()
