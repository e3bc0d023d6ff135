"""Pairs for the training of optical flow: what is known of them is what they show."""

from functools import cache
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kinograph.engines.datasets.backgrounds import Backgrounds
from kinograph.engines.datasets.flow_scenes import FlowPairs, FlowScenes, effects
from kinograph.engines.datasets.flow_scenes.bank import WINDOW
from kinograph.engines.datasets.flow_scenes.deformation import STEEPEST, deformed, undone
from kinograph.engines.datasets.flow_scenes.draw import drawn, on_device
from kinograph.engines.datasets.flow_scenes.effects import EFFECTS
from kinograph.engines.datasets.flow_scenes.people import People
from kinograph.engines.datasets.flow_scenes.plan import Plan
from kinograph.engines.datasets.flow_scenes.shapes import SHAPES
from kinograph.engines.datasets.flow_scenes.shapes.shape import Shape
from kinograph.engines.datasets.flow_scenes.textures import TEXTURES
from kinograph.engines.datasets.flow_scenes.textures.texture import Texture
from kinograph.engines.errors import InputError

SIZE = (64, 96)


@cache
def scenes(photometric: float = 0.0, seed: int = 1) -> FlowScenes:
    return FlowScenes(
        size=SIZE,
        seed=seed,
        device="cpu",
        photometric=photometric,
        textures=24,
        shapes=24,
        people=4,
        side=128,
    )


@cache
def plain() -> FlowPairs:
    return scenes()(range(200))


def warped(frames: Tensor, flow: Tensor) -> Tensor:
    """Return frames [N,3,H,W] at where a flow [N,2,H,W] leads."""
    height, width = frames.shape[-2:]
    x, y = torch.arange(width) + 0.5, torch.arange(height)[:, None] + 0.5
    grid = torch.stack([(x + flow[:, 0]) * 2 / width, (y + flow[:, 1]) * 2 / height], -1) - 1
    return F.grid_sample(frames, grid, mode="bicubic", padding_mode="border", align_corners=False)


def errors(pairs: FlowPairs, flow: Tensor) -> Tensor:
    """Return the mean distance [N] of the first frames from the second ones moved back, where
    they show the same."""
    seen = ~pairs.occluded
    apart = (warped(pairs.second, flow) - pairs.first).abs() * seen
    return apart.sum((1, 2, 3)) / (3 * seen.sum((1, 2, 3))).clamp(min=1)


def test_the_second_frame_moved_back_is_the_first() -> None:
    pairs = plain()
    right = errors(pairs, pairs.flow)
    assert float(right.mean()) < 0.006
    assert float(right.quantile(0.95)) < 0.02  # thin bars are all outline
    # and it would be seen if the flow were wrong
    off = pairs.flow + torch.tensor([1.0, 0.0])[:, None, None]
    assert float(errors(pairs, off).mean()) > 3 * float(right.mean())


def test_shapes_and_types() -> None:
    pairs = plain()
    count = len(pairs.first)
    assert pairs.first.shape == pairs.second.shape == (count, 3, *SIZE)
    assert pairs.flow.shape == (count, 2, *SIZE)
    assert pairs.occluded.shape == (count, 1, *SIZE)
    assert pairs.occluded.dtype == torch.bool
    for values in (pairs.first, pairs.second, pairs.flow):
        assert values.dtype == torch.float32
        assert values.isfinite().all()
        assert not values.requires_grad
    for frames in (pairs.first, pairs.second):
        assert float(frames.min()) >= 0
        assert float(frames.max()) <= 1


def test_motions_are_distributed_as_stated() -> None:
    pairs = plain()
    relative = (368 * 496 / (SIZE[0] * SIZE[1])) ** 0.5
    length = pairs.flow.norm(dim=1).flatten(1) * relative
    still = length.amax(1) == 0
    assert 0.01 <= float(still.float().mean()) <= 0.12
    share = {limit: float((length < limit).float().mean()) for limit in (2, 6, 20, 100)}
    assert 0.22 <= share[2] <= 0.38
    assert 0.42 <= share[6] <= 0.58
    assert 0.70 <= share[20] <= 0.86
    assert 0.96 <= share[100] <= 0.998  # and some are farther
    assert 0.03 <= float(pairs.occluded.float().mean()) <= 0.15


def test_what_leaves_the_picture_is_occluded_and_its_flow_is_known() -> None:
    pairs = plain()
    x, y = torch.arange(SIZE[1]), torch.arange(SIZE[0])[:, None]
    end_x, end_y = pairs.flow[:, 0] + x, pairs.flow[:, 1] + y
    outside = (end_x < -0.01) | (end_y < -0.01)
    outside |= (end_x > SIZE[1] - 0.99) | (end_y > SIZE[0] - 0.99)
    assert 0.02 < float(outside.float().mean()) < 0.1
    assert pairs.occluded[:, 0][outside].all()


def test_occlusion_agrees_with_the_way_back() -> None:
    made = scenes()
    plan = Plan.drawn(
        torch.arange(64),
        size=SIZE,
        layers=made.layers,
        motion=1.0,
        seed=1,
        textures=24,
        shapes=24,
        side=128,
        people=4,
    )
    pairs = drawn(on_device(plan, made.device), made._bank, SIZE)
    x, y = torch.arange(SIZE[1]), torch.arange(SIZE[0])[:, None]
    column, row = (at + pairs.flow[:, n] for n, at in enumerate((x, y)))
    inside = (column >= 0) & (row >= 0) & (column <= SIZE[1] - 1) & (row <= SIZE[0] - 1)
    there = warped(pairs.back, pairs.flow)
    closed = (pairs.flow + there).norm(dim=1) < 0.5 + 0.02 * pairs.flow.norm(dim=1)
    shown = ~pairs.occluded[:, 0]
    # Outlines, where the way back is mixed, are a few percent of small pictures.
    assert float(closed[shown].float().mean()) > 0.97
    assert float(closed[inside & ~shown].float().mean()) < 0.35
    for numbers in (pairs.flow, pairs.back):
        assert numbers.isfinite().all()


@pytest.mark.parametrize("photometric", [0.0, 1.0])
def test_a_pair_is_the_same_in_every_batch(photometric: float) -> None:
    made = scenes(photometric)
    together = made([7, 3, 120, 31])
    alone = made(torch.tensor([31]))
    for name in ("first", "second", "flow", "occluded"):
        assert torch.equal(getattr(together, name)[3:], getattr(alone, name)), name
    again = scenes(photometric, seed=2)([31])
    assert not torch.equal(again.first, alone.first)


def test_effects_change_frames_and_nothing_else() -> None:
    pairs, changed = scenes()(range(16)), scenes(1.0)(range(16))
    assert torch.equal(pairs.flow, changed.flow)
    assert torch.equal(pairs.occluded, changed.occluded)
    assert float((pairs.first - changed.first).abs().mean()) > 0.01
    # Something differs between the frames of a still scene, too.
    still = pairs.flow.abs().amax((1, 2, 3)) == 0
    assert still.any()
    assert not torch.equal(changed.first[still], changed.second[still])


@pytest.mark.parametrize("name", list(EFFECTS))
def test_an_effect_alone_changes_its_share_of_pairs_a_little(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(effects, "EFFECTS", {name: EFFECTS[name]})
    made = scenes(1.0)
    plain, changed = scenes()(range(24)), made(range(24))
    apart = (plain.first - changed.first).abs().mean((1, 2, 3))
    assert changed.first.isfinite().all()
    assert float(apart.max()) > 0
    assert float(apart.mean()) < 0.15
    met = apart > 0
    share = EFFECTS[name].share
    assert abs(float(met.float().mean()) - share) < 0.35


def test_deformations_are_undone_exactly() -> None:
    random = torch.Generator().manual_seed(0)
    points = (torch.rand(3, 2, 20, 30, generator=random) - 0.5) * 500
    along, phase, way = torch.randn(3, 4, 5, generator=random).split([2, 1, 2], -1)
    along = 0.02 * along
    steep = (along * way).sum(-1, keepdim=True).abs() / STEEPEST
    waves = torch.cat([along, phase, way / steep.clamp(min=0.01)], -1)  # up to 100 px
    there = deformed(points, waves)
    assert float((there - points).norm(dim=1).mean()) > 5
    assert torch.allclose(undone(there, waves), points, atol=2e-3)


def test_people_move_as_is_said() -> None:
    side = 160
    random = torch.Generator().manual_seed(0)
    grain = torch.rand(3, 3, side // 4, side // 4, generator=random)
    people = People.made(8, F.interpolate(grain, scale_factor=8.0, mode="bicubic").clamp(0, 1), 1)
    assert people.looks.shape == (8, 2, 4, side, side)
    first, second = (people.looks[:, n, :3].float() for n in range(2))
    covered = people.looks[:, 0, 3:] > 0.99
    seen = covered & (people.hidden < 0.5)
    assert 0.9 < float(seen.sum() / covered.sum()) < 0.999
    flow = people.shift[:, 0] * (side / 2)
    length = flow.norm(dim=1)[covered[:, 0]]
    assert float(length.median()) > 0.3
    assert float(length.max()) > 4
    right = ((warped(second, flow) - first).abs() * seen).sum() / (3 * seen.sum())
    wrong = ((second - first).abs() * seen).sum() / (3 * seen.sum())
    assert float(right) < 0.02
    assert float(right) < 0.3 * float(wrong)
    # and back again
    back = warped(people.shift[:, 1], flow) * (side / 2)
    assert float((flow + back).norm(dim=1)[seen[:, 0]].median()) < 0.05


@pytest.mark.parametrize("family", TEXTURES, ids=lambda family: family.name)
def test_textures_follow_from_their_numbers(family: Texture) -> None:
    photographs = Backgrounds((torch.randint(0, 256, (90, 120, 3), dtype=torch.uint8),), "noise")
    numbers = torch.arange(5)
    made = family.make(numbers, 64, 3, photographs)
    assert made.shape == (5, 3, 64, 64)
    assert float(made.min()) >= 0
    assert float(made.max()) <= 1
    assert torch.allclose(family.make(numbers[3:4], 64, 3, photographs), made[3:4], atol=1e-5)
    assert (made.std((1, 2, 3)) > 0.02).all()


@pytest.mark.parametrize("family", SHAPES, ids=lambda family: family.name)
def test_shapes_are_closed_and_their_distances_are_true(family: Shape) -> None:
    axis = torch.linspace(-WINDOW, WINDOW, 101)
    points = torch.stack(torch.meshgrid(axis, axis, indexing="xy"))
    made = family.make(torch.arange(20), points, 3)
    assert made.shape == (20, 101, 101)
    area = (made >= 0).float().mean((1, 2))
    assert (area > 0.005).all()
    assert (area < 0.75).all()
    edge = torch.cat([made[:, [0, -1]].flatten(1), made[:, :, [0, -1]].flatten(1)], 1)
    assert (edge < 0).all()
    slope = torch.stack(torch.gradient(made, dim=(1, 2)), 1).norm(dim=1) / (axis[1] - axis[0])
    outline = made.abs() < 0.04
    assert 0.75 < float(slope[outline].median()) < 1.25


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": (0, 3)}, "1 to 16 layers"),
        ({"layers": (5, 3)}, "found 5 to 3"),
        ({"layers": (2, 17)}, "found 2 to 17"),
        ({"size": (16, 64)}, "64x16"),
        ({"side": 32}, "32 px"),
        ({"motion": -1.0}, "motion -1"),
        ({"photometric": 1.5}, "photometric 1.5"),
        ({"people": -1}, "-1 people"),
    ],
)
def test_settings_out_of_range_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        FlowScenes(**{"size": SIZE, "seed": 0, "device": "cpu", **settings})


def test_photographs_have_to_be_there() -> None:
    with pytest.raises(InputError, match=r"expected kitten\.png in .*data, found none"):
        Backgrounds.photographs(["kitten.png"])


@pytest.mark.parametrize("indices", [[], [3, -1]])
def test_pairs_have_numbers(indices: list[int]) -> None:
    with pytest.raises(InputError, match="numbered from 0"):
        scenes()(indices)


def test_without_motion_all_is_still() -> None:
    still = FlowScenes(
        size=SIZE,
        seed=0,
        device="cpu",
        motion=0,
        textures=8,
        shapes=8,
        people=2,
        side=64,
        photometric=0,
    )(range(8))
    assert not still.flow.any()
    assert not still.occluded.any()
    assert torch.allclose(still.first, still.second, atol=1e-4)
