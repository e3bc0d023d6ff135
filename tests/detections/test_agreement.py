"""What counts as agreement of networks that find people."""

from typing import Any

import pytest
import torch
from torch import Tensor

from kinograph.engines.detections.agreement import same_people
from kinograph.engines.pose.families import rtmo


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
