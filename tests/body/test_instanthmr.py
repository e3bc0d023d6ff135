"""InstantHMR on made ONNX files. Its published weights are not at hand here."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from kinograph.engines.body.detect import BodyDetector
from kinograph.engines.body.families.instanthmr import FAMILY, POINTS, where
from kinograph.engines.body.family import body_landmarks
from kinograph.engines.body.ik.chain import mannequin_chain
from kinograph.engines.body.landmarks import points_of_bodies, regions_of_boxes
from kinograph.engines.body.placing import appear
from kinograph.engines.errors import ModelError
from kinograph.engines.models.registry import resolve
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.skeletons import COCO_17, SKELETONS
from kinograph.engines.runtime.engine import build_engine
from kinograph.engines.runtime.network import network_of
from kinograph.workflows.cli import main
from made_instanthmr import SHAPES, saved_instanthmr

pytest.importorskip("onnxruntime")

# Where the network's points are in its order, which is that of MHR70.
AT = {"nose": 0, "left_shoulder": 5, "left_hip": 9, "left_wrist": 62, "right_wrist": 41}
NUMBERS = [0, 3, 4, 5, 6, 7, 8, 62, 41, 9, 10, 11, 12, 13, 14]
NUMBERS += [17, 20, 15, 18, 49, 28, 61, 40, 45, 24]


def standing() -> dict[str, torch.Tensor]:
    """Return the answer for the mannequin at rest, 2 m of it across a crop's height."""
    chain = mannequin_chain()
    places = torch.stack([chain.rest_point(name) for name in POINTS])
    middle = (chain.rest_point("left_hip") + chain.rest_point("right_hip")) / 2
    down = (places - middle) * torch.tensor([1.0, -1, -1])
    answer = {"joints_2d": torch.full((70, 2), 3.0), "joints_3d": torch.full((70, 3), 9.0)}
    answer["joints_3d"][NUMBERS] = down + 0.3  # the middle of the body is not that of the hips
    answer["joints_2d"][NUMBERS] = down[:, :2]
    return answer


def test_bodies_by_its_points(tmp_path: Path) -> None:
    """On a grey picture: the input is normalised, the place of each box is told."""
    assert [POINTS.index(name) for name in AT] == [NUMBERS.index(n) for n in AT.values()]
    answer = standing()
    for half, name in ((False, "own.onnx"), (True, "half.onnx")):
        saved_instanthmr(tmp_path / name, answer, half=half)
        model = resolve(f"instanthmr:{name}", folder=tmp_path)
        engine = build_engine(model, network_of(model), backend="onnxruntime", device="cpu")
        assert engine.verdict is not None
        assert set(engine.verdict.errors) == set(SHAPES)
        images = torch.full((2, 3, 224, 224), 0.5)
        place = torch.tensor([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
        found = engine.infer(images, cliff_cond=place)
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        wanted = place + ((0.5 - mean) / std).mean()
        torch.testing.assert_close(found["cam_trans"], wanted, atol=2e-3, rtol=0)
        torch.testing.assert_close(
            found["joints_3d"][1], answer["joints_3d"], atol=1e-2 if half else 0, rtol=0
        )
    regions = regions_of_boxes(torch.tensor([[280.0, 100, 360, 300]]), torch.zeros(1).long(), 1.2)
    assert where(regions, (360, 640))["cliff_cond"][0].tolist() == pytest.approx(
        [0, 2 * 200 / 360 - 1, 200 / 640]
    )
    # One person whose joints are where the network has them.
    head = body_landmarks(model)
    assert head is FAMILY.head
    joints = SKELETONS[COCO_17.name].joints
    side = 1.2 * 200
    people = replace(
        Poses.empty(1, (360, 640)),
        boxes=torch.tensor([[[280.0, 100, 360, 300]]]),
        scores=torch.tensor([[0.9]]),
        track_ids=torch.tensor([[4]]),
        count=torch.tensor([1]),
    )
    for name in set(POINTS) & set(joints):
        at = answer["joints_2d"][NUMBERS[POINTS.index(name)]]
        spot = torch.tensor([320.0, 200]) + at * side / 2
        people.keypoints[0, 0, joints.index(name)] = spot
        people.confidence[0, 0, joints.index(name)] = 1
    picture = torch.full((1, 360, 640, 3), 0.5)
    points = points_of_bodies(picture, people, engine)
    assert points.names == POINTS
    inside = answer["joints_2d"][NUMBERS].abs().amax(-1) <= 1
    assert points.visibility[0, 0].tolist() == inside.float().tolist()
    bodies = BodyDetector(engine, fov=60.0).update(picture, people)
    assert bodies.track_ids.tolist() == [[4]]
    assert float(bodies.shape[0, 0, -1]) == pytest.approx(0, abs=0.02)  # of the mannequin's size
    table = bodies.camera.of_frames(torch.zeros(1).long())
    pelvis = appear(bodies.translation[:, 0][:, None], table)[0, 0]
    assert (pelvis - torch.tensor([320.0, 200])).abs().max() < 15
    turned = bodies.rotation[0, 0, 0]
    assert (turned - torch.eye(3)).abs().max() < 0.15


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (
            {"outputs": {n: s for n, s in SHAPES.items() if n != "joints_3d"}},
            "expected the output joints_3d, found a release of InstantHMR whose points follow from",
        ),
        (
            {"outputs": SHAPES | {"joints_3d": (17, 3)}},
            r"expected the outputs mhr_params \[N,204\], .* found .*joints_3d float \[\?,17,3\]",
        ),
        ({"outputs": {"cam_trans": (3,)}}, r"is not a InstantHMR network: expected the outputs"),
        (
            {"inputs": {"image": (3, 256, 256), "cliff_cond": (3,)}},
            r"expected the inputs image \[N,3,224,224\], cliff_cond \[N,3\]",
        ),
        ({"inputs": {"images": (3, 224, 224), "boxes": (3,)}}, "found images float"),
        ({"about": {"cliff_focal": "true"}}, "takes angles of a calibrated camera"),
    ],
)
def test_files_of_other_interfaces(how: dict[str, Any], message: str, tmp_path: Path) -> None:
    saved_instanthmr(tmp_path / "own.onnx", {}, **how)
    with pytest.raises(ModelError, match=message):
        network_of(resolve("instanthmr:own.onnx", folder=tmp_path))


def test_a_fixed_batch(tmp_path: Path) -> None:
    saved_instanthmr(tmp_path / "own.onnx", {}, batch=1)
    assert network_of(resolve("instanthmr:own.onnx", folder=tmp_path)).batch == 1


def test_tensorrt_rtx_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With both inputs, for cards that this machine does not have."""
    pytest.importorskip(
        "tensorrt_rtx_bindings",
        reason="TensorRT-RTX has wheels for Linux and Windows on x86-64 only",
    )
    saved_instanthmr(tmp_path / "own.onnx", standing())
    monkeypatch.setenv("KINOGRAPH_MODELS_DIR", str(tmp_path))
    assert main(["build", "instanthmr:own.onnx", "--capability", "sm86"]) == 0
    path = Path(capsys.readouterr().out.rpartition("  ")[0])
    assert path.stat().st_size > 1000
