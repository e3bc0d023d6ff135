"""Parts of frames, upright and turned, and the way back to the frame."""

import itertools

import pytest
import torch

from kinograph.engines.errors import InputError
from kinograph.engines.geometry.views import View, tile_side, tiles_for, turned_boxes_back, views_of

SIZE = (60, 100)


@pytest.mark.parametrize("turns", range(4))
def test_points_of_a_view_are_those_of_the_frame(turns: int) -> None:
    frames = torch.rand(1, *SIZE, 3)
    view = View(SIZE, (10, 30, 50, 90), turns)
    seen = view.cut(frames)
    assert tuple(seen.shape[1:3]) == view.size == ((40, 60) if turns % 2 == 0 else (60, 40))
    y, x = torch.meshgrid(*map(torch.arange, view.size), indexing="ij")
    middles = torch.stack([x, y], -1) + 0.5  # of pixels
    there = (view.back(middles) - 0.5).long()
    assert torch.equal(frames[0, there[..., 1], there[..., 0]], seen[0])
    box = turned_boxes_back(torch.tensor([[0.0, 0, *view.size[::-1]]]), view)
    assert box.tolist() == [[30, 10, 90, 50]]


@pytest.mark.parametrize("source", [(696, 1664), (464, 832), (1000, 200), (64, 64), (1, 3)])
@pytest.mark.parametrize("tiles", [1, 2, 5, 8])
def test_tiles_cover_the_frame_and_overlap(source: tuple[int, int], tiles: int) -> None:
    views = views_of(source, tiles)
    assert views[0].box == (0, 0, *source)
    assert (len(views) == 1) == (tiles == 1)
    covered = torch.zeros(source)
    for view in views[1:]:
        top, left, bottom, right = view.box
        assert 0 <= top < bottom <= source[0]
        assert 0 <= left < right <= source[1]
        covered[top:bottom, left:right] += 1
    assert tiles == 1 or bool((covered >= 1).all())
    if tiles > 1 and min(source) > 100:
        side = tile_side(source, tiles)
        assert {max(view.size) for view in views[1:]} == {side}
        assert tiles_for(source, side) == tiles
        starts = sorted({view.box[1] for view in views[1:]})
        steps = [b - a for a, b in itertools.pairwise(starts)]
        assert all(step <= 0.76 * side for step in steps)


def test_boxes_that_a_tile_cuts_off() -> None:
    view = View(SIZE, (0, 50, 50, 100))
    boxes = torch.tensor([[60.0, 0, 100, 30], [50, 10, 70, 20], [60, 10, 70, 50], [60, 10, 70, 20]])
    assert view.cuts_off(boxes).tolist() == [False, True, True, False]


def test_no_tiles_at_all() -> None:
    with pytest.raises(InputError, match="tiles: expected at least 1, found 0"):
        views_of(SIZE, 0)
