"""Boxes and their overlaps."""

import pytest
import torch
from torchvision.ops import box_iou

from kinograph.engines.geometry import boxes as box
from kinograph.engines.geometry.crops import from_crops, into_crops


def random_boxes(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(*shape, 2, generator=generator) * 100
    return torch.cat([corner, corner + torch.rand(*shape, 2, generator=generator) * 100], -1)


def test_iou_is_torchvisions() -> None:
    a, b = random_boxes(7), random_boxes(5, seed=1)
    torch.testing.assert_close(box.iou(a[:, None], b), box_iou(a, b))


@pytest.mark.parametrize(
    ("a", "b", "iou", "coverage"),
    [
        ([0, 0, 4, 4], [0, 0, 4, 4], 1, 1),
        ([0, 0, 2, 2], [0, 0, 4, 4], 0.25, 1),
        ([0, 0, 4, 4], [2, 0, 6, 4], 1 / 3, 0.5),
        ([0, 0, 4, 4], [4, 0, 8, 4], 0, 0),
        ([0, 0, 4, 4], [9, 9, 12, 12], 0, 0),
        ([3, 3, 3, 3], [0, 0, 4, 4], 0, 0),  # no area
        ([3, 3, 3, 3], [3, 3, 3, 3], 0, 0),
    ],
)
def test_overlaps(a: list[float], b: list[float], iou: float, coverage: float) -> None:
    one, other = torch.tensor(a, dtype=torch.float32), torch.tensor(b, dtype=torch.float32)
    assert box.iou(one, other).item() == pytest.approx(iou)
    assert box.iou(other, one).item() == pytest.approx(iou)
    assert box.coverage(one, other).item() == pytest.approx(coverage)


def test_sides_centres_and_corners() -> None:
    boxes = torch.tensor([[1.0, 2, 5, 10]])
    assert box.sides(boxes).tolist() == [[4, 8]]
    assert box.centres(boxes).tolist() == [[3, 6]]
    assert box.areas(boxes).tolist() == [32]
    assert box.corners(boxes).tolist() == [[[1, 2], [5, 10]]]
    assert torch.equal(box.from_corners(box.corners(boxes)), boxes)
    assert box.clipped(boxes - 3, (4, 10)).tolist() == [[0, 0, 2, 4]]


def test_points_go_into_crops_and_back() -> None:
    boxes, points = random_boxes(6), torch.rand(6, 17, 2) * 200
    inside = into_crops(points, boxes, (256, 192))
    torch.testing.assert_close(from_crops(inside, boxes, (256, 192)), points, atol=1e-3, rtol=1e-4)
    corners = into_crops(box.corners(boxes), boxes, (256, 192))
    wanted = torch.tensor([[0.0, 0], [192, 256]]).expand(6, 2, 2)
    torch.testing.assert_close(corners, wanted, atol=1e-3, rtol=1e-5)
