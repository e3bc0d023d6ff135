"""img2pose by a made network with known poses: decoding, letterboxes, files that do not fit."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from kinograph.engines.errors import InputError, ModelError
from kinograph.engines.geometry import rotations
from kinograph.engines.geometry.boxes import iou
from kinograph.engines.head.families.img2pose import FAMILY, decode
from kinograph.engines.head.find import find_heads
from kinograph.engines.models.registry import Model, resolve
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.network import network_of

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

DATA = Path(__file__).parents[2] / "data" / "head"
MADE = DATA / "img2pose_synthetic.onnx"
FLIP = torch.diag(torch.tensor([1.0, -1, -1], dtype=torch.float64))
UNIT, MOVED = 10.74, torch.tensor([0.0, -1.5, -0.2], dtype=torch.float64)


def engine_of(folder: Path, precision: str = "fp32", **options: float) -> Engine:
    model = resolve(f"img2pose:{MADE.name}", folder=folder).with_options(**options)
    return build_engine(
        model, network_of(model), backend="onnxruntime", device="cpu", precision=precision
    )


@pytest.fixture(scope="module")
def engine() -> Engine:
    return engine_of(DATA)


@pytest.fixture(scope="module")
def answers() -> dict[str, Tensor]:
    """The true poses of three heads, in our axes and cm."""
    with np.load(DATA / "img2pose.npz") as file:
        rotation, translation = torch.from_numpy(file["R"]), torch.from_numpy(file["t"])
        outputs = {name: torch.from_numpy(file[name])[None] for name in ("boxes", "scores", "dofs")}
    turned = FLIP @ rotation @ FLIP
    at = UNIT * (translation @ FLIP) - turned @ MOVED
    return {**outputs, "rotation": turned, "translation": at}


def apart(found: Tensor, right: Tensor) -> float:
    """Return the largest angle in degrees between rotations."""
    left = rotations.to_quaternions(found.double() @ right.mT.double())
    return float(torch.rad2deg(rotations.log_map(left).norm(dim=-1)).max())


def test_decoding(answers: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    """In float64 the poses are right to 2e-6 degrees: boxes and dofs are stored in float32."""
    monkeypatch.setattr(Tensor, "float", lambda self: self.double())
    found = decode(answers, (720, 1280), {}, 0.9)
    assert found.scores[0].tolist() == pytest.approx([0.99, 0.97, 0.95, 0.91, 0], abs=1e-6)
    assert apart(found.rotation[0, :3], answers["rotation"]) < 2e-6
    assert (found.translation[0, :3] - answers["translation"]).abs().max() < 1e-4  # cm
    assert iou(found.boxes[0, 0], found.boxes[0, 3]) > 0.5  # one head twice


def test_heads_in_frames(engine: Engine, answers: dict[str, Tensor]) -> None:
    heads = find_heads(torch.full((2, 720, 1280, 3), 0.25), engine, score_threshold=0.9)
    assert heads.count.tolist() == [3, 3]
    assert heads.landmarks.shape == (2, 8, 0, 3)
    assert apart(heads.rotation[1, :3], answers["rotation"]) < 1e-3
    assert heads.translation[0, :3].allclose(answers["translation"].float(), atol=1e-3)
    assert float(heads.camera.fx) == float(heads.camera.fy) == 2000
    assert (heads.track_ids == -1).all()


@pytest.mark.parametrize("size", [(360, 640), (1080, 1920), (200, 300)])
def test_any_size(engine: Engine, answers: dict[str, Tensor], size: tuple[int, int]) -> None:
    """Heads stand where they do in the network's input, before the camera that it assumes."""
    heads = find_heads(torch.zeros(1, *size, 3), engine, score_threshold=0.9)
    assert heads.canvas == size
    assert heads.rotation[0, :3].allclose(answers["rotation"].float(), atol=1e-5)
    scale = min(720 / size[0], 1280 / size[1])
    assert float(heads.camera.fx) == pytest.approx(2000 / scale, rel=2e-3)
    at = heads.translation[0, 0]
    x = float(heads.camera.cx - heads.camera.fx * at[0] / at[2]) * scale
    y = float(heads.camera.cy + heads.camera.fy * at[1] / at[2]) * scale
    right = answers["translation"][0]
    assert x == pytest.approx(float(640 - 2000 * right[0] / right[2]), abs=0.5)
    assert y == pytest.approx(float(360 + 2000 * right[1] / right[2]), abs=0.5)


@pytest.mark.parametrize(("opset", "precision"), [(11, "fp32"), (17, "fp16")])
def test_older_files_and_fp16(
    opset: int, precision: str, answers: dict[str, Tensor], tmp_path: Path
) -> None:
    """Before version 13 of ONNX's operators, axes are attributes and not inputs."""
    graph = onnx.load(MADE)
    graph.opset_import[0].version = opset
    onnx.save(graph, tmp_path / MADE.name)
    made = engine_of(tmp_path, precision=precision)
    assert made.precision == precision
    heads = find_heads(torch.zeros(1, 720, 1280, 3), made, score_threshold=0.9)
    assert heads.count.tolist() == [3]
    assert apart(heads.rotation[0, :3], answers["rotation"]) < 0.1


def test_few_and_none(engine: Engine) -> None:
    frames = torch.zeros(1, 720, 1280, 3)
    assert find_heads(frames, engine, score_threshold=0.96).count.tolist() == [2]
    assert find_heads(frames, engine, max_heads=1).scores.tolist() == [[pytest.approx(0.99)]]
    nobody = find_heads(frames, engine, score_threshold=1.0)
    assert nobody.count.tolist() == [0]
    assert not bool(nobody.rotation.any())


def test_no_turn_is_no_nan() -> None:
    outputs = {
        "boxes": torch.tensor([[[600.0, 300, 700, 420]]]),
        "scores": torch.tensor([[1.0]]),
        "dofs": torch.tensor([[[0.0238 / 0.2353, -0.0275 / 0.5395, 0.0144 / 0.1767, 0, 0, 0]]]),
    }
    found = decode(outputs, (720, 1280), {}, 0.5)
    assert bool(found.rotation.isfinite().all())
    assert apart(found.rotation[0], torch.eye(3)[None]) < 0.5


def test_boxes_in_other_units(engine: Engine, tmp_path: Path) -> None:
    doubled = onnx.load(MADE)
    for weights in doubled.graph.initializer:
        if weights.name == "cb":
            values = onnx.numpy_helper.to_array(weights) * 2
            weights.CopyFrom(onnx.numpy_helper.from_array(values, "cb"))
    onnx.save(doubled, tmp_path / MADE.name)
    frames = torch.zeros(1, 720, 1280, 3)
    with pytest.raises(
        InputError, match=r"boxes reach to \(2279, 1091\) in inputs of 1280x720.*set"
    ):
        find_heads(frames, engine_of(tmp_path), score_threshold=0.9)
    halved = find_heads(frames, engine_of(tmp_path, box_scale=0.5), score_threshold=0.9)
    right = find_heads(frames, engine, score_threshold=0.9)
    assert halved.rotation.equal(right.rotation)


def test_nothing_else_may_be_connected(engine: Engine) -> None:
    from kinograph.engines.pose.poses import Poses

    frames = torch.zeros(1, 72, 128, 3)
    with pytest.raises(InputError, match=r"detector: .* finds heads itself and takes none"):
        find_heads(frames, engine, engine)
    with pytest.raises(InputError, match=r"poses: .* finds heads itself and takes none"):
        find_heads(frames, engine, poses=Poses.empty(1, (72, 128)))


def saved(path: Path, inputs: dict[str, list], outputs: dict[str, list]) -> Model:
    """Write a graph of constants with these inputs and outputs."""
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("RandomNormal", [], [name], shape=[max(1, s or 1) for s in shape])
        for name, shape in outputs.items()
    ]
    graph = helper.make_graph(
        nodes,
        "made",
        *(
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in some.items()]
            for some in (inputs, outputs)
        ),
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return resolve(f"img2pose:{path.name}", folder=path.parent)


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        (
            {"images": [1, 3, 720, 1280]},
            {"boxes": [None, 4]},
            r"one input, an image \[3,H,W\] of float or uint8, found images float \[1,3,720,1280\]",
        ),
        (
            {"images": [3, 720, None]},
            {"boxes": [None, 4]},
            "height and width both free or both fixed",
        ),
        (
            {"images": [3, 720, 1280]},
            {"boxes": [None, 4], "scores": [None], "keypoints": [None, 17, 3]},
            r"boxes \[N,4\], scores \[N\] or \[N,1\], dofs \[N,6\], found .*keypoints",
        ),
        (
            {"images": [3, 720, 1280]},
            {"boxes": [None, 4], "scores": [None], "dofs": [None, 5]},
            r"dofs \[N,6\], found .*dofs float \[\?,5\]",
        ),
    ],
)
def test_files_with_another_contract(
    tmp_path: Path, inputs: dict[str, list], outputs: dict[str, list], message: str
) -> None:
    with pytest.raises(ModelError, match=f"other.onnx is not a img2pose network.*{message}"):
        FAMILY.network(saved(tmp_path / "other.onnx", inputs, outputs))


def test_scores_without_an_axis_of_their_own(tmp_path: Path) -> None:
    shapes = {"boxes": [None, 4], "scores": [None], "dofs": [None, 6]}
    network = FAMILY.network(saved(tmp_path / "a.onnx", {"images": [3, None, None]}, shapes))
    assert network.fixed is None
    assert len(network.outputs[1].dims) == 2
