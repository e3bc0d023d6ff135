"""6DRepNet on made weights with answers by hand. Its published weights are not at hand here."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from kinograph.engines.errors import InputError, ModelError
from kinograph.engines.geometry import rotations
from kinograph.engines.head.angles import angles, relative_to_ray
from kinograph.engines.head.families.sixdrepnet import SixDRepNet, decode
from kinograph.engines.head.find import find_heads
from kinograph.engines.models.registry import Model, resolve
from kinograph.engines.pose.poses import Poses
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.network import network_of

# outputs, inputs per group and groups: as RepVGG-B1g2 has them, every second one in two groups
STAGES = [[(4, 3, 1)], [(4, 4, 1), (4, 2, 2)], [(6, 4, 1)], [(8, 3, 2), (8, 8, 1)], [(8, 8, 1)]]


def turn(pitch: float, yaw: float, roll: float) -> Tensor:
    """Return the network's matrix of angles in degrees: Rz(roll) Ry(yaw) Rx(pitch)."""
    x, y, z = (
        rotations.to_matrices(rotations.exp_map(torch.eye(3)[axis] * torch.tensor(d).deg2rad()))
        for axis, d in enumerate((pitch, yaw, roll))
    )
    return z @ y @ x


def weights(matrix: Tensor) -> dict[str, Tensor]:
    """Return weights whose output is the matrix whatever the picture shows."""
    torch.manual_seed(0)
    state = {name: value.clone() for name, value in SixDRepNet(STAGES).state_dict().items()}
    state["linear_reg.weight"] *= 0
    state["linear_reg.bias"] = torch.cat([matrix[:, 0] * 3, matrix[:, 1] + 0.5 * matrix[:, 0]])
    return state


Make = Callable[[dict[str, Tensor]], Model]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(state: dict[str, Tensor]) -> Model:
        torch.save(state, tmp_path / "own.pth")
        return resolve("sixdrepnet:own.pth", folder=tmp_path)

    return made


def engine_of(model: Model) -> Engine:
    return build_engine(model, network_of(model), backend="torch", device="cpu")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ((20.0, 0.0, 0.0), (0, -20, 0)),  # their pitch is positive upwards
        ((0.0, 30.0, 0.0), (-30, 0, 0)),  # their yaw is positive to the left of the picture
        ((0.0, 0.0, 10.0), (0, 0, -10)),  # their roll is positive clockwise
    ],
)
def test_angles(theirs: tuple[float, float, float], ours: tuple[float, float, float]) -> None:
    matrix = turn(*theirs)
    for outputs in (
        {"matrix": matrix[None]},
        {"six": torch.cat([matrix[:, 0] * 2, matrix[:, 1] - matrix[:, 0]])[None]},
    ):
        assert angles(decode(outputs))[0].tolist() == pytest.approx(ours, abs=1e-4)


def test_the_network_follows_from_its_weights(make: Make) -> None:
    """A file as it is published: a convolution and its bias for each block."""
    model = make({"model_state_dict": 0} | weights(torch.eye(3)))
    module = network_of(model).module(model.path)
    assert isinstance(module, SixDRepNet)
    assert module.layer1[1].rbr_reparam.groups == 2
    assert module.layer1[0].rbr_reparam.stride == (2, 2)
    assert module.layer1[1].rbr_reparam.stride == (1, 1)
    with torch.inference_mode():
        images = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
        x = (images - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor(
            [0.229, 0.224, 0.225]
        )[:, None, None]
        for name, value in module.named_parameters():
            if name.endswith("rbr_reparam.weight"):
                first = name.count(".") == 2 or ".0." in name
                groups = x.shape[1] // value.shape[1]
                bias = module.state_dict()[name.replace("weight", "bias")]
                x = torch.conv2d(x, value, bias, 2 if first else 1, 1, groups=groups).relu()
        wanted = module.linear_reg(x.mean((2, 3)))
        assert module(images)["six"].allclose(wanted, atol=1e-6)


def test_heads_in_a_frame(make: Make) -> None:
    """By people's joints: turned relative to the ray, where a face of canonical size would be."""
    engine = engine_of(make(weights(turn(-12, 0, 0))))
    poses = Poses.empty(2, (512, 512))
    joints = torch.tensor([(128, 122), (146, 100), (109, 103), (165, 112), (84, 113)])
    poses.keypoints[1, 0, :5] = joints.float()
    poses.confidence[1, 0, :5] = 1
    poses.scores[1, 0] = 0.8
    poses.track_ids[1, 0] = 3
    poses.count[1] = 1
    heads = find_heads(torch.rand(2, 512, 512, 3), engine, poses=poses)
    assert heads.count.tolist() == [0, 1]
    assert heads.landmarks.shape[2] == 0
    assert heads.track_ids[1].tolist() == [3]
    assert heads.scores[1].tolist() == pytest.approx([0.8])
    at, matrix = heads.translation[1, 0], heads.rotation[1, 0]
    assert angles(matrix)[0] > -20
    middle = at + matrix @ torch.tensor([0, -1.2, 0])
    assert angles(relative_to_ray(matrix, middle)).tolist() == pytest.approx((0, 12, 0), abs=1e-3)
    focal = 256 / torch.tensor(31.5).deg2rad().tan()
    assert float(middle[2]) == pytest.approx(float(-focal * 6.3 / 37.1), rel=0.01)  # by the eyes
    x0, y0, x1, y1 = heads.boxes[1, 0].tolist()
    assert x0 < 128 < x1
    assert y0 < 122 < y1
    assert find_heads(
        torch.rand(2, 512, 512, 3), engine, poses=poses, score_threshold=0.9
    ).count.tolist() == [0, 0]


def test_astronaut_by_the_included_detector(make: Make, astronaut: Tensor) -> None:
    engine = engine_of(make(weights(turn(0, 0, 5))))
    heads = find_heads(astronaut, engine)
    assert heads.count.tolist() == [1]
    # what the points of the face give
    assert heads.translation[0, 0].tolist() == pytest.approx((-4.9, 22.8, -70), rel=0.06)


def test_an_onnx_file(make: Make, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    def saved(name: str, output: list[int | None], size: int = 224) -> Model:
        value = torch.zeros([s or 1 for s in output])
        nodes = [
            helper.make_node("ReduceMean", ["input"], ["m"], axes=[1, 2, 3], keepdims=0),
            helper.make_node("Reshape", ["m", "shape"], ["r"]),
            helper.make_node("Add", ["r", "value"], ["output"]),
        ]
        graph = helper.make_graph(
            nodes,
            "made",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, 3, size, size])],
            [helper.make_tensor_value_info("output", TensorProto.FLOAT, output)],
            [
                onnx.numpy_helper.from_array(value.numpy(), "value"),
                helper.make_tensor(
                    "shape", TensorProto.INT64, [len(output)], [-1] + [1] * (len(output) - 1)
                ),
            ],
        )
        onnx.save(
            helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / name
        )
        return resolve(f"sixdrepnet:{name}", folder=tmp_path)

    network = network_of(saved("matrix.onnx", [None, 3, 3]))
    assert [spec.name for spec in network.outputs] == ["matrix"]
    model = saved("six.onnx", [None, 6])
    engine = build_engine(model, network_of(model), backend="onnxruntime", device="cpu")
    found = engine.infer(torch.full((2, 3, 224, 224), 0.5))["six"]
    normal = sum((0.5 - m) / s for m, s in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))) / 3
    assert found[:, 0].tolist() == pytest.approx([normal] * 2, abs=1e-4)
    for bad in (saved("angles.onnx", [None, 3]), saved("size.onnx", [None, 6], 112)):
        with pytest.raises(ModelError, match=r"images of 224x224 and one output, \[N,6\] or"):
            network_of(bad)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("layer2.0.rbr_reparam.weight"), "found no layer2.rbr_reparam.weight"),
        (
            lambda s: s.update({"linear_reg.weight": torch.zeros(3, 8)}),
            r"no linear_reg.weight \[6,C\]",
        ),
        (
            lambda s: s.update({"layer2.0.rbr_reparam.weight": torch.zeros(6, 3, 3, 3)}),
            r"found a convolution of \[6, 3, 3, 3\] after 4 channels",
        ),
        (
            lambda s: (
                [s.pop(n) for n in list(s) if "layer0" in n]
                + [s.update({"layer0.rbr_dense.conv.weight": torch.zeros(4, 3, 3, 3)})]
            ),
            "during training; convert them with",
        ),
    ],
)
def test_other_weights(
    make: Make, change: Callable[[dict[str, Tensor]], object], message: str
) -> None:
    state = weights(torch.eye(3))
    change(state)
    with pytest.raises(ModelError, match=message):
        network_of(make(state))


def test_a_pose_model_is_none_for_heads(astronaut: Tensor) -> None:
    pose = resolve("movenet_multipose")
    engine = build_engine(pose, network_of(pose), backend="torch", device="cpu")
    with pytest.raises(InputError, match="engine: movenet_multipose is not a model for heads"):
        find_heads(astronaut, engine)
    face = resolve("mediapipe_face")
    mesh = build_engine(face, network_of(face), backend="torch", device="cpu")
    with pytest.raises(InputError, match="detector: movenet_multipose is not a model for heads"):
        find_heads(astronaut, mesh, engine)
