"""Figures of flow against a truth, by hand-made cases."""

import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kinograph.engines.errors import InputError
from kinograph.engines.evaluation.flow import Truth, angular_errors, end_point_errors, evaluate_flow


def field(*vectors: tuple[float, float]) -> Tensor:
    """[1,2,1,W]: a row of pixels."""
    return torch.tensor(vectors).T[None, :, None].float()


def truth(*vectors: tuple[float, float], hidden: list[bool] | None = None) -> Truth:
    flow = field(*vectors)
    valid = torch.ones(1, 1, len(vectors), dtype=torch.bool)
    return Truth("set", "part", flow, valid, None if hidden is None else torch.tensor([[hidden]]))


def test_figures_by_hand() -> None:
    right = truth((0, 0), (3, 4), (30, 40), (0, 100), hidden=[False, False, True, False])
    found = field((0, 0.5), (3, 6), (30, 44), (0, 94))  # off by 0.5, 2, 4 and 6 px
    report = evaluate_flow([(found, right)])
    total = report["total"]
    assert total["pairs"] == 1
    everything = total["all"]
    assert everything["pixels"] == 4
    assert everything["epe"] == pytest.approx(12.5 / 4)
    assert 2 <= everything["median_epe"] <= 4
    shares = [everything[f"over_{most}px"] for most in (1, 3, 5)]
    assert shares == pytest.approx([3 / 4, 2 / 4, 1 / 4])
    assert everything["fl"] == pytest.approx(2 / 4)  # 4 of 50 px are 8 %, 6 of 100 px are 6 %
    assert (total["visible"]["pixels"], total["occluded"]["pixels"]) == (3, 1)
    assert total["occluded"]["epe"] == pytest.approx(4)
    assert total["visible"]["epe"] == pytest.approx(8.5 / 3)
    speeds = total["speeds"]
    assert [speeds[band]["pixels"] for band in ("0-1", "0-10", "10-40", "40+")] == [1, 2, 0, 2]
    assert speeds["0-10"]["epe"] == pytest.approx(1.25)
    assert speeds["40+"]["epe"] == pytest.approx(5)
    assert speeds["10-40"]["epe"] is None
    assert speeds["10-40"]["median_epe"] is None
    assert json.loads(json.dumps(report)) == report
    assert report["thresholds"]["speeds_px"]["40+"] == [40, None]


@pytest.mark.parametrize(
    ("off", "speed", "outlier"),
    [(3, 10, False), (3.01, 10, True), (4, 80.5, False), (4, 79, True), (6, 200, False)],
)
def test_kitti_outliers_are_far_off_in_pixels_and_in_parts(
    off: float, speed: float, outlier: bool
) -> None:
    report = evaluate_flow([(field((speed, off)), truth((speed, 0)))])
    assert report["total"]["all"]["fl"] == outlier


@pytest.mark.parametrize(
    ("one", "other", "degrees"),
    [
        ((0, 0), (0, 0), 0),
        ((1, 0), (0, 0), 45),
        ((1, 0), (-1, 0), 90),
        ((0, math.sqrt(3)), (0, 0), 60),
        ((1e6, 0), (-1e6, 0), 180),
        ((0.001, 0), (0, 0), math.degrees(0.001)),
    ],
)
def test_angles(one: tuple[float, float], other: tuple[float, float], degrees: float) -> None:
    found = angular_errors(field(one), field(other)).item()
    assert found == pytest.approx(degrees, rel=1e-4, abs=1e-6)


def test_distances() -> None:
    assert end_point_errors(field((3, 4), (1, 1)), field((0, 0), (1, 1))).tolist() == [[[5, 0]]]


@given(st.lists(st.floats(0.001, 500), min_size=1, max_size=40))
@settings(deadline=None, max_examples=40)
def test_the_median_is_that_of_sorting(errors: list[float]) -> None:
    found = field(*((error, 0.0) for error in errors))
    report = evaluate_flow([(found, truth(*[(0.0, 0.0)] * len(errors)))])
    ordered = sorted(errors)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    assert low * 0.995 <= report["total"]["all"]["median_epe"] <= high * 1.005


def test_a_perfect_flow_is_off_by_nothing() -> None:
    right = truth((0, 0), (12.5, -3))
    everything = evaluate_flow([(right.flow, right)])["total"]["all"]
    assert everything["epe"] == everything["median_epe"] == everything["angle"] == 0
    assert everything["fl"] == 0


def test_only_valid_pixels_count() -> None:
    flow = torch.zeros(1, 2, 2, 2)
    flow[0, :, 0, 0] = torch.nan
    valid = torch.ones(1, 2, 2, dtype=torch.bool)
    valid[0, 0, 0] = False
    right = Truth("set", "part", flow, valid)
    estimate = torch.ones(1, 2, 2, 2)
    estimate[0, :, 0, 0] = torch.inf  # of no account, where nothing is known
    everything = evaluate_flow([(estimate, right)])["total"]["all"]
    assert everything["pixels"] == 3
    assert everything["epe"] == pytest.approx(math.sqrt(2))
    with pytest.raises(InputError, match=r"flow of set, part: expected numbers .* at 1 pixels"):
        evaluate_flow([(estimate.roll(1, 2), right)])


def test_sums_over_sequences_and_data_sets() -> None:
    def one(dataset: str, sequence: str, off: float, pixels: int) -> tuple[Tensor, Truth]:
        valid = torch.ones(2, 1, pixels, dtype=torch.bool)
        right = Truth(dataset, sequence, torch.zeros(2, 2, 1, pixels), valid)
        flow = torch.zeros(2, 2, 1, pixels)
        flow[:, 0] = off
        return flow, right

    parts = [one("a", "x", 1, 10), one("a", "y", 4, 5), one("b", "x", 7, 5), one("a", "x", 3, 10)]
    report = evaluate_flow(iter(parts), about={"model": {"name": "none"}})
    a, b = report["datasets"]["a"], report["datasets"]["b"]
    assert list(a["sequences"]) == ["x", "y"]
    assert [a["sequences"][name]["all"]["epe"] for name in "xy"] == [2, 4]
    assert a["all"]["epe"] == pytest.approx((40 * 2 + 10 * 4) / 50)
    assert (a["pairs"], b["pairs"], report["total"]["pairs"]) == (6, 2, 8)
    assert report["total"]["all"]["epe"] == pytest.approx((40 * 2 + 10 * 4 + 10 * 7) / 60)
    assert report["total"]["visible"]["pixels"] == 0
    assert report["meta"]["model"] == {"name": "none"}
    assert set(report["meta"]["versions"]) >= {"kinograph", "torch", "numpy", "python"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"flow": torch.zeros(1, 3, 4, 4)}, r"Truth.flow: expected the shape \[pairs,2,"),
        ({"valid": torch.ones(1, 4, 5).bool()}, r"Truth.valid: expected the shape \[1,4,4\]"),
        ({"valid": torch.ones(1, 4, 4)}, "Truth.valid: expected bool, found torch.float32"),
        ({"occluded": torch.ones(2, 4, 4).bool()}, r"Truth.occluded: expected the shape"),
        ({"flow": torch.full((1, 2, 4, 4), torch.nan)}, "truth of set, part: .* at 16 pixels"),
    ],
)
def test_a_truth_that_is_wrong(change: dict[str, Tensor], message: str) -> None:
    whole = {"flow": torch.zeros(1, 2, 4, 4), "valid": torch.ones(1, 4, 4).bool()}
    with pytest.raises(InputError, match=message):
        Truth("set", "part", **(whole | change))


def test_nothing_to_judge_and_another_size() -> None:
    with pytest.raises(InputError, match="expected pairs of frames with a known motion"):
        evaluate_flow([])
    with pytest.raises(InputError, match=r"flow: expected the shape \[1,2,1,1\], found"):
        evaluate_flow([(torch.zeros(1, 2, 1, 2), truth((0, 0)))])
