"""Crops around boxes: what they show, and where their points lie in the frame."""

import torch
import torch.nn.functional as F

from kinograph.engines.geometry.crops import crop, crop_boxes, from_crops
from kinograph.engines.geometry.turned_crops import Regions, crop_turned


def test_crops_keep_the_shape_of_the_input_and_the_middle_of_the_box() -> None:
    boxes = torch.tensor([[10.0, 20, 110, 60], [10, 20, 30, 220], [50, 50, 50, 50]])
    grown = crop_boxes(boxes, (256, 192), 1.25)
    torch.testing.assert_close(grown[:, :2] + grown[:, 2:], boxes[:, :2] + boxes[:, 2:])
    sides = grown[:, 2:] - grown[:, :2]
    torch.testing.assert_close(sides[:, 0] / sides[:, 1], torch.full((3,), 0.75))
    torch.testing.assert_close(sides[0, 0], torch.tensor(125.0))
    torch.testing.assert_close(sides[1, 1], torch.tensor(250.0))
    assert bool((sides > 0).all())


_BOXES = torch.tensor(  # smaller than the crop, larger, over the edges, beyond them
    [[30.3, 20.7, 60.1, 61.2], [5, 5, 155, 205], [-40, -30, 80, 130], [100, 100, 220, 260]]
)
_SIZE = (64, 48)


def test_a_dot_in_a_crop_is_where_it_was_in_the_frame() -> None:
    frames = torch.zeros(4, 240, 200, 3)
    dots = torch.tensor([[45.0, 40.0], [100.0, 120.0], [30.0, 50.0], [150.0, 200.0]])
    for frame, (x, y) in zip(frames, dots.int().tolist(), strict=True):
        frame[y - 6 : y + 6, x - 6 : x + 6] = 1  # its middle is the corner of four pixels
    crops = crop(frames, torch.arange(4), _BOXES, _SIZE)
    ys, xs = (torch.arange(n) + 0.5 for n in _SIZE)
    weight = crops[:, 0] / crops[:, 0].sum((1, 2), keepdim=True)
    middle = torch.stack([(weight.sum(1) * xs).sum(1), (weight.sum(2) * ys).sum(1)], -1)
    back = from_crops(middle[:, None], _BOXES, _SIZE)[:, 0]
    torch.testing.assert_close(back, dots, atol=0.1, rtol=0)


def test_beyond_the_edge_all_is_black() -> None:
    frames = torch.ones(1, 240, 200, 3)
    crops = crop(frames, torch.zeros(4, dtype=torch.int64), _BOXES, _SIZE)
    ys, xs = (torch.arange(n) + 0.5 for n in _SIZE)
    for image, (x0, y0, x1, y1) in zip(crops, _BOXES.tolist(), strict=True):
        x, y = x0 + xs * (x1 - x0) / _SIZE[1], y0 + ys * (y1 - y0) / _SIZE[0]
        step = max((x1 - x0) / _SIZE[1], (y1 - y0) / _SIZE[0]) / 2 + 1  # what a pixel averages
        inside = ((x > step) & (x < 200 - step)) & ((y > step) & (y < 240 - step))[:, None]
        outside = ((x < -step) | (x > 200 + step)) | ((y < -step) | (y > 240 + step))[:, None]
        assert bool((image[:, inside] - 1).abs().lt(1e-5).all())
        assert not image[:, outside].any()
    assert inside.any()
    assert outside.any()


def test_enlarged_crops_are_bilinear() -> None:
    frames = torch.rand(3, 50, 70, 3, generator=torch.Generator().manual_seed(0))
    boxes = torch.tensor([[10.0, 10, 40, 45], [20.5, 3.2, 44.1, 30.9], [1, 1, 37, 49]])
    crops = crop(frames, torch.tensor([2, 0, 1]), boxes, _SIZE)
    ys, xs = ((torch.arange(n) + 0.5) / n for n in _SIZE)
    low, sides = boxes[:, None, None, :2], (boxes[:, 2:] - boxes[:, :2])[:, None, None]
    grid = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), -1)[None] * sides + low
    grid = grid / torch.tensor([70.0, 50.0]) * 2 - 1
    images = frames.movedim(-1, 1)[[2, 0, 1]]
    wanted = F.grid_sample(images, grid, mode="bilinear", align_corners=False)
    torch.testing.assert_close(crops, wanted, atol=1e-5, rtol=0)


def test_shrunk_crops_lose_nothing_between_samples() -> None:
    frames = torch.zeros(1, 512, 512, 3)
    frames[0, ::2] = 1  # single rows: samples alone would see all or nothing
    crops = crop(frames, torch.tensor([0]), torch.tensor([[0.0, 0, 512, 512]]), (64, 64))
    torch.testing.assert_close(crops[:, :, 1:-1], torch.full((1, 3, 62, 64), 0.5))


def test_all_crops_at_once_are_those_of_each() -> None:
    frames = torch.rand(4, 240, 200, 3)
    frame = torch.tensor([0, 0, 2, 3])
    crops = crop(frames, frame, _BOXES, _SIZE)
    for number in range(4):
        alone = crop(frames[frame[number]][None], torch.tensor([0]), _BOXES[number][None], _SIZE)
        assert torch.equal(alone[0], crops[number])


def test_a_turned_crop_does_not_depend_on_the_others() -> None:
    frames = torch.rand(2, 40, 60, 3, generator=torch.Generator().manual_seed(0))
    regions = Regions(
        torch.tensor([0, 1, 1]),
        torch.tensor([[20.0, 20], [30, 10], [5, 35]]),
        torch.tensor([15.0, 70, 33]),  # enlarged, and shrunk by two factors
        torch.tensor([0.0, 0.4, -1.0]),
    )
    for fill in (None, 0.5):
        every = crop_turned(frames, regions, 16, fill=fill)
        for number in range(3):
            alone = crop_turned(frames, regions.at(torch.tensor([number])), 16, fill=fill)
            assert torch.equal(alone[0], every[number])
    assert crop_turned(frames, regions.at(torch.zeros(0, dtype=torch.int64)), 16).shape[0] == 0
