"""Motion masks, the camera and statistics on flows with known answers."""

import json
import math
from collections.abc import Callable

import pytest
import torch

from kinograph.engines.errors import InputError
from kinograph.engines.flow.camera import CameraMotion, camera_motion
from kinograph.engines.flow.choices import CAMERAS
from kinograph.engines.flow.flow import Flow
from kinograph.engines.flow.motion import motion_mask
from kinograph.engines.flow.statistics import as_json, as_table, flow_statistics

SIZE = (96, 160)
SQUARE = (slice(20, 70), slice(30, 90))


def moved(
    zoom: float = 1.0,
    turn: float = 0.0,
    shift: tuple[float, float] = (0.0, 0.0),
    size: tuple[int, int] = SIZE,
) -> torch.Tensor:
    """[2,H,W] px: the flow of a picture that is zoomed and turned (degrees, clockwise) about its
    centre, then shifted."""
    y, x = (torch.arange(side) - (side - 1) / 2 for side in size)
    cos, sin = (zoom * f(math.radians(turn)) for f in (math.cos, math.sin))
    u = (cos - 1) * x - sin * y[:, None] + shift[0]
    v = sin * x + (cos - 1) * y[:, None] + shift[1]
    return torch.stack([u, v])


def with_square(flow: torch.Tensor, by: tuple[float, float] = (9.0, -4.0)) -> torch.Tensor:
    flow = flow.clone()
    flow[(..., *SQUARE)] += torch.tensor(by)[:, None, None]
    return flow


CAMERAS_MOVES = [
    (1.0, 0.0, (0.0, 0.0)),
    (1.0, 0.0, (3.0, -2.0)),
    (1.05, 0.0, (0.0, 0.0)),
    (1.0, 5.0, (0.0, 0.0)),
    (1.1, -12.0, (20.0, 7.0)),
    (0.8, 40.0, (1.0, 1.0)),
]


@pytest.mark.parametrize(("zoom", "turn", "shift"), CAMERAS_MOVES)
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_the_camera_is_found_behind_a_moving_square(
    zoom: float, turn: float, shift: tuple[float, float], noise: float
) -> None:
    flow = with_square(moved(zoom, turn, shift))[None]
    flow = flow + torch.randn(flow.shape, generator=torch.Generator().manual_seed(0)) * noise
    found = camera_motion(flow)
    loose = 0.01 + noise / 10
    assert found.shift[0].tolist() == pytest.approx(shift, abs=loose)
    assert float(found.zoom) == pytest.approx(zoom, abs=loose / 20)
    assert float(found.rotation) == pytest.approx(turn, abs=loose)


def test_pairs_are_fitted_each_by_itself() -> None:
    rows = torch.stack([with_square(moved(*move)) for move in CAMERAS_MOVES])
    together = camera_motion(rows)
    for i in range(len(rows)):
        alone = camera_motion(rows[i : i + 1])
        torch.testing.assert_close(alone.matrix[0], together.matrix[i], atol=1e-4, rtol=0)


def test_translation_is_the_median() -> None:
    found = camera_motion(with_square(moved(shift=(3.0, -2.0)))[None], "translation")
    assert found.matrix[0].tolist() == [[3, 0, 0], [-2, 0, 0]]
    none = camera_motion(moved(shift=(3.0, -2.0))[None], "keep")
    assert not none.matrix.any()


@pytest.mark.parametrize("camera", CAMERAS[1:])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 2), (3, 700)])
def test_pictures_that_do_not_say_all(camera: str, size: tuple[int, int]) -> None:
    flow = moved(shift=(2.0, 5.0), size=size)[None]
    field = camera_motion(flow, camera).field(size, (slice(None), slice(None)))
    torch.testing.assert_close(field, flow, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("zoom", "turn", "shift"), CAMERAS_MOVES)
def test_there_and_back(zoom: float, turn: float, shift: tuple[float, float]) -> None:
    there = camera_motion(moved(zoom, turn, shift)[None])
    back = there.reversed()
    assert float(back.zoom) == pytest.approx(1 / zoom, abs=1e-4)
    assert float(back.rotation) == pytest.approx(-turn, abs=1e-3)
    torch.testing.assert_close(back.reversed().matrix, there.matrix, atol=1e-3, rtol=0)


def test_what_nothing_undoes_is_turned_round() -> None:
    matrix = torch.tensor([[[1.0, -1, 0], [2.0, 0, -1]]])  # all goes to one point
    back = CameraMotion(matrix).reversed()
    assert torch.equal(back.matrix, -matrix)
    assert CameraMotion(matrix).zoom.tolist() == [0]


def test_the_field_is_the_motion_in_parts_too() -> None:
    flow = torch.stack([moved(1.1, 3, (1.0, 2.0)), moved(0.9, -3, (4.0, 0.0))])
    found = camera_motion(flow)
    part = found.field(SIZE, (slice(1, 2), slice(40, 60)))
    torch.testing.assert_close(part, flow[1:, :, 40:60], atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("camera", "move"),
    [
        ("keep", (1.0, 0.0, (0.0, 0.0))),
        ("translation", (1.0, 0.0, (6.0, 6.0))),
        ("affine", (1.08, -4.0, (6.0, 2.0))),
    ],
)
def test_the_mask_is_the_square_over_a_moving_camera(
    camera: str, move: tuple[float, float, tuple[float, float]]
) -> None:
    flow = Flow(with_square(moved(*move))[None])
    mask = motion_mask(flow, threshold=1.0, camera=camera)
    wanted = torch.zeros(SIZE)
    wanted[SQUARE] = 1
    assert mask.shape == (2, *SIZE)
    assert torch.equal(mask[0], wanted)  # first: duplicate
    assert torch.equal(mask[1], wanted)


@pytest.mark.parametrize(
    ("first", "frames", "starts_empty"),
    [("duplicate", 3, False), ("white", 3, True), ("zero", 3, True), ("", 2, False)],
)
def test_the_first_frame(first: str, frames: int, starts_empty: bool) -> None:
    flow = Flow(with_square(moved()).expand(2, -1, -1, -1), first=first)
    mask = motion_mask(flow)
    assert len(mask) == frames
    assert bool(mask[0].any()) != starts_empty
    assert bool(mask[1].any())


def test_soft_masks_fade_in_above_the_threshold() -> None:
    rows = torch.zeros(1, 2, 1, 5)
    rows[0, 0, 0] = torch.tensor([0, 1, 2, 3, 9])
    mask = motion_mask(Flow(rows), threshold=1, soft=2)[1, 0]
    assert mask.tolist() == pytest.approx([0, 0, 0.5, 1, 1])
    assert motion_mask(Flow(rows), threshold=2)[1, 0].tolist() == [0, 0, 1, 1, 1]


@pytest.mark.parametrize("camera", CAMERAS)
def test_chunks_are_the_whole(camera: str) -> None:
    rows = torch.stack([with_square(moved(*move)) for move in CAMERAS_MOVES])
    whole = motion_mask(Flow(rows), camera=camera, soft=1)
    one = motion_mask(Flow(rows[:2]), camera=camera, soft=1)
    two = motion_mask(Flow(rows[2:], first=""), camera=camera, soft=1)
    torch.testing.assert_close(torch.cat([one, two]), whole, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda f: f.transpose(2, 3).contiguous().transpose(2, 3),
        lambda f: f.movedim(1, -1).contiguous().movedim(-1, 1),
        lambda f: f.repeat_interleave(2, 3)[..., ::2],
    ],
)
def test_layout_does_not_matter(spoil: Callable[[torch.Tensor], torch.Tensor]) -> None:
    rows = with_square(moved(1.08, -4, (6.0, 2.0)))[None]
    one, two = Flow(rows), Flow(spoil(rows))
    assert torch.equal(motion_mask(one, camera="affine"), motion_mask(two, camera="affine"))
    assert flow_statistics(one).rows() == [pytest.approx(r) for r in flow_statistics(two).rows()]


@pytest.mark.parametrize("camera", CAMERAS)
def test_no_pairs(camera: str) -> None:
    mask = motion_mask(Flow(torch.zeros(0, 2, 8, 9)), camera=camera, soft=1)
    assert torch.equal(mask, torch.zeros(1, 8, 9))


def test_statistics_of_a_known_picture() -> None:
    rows = torch.zeros(1, 2, 10, 10)
    rows[0, 1].view(-1)[:] = torch.arange(100) / 10  # downwards
    found = flow_statistics(Flow(rows), threshold=5.0)
    row = found.rows()[0]
    assert row["frame"] == 1
    assert row["mean"] == pytest.approx(4.95, abs=1e-5)
    assert row["median"] == pytest.approx(4.9)
    assert row["p95"] == pytest.approx(9.4)
    assert row["max"] == pytest.approx(9.9)
    assert row["direction"] == pytest.approx(90)
    assert row["moving"] == pytest.approx(0.5)
    assert found.clip_max == pytest.approx(9.9)


@pytest.mark.parametrize(
    ("shift", "direction"),
    [((2.0, 0.0), 0), ((0.0, 2.0), 90), ((-2.0, 0.0), 180), ((0.0, -2.0), -90), ((0.0, 0.0), 0)],
)
@pytest.mark.parametrize("backward", [False, True])
def test_directions(shift: tuple[float, float], direction: float, backward: bool) -> None:
    rows = moved(shift=shift)[None]
    found = flow_statistics(Flow(backward=0 - rows) if backward else Flow(rows))
    row = found.rows()[0]
    assert row["direction"] == pytest.approx(direction, abs=1e-3)
    assert (row["dx"], row["dy"]) == pytest.approx(shift, abs=1e-4)
    assert row["zoom"] == pytest.approx(1, abs=1e-5)


def test_statistics_of_backward_flow_say_how_things_move_on() -> None:
    there = flow_statistics(Flow(moved(1.05, 3)[None])).rows()[0]
    back = flow_statistics(Flow(backward=moved(1 / 1.05, -3)[None])).rows()[0]
    for name in ("zoom", "rotation", "dx", "dy"):
        assert back[name] == pytest.approx(there[name], abs=1e-3)


def test_frames_are_numbered_as_in_the_clip_or_chunk() -> None:
    rows = moved().expand(3, -1, -1, -1)
    assert [row["frame"] for row in flow_statistics(Flow(rows)).rows()] == [1, 2, 3]
    assert [row["frame"] for row in flow_statistics(Flow(rows, first="")).rows()] == [0, 1, 2]


def test_statistics_as_text_and_json() -> None:
    rows = torch.stack([moved(1.02, 1, (2.0, 0.0)), moved(shift=(0.0, 4.0))])
    found = flow_statistics(Flow(rows))
    lines = as_table(found).splitlines()
    assert lines[0].split()[:3] == ["frame", "mean", "median"]
    assert len({len(line) for line in lines[:-1]}) == 1  # columns stand below each other
    wanted = "2 4.00 4.00 4.00 4.00 90° 100.0% 0.00 4.00 1.0000 0.00°"
    assert " ".join(lines[2].split()) == wanted
    assert lines[-1].startswith("clip: mean ")
    read = json.loads(as_json(found, fps=12.0, threshold=1.0))
    assert read["fps"] == 12
    assert read["clip"]["max"] == found.clip_max
    assert read["frames"][0]["zoom"] == pytest.approx(1.02, abs=1e-4)
    assert read["frames"] == found.rows()


def test_long_clips_are_cut_in_the_text_only() -> None:
    found = flow_statistics(Flow(torch.ones(70, 2, 4, 4)))
    lines = as_table(found).splitlines()
    assert len(lines) == 1 + 60 + 2
    assert lines[-2] == "... and 10 frames more"
    assert len(found.rows()) == 70


def test_statistics_of_one_frame() -> None:
    found = flow_statistics(Flow(torch.zeros(0, 2, 8, 8)))
    assert (found.clip_mean, found.clip_max, found.rows()) == (0, 0, [])
    assert as_table(found).startswith("one frame: nothing to compare")
    assert json.loads(as_json(found, fps=16, threshold=1))["frames"] == []


def test_a_frame_beyond_the_limit_of_quantiles() -> None:
    row = torch.ones(1, 2, 1, 1).expand(1, 2, 4100, 4100)  # 16.8 M pixels in no memory
    found = flow_statistics(Flow(row)).rows()[0]
    assert found["p95"] == pytest.approx(math.sqrt(2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: motion_mask(f, threshold=-1), "threshold, soft: expected at least 0 px"),
        (lambda f: motion_mask(f, soft=-1), "found 1 and -1"),
        (lambda f: motion_mask(f, camera="zoom"), "camera: expected one of keep, translation, aff"),
        (lambda f: flow_statistics(f, threshold=-1), "threshold: expected at least 0 px, found -1"),
    ],
)
def test_unusable_settings(call: Callable[[Flow], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(Flow(torch.zeros(1, 2, 8, 8)))


@pytest.mark.parametrize(
    "call", [motion_mask, flow_statistics, lambda f: motion_mask(f, camera="affine")]
)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_flow_must_be_finite(call: Callable[[Flow], object], value: float) -> None:
    rows = torch.zeros(3, 2, 8, 8)
    rows[1, 0, 2, 2] = value
    with pytest.raises(InputError, match=r"expected finite vectors, found NaN.*pair 1"):
        call(Flow(rows))
