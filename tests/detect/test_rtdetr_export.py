"""The ONNX graph: any batch, no GridSample, and the same objects as the network finds."""

from dataclasses import replace

import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor

from kinograph.engines.detect.rtdetr_pose.agreement import same_objects
from kinograph.engines.detect.rtdetr_pose.config import NANO
from kinograph.engines.detect.rtdetr_pose.model import RTDETRPose, output_names
from kinograph.engines.detect.rtdetr_pose.network import network_for
from kinograph.engines.runtime.onnx_export import export_here

CONFIG = replace(NANO, classes=2, keypoints=5, keypoint_scores=True, uncertainty=True)


@pytest.fixture(scope="module")
def model() -> RTDETRPose:
    torch.manual_seed(0)
    model = RTDETRPose(CONFIG).eval()
    with torch.no_grad():  # heads that start at a constant would agree whatever came before
        for name, values in model.named_parameters():
            if name.endswith("weight") and not bool(values.any()):
                values.normal_(std=0.05)
    return model


@pytest.fixture(scope="module")
def graph(model: RTDETRPose) -> bytes:
    return export_here(model, network_for(CONFIG, lambda path: model), "fp32")


def test_the_graph_has_free_batches_the_names_of_the_contract_and_no_grid_sample(
    graph: bytes,
) -> None:
    found = onnx.load_from_string(graph).graph
    kinds = {node.op_type for node in found.node}
    assert "GridSample" not in kinds
    assert {"GatherElements", "TopK"} <= kinds
    assert [output.name for output in found.output] == output_names(CONFIG)
    ends = {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*found.input, *found.output)
    }
    assert all(isinstance(shape[0], str) for shape in ends.values())
    assert ends["images"][1:] == [3, 64, 64]
    assert ends["keypoints"][1:] == [12, 5, 2]
    assert ends["k_delta"][1:] == [4]


@pytest.mark.parametrize("batch", [1, 3, 5])
def test_onnx_runtime_finds_what_the_network_finds(
    model: RTDETRPose, graph: bytes, batch: int
) -> None:
    session = onnxruntime.InferenceSession(graph)
    images = torch.rand(batch, 3, 64, 64, generator=torch.Generator().manual_seed(batch))
    with torch.no_grad():
        wanted = model(images)
    values = session.run(None, {"images": images.numpy()})
    names = [output.name for output in session.get_outputs()]
    found = {name: torch.from_numpy(v) for name, v in zip(names, values, strict=True)}
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, atol=1e-4, rtol=1e-3)
    assert same_objects(wanted, found, "fp32").passed


def outputs() -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 6, 3, generator=random)
    logits[:, :3, 0] += 6
    return {
        "logits": logits,
        "bbox": torch.randn(2, 6, 4, generator=random),
        "rot6d": torch.randn(2, 6, 6, generator=random),
        "k_delta": torch.randn(2, 4, generator=random),
    }


def test_the_order_of_queries_does_not_matter_but_their_values_do() -> None:
    wanted = outputs()
    order = torch.tensor([2, 0, 1, 5, 3, 4])
    found = {n: v if n == "k_delta" else v[:, order] for n, v in wanted.items()}
    verdict = same_objects(wanted, found, "fp32")
    assert verdict.passed
    assert "as matched sets" in verdict.reason
    found["rot6d"] = found["rot6d"] + 0.2
    assert not same_objects(wanted, found, "fp32").passed


def test_only_what_somebody_is_sure_of_has_to_agree() -> None:
    wanted = outputs()
    wanted["logits"][:, 3:, 2] += 9  # background
    found = {n: v.clone() for n, v in wanted.items()}
    found["rot6d"][:, 4] += 1
    assert same_objects(wanted, found, "fp32").passed
    found["logits"][:, 4, 2] -= 30  # now it is an object
    assert not same_objects(wanted, found, "fp32").passed


def test_where_both_see_nothing_the_scores_have_to_agree() -> None:
    wanted = outputs()
    wanted["logits"][..., 2] += 12
    found = {n: v.clone() for n, v in wanted.items()}
    found["bbox"] = found["bbox"].flip(1)
    verdict = same_objects(wanted, found, "fp32")
    assert verdict.passed
    assert verdict.reason.startswith("both see nothing")
    found["logits"][:, 0, 0] += 2
    assert not same_objects(wanted, found, "fp32").passed


@pytest.mark.parametrize("damage", ["nan", "missing", "shape", "k_delta"])
def test_damaged_outputs_never_agree(damage: str) -> None:
    wanted, found = outputs(), outputs()
    if damage == "nan":
        found["bbox"][1, 5, 0] = float("nan")
    elif damage == "missing":
        del found["rot6d"]
    elif damage == "shape":
        found["rot6d"] = found["rot6d"][:, :5]
    else:
        found["k_delta"] = found["k_delta"] + 1
    assert not same_objects(wanted, found, "fp32").passed
