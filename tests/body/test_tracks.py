"""What belongs to a track: the size of its body, and poses that are kept."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kinograph.engines.body.bodies import Bodies
from kinograph.engines.body.held import HeldPoses, hold
from kinograph.engines.body.ik.chain import mannequin_chain
from kinograph.engines.body.proportions import ODD, Proportions
from kinograph.engines.body.rig import mannequin
from kinograph.engines.body.sizes import SizeState, sizes_by_track
from kinograph.engines.geometry.camera import Camera

CHAIN = mannequin_chain()
REST = torch.stack([CHAIN.rest_point(name) for name in CHAIN.points])[None]


def test_proportions_of_the_mannequin() -> None:
    found = Proportions.of(torch.cat([REST, REST * 1.3]), CHAIN.points)
    assert found.sizes.tolist() == pytest.approx([1, 1.3])
    assert found.odd.max() < 1e-5
    assert len(Proportions.of(REST[:0], CHAIN.points).sizes) == 0


def test_points_that_cannot_be_a_body_are_odd() -> None:
    """As the network gives them in single frames: shoulders and hips on one line."""
    flat = REST * torch.tensor([0.3, 1.0, 1.0])
    point = REST * 0
    child = REST.clone()  # whose legs are shorter, within what bodies are
    child[:, [CHAIN.point(f"{s}_ankle") for s in ("left", "right")]] += torch.tensor([0, 0.1, 0])
    odd = Proportions.of(torch.cat([flat, point, child]), CHAIN.points).odd
    assert odd[:2].min() > ODD
    assert odd[2] < ODD / 2


def ran(sizes: Tensor, ids: Tensor, cuts: tuple[int, ...]) -> tuple[Tensor, SizeState]:
    """Return what chunks of a clip give, of which everybody has a track but those with -1."""
    state: SizeState | None = None
    parts = []
    present = torch.ones_like(ids, dtype=torch.bool)
    for start, stop in zip((0, *cuts), (*cuts, len(sizes)), strict=True):
        part = slice(start, stop)
        found, state = sizes_by_track(sizes[part], present[part], ids[part], state)
        parts.append(found)
    assert state is not None
    return torch.cat(parts), state


def test_sizes_settle() -> None:
    generator = torch.Generator().manual_seed(0)
    sizes = 0.9 + torch.rand(80, 2, generator=generator) * 0.2
    sizes[3, 0] = torch.nan  # not seen
    ids = torch.tensor([[5, 2]]).repeat(80, 1)
    ids[40:] = ids[40:].flip(1)  # they change places
    found, state = ran(sizes, ids, ())
    assert found[0].tolist() == sizes[0].tolist()
    assert found[3, 0] == found[2, 0]
    first = torch.cat([sizes[:3, 0], sizes[4:31, 0]])
    assert float(found[30, 0]) == pytest.approx(float(first.quantile(0.5)))
    assert found[30:40, 0].unique().numel() == 1
    assert found[40:, 1].unique().tolist() == [float(found[39, 0])]
    for cuts in ((1, 2, 30), (40,), (7, 7, 60)):
        again, last = ran(sizes, ids, cuts)
        assert torch.equal(again, found)
        assert torch.equal(last.sizes, state.sizes)


def test_sizes_without_a_track_are_those_of_the_frame() -> None:
    sizes = torch.tensor([[0.9], [1.1], [torch.nan]])
    found, state = ran(sizes, torch.full((3, 1), -1), ())
    assert found[:, 0].tolist() == pytest.approx([0.9, 1.1, 1.0])
    assert len(state.ids) == 0


def test_tracks_that_are_gone_are_forgotten() -> None:
    sizes, ids = torch.full((302, 2), 0.95), torch.tensor([[0, 1]]).repeat(302, 1)
    ids[1:, 0] = -1
    assert ran(sizes[:301], ids[:301], (9,))[1].ids.tolist() == [0, 1]
    assert ran(sizes, ids, (9, 200))[1].ids.tolist() == [1]


def moving(frames: int) -> Bodies:
    """Two bodies; the pelvis of the one of track 3 is at x = frame."""
    camera = Camera.of_field_of_view((48, 64))
    bodies = Bodies.empty(frames, (48, 64), camera, mannequin(), bodies=2)
    bodies.count[:] = 2
    bodies.track_ids[:] = torch.tensor([3, -1])
    bodies.translation[:, 0, 0] = torch.arange(frames).float()
    bodies.rotation[:] = torch.eye(3)
    bodies.confidence[:] = 1
    return bodies


@pytest.mark.parametrize("cuts", [(), (3,), (1, 4, 5, 20)])
def test_poses_are_kept_while_nobody_is_seen(cuts: tuple[int, ...]) -> None:
    bodies, seen = moving(30), torch.ones(30, 2, dtype=torch.bool)
    seen[0] = False
    seen[4:7] = False
    seen[9:, 0] = False
    state: HeldPoses | None = None
    parts = []
    for start, stop in zip((0, *cuts), (*cuts, 30), strict=True):
        part, state = hold(bodies.slice(start, stop), seen[start:stop], state)
        parts.append(part)
    held = Bodies.cat(parts)
    # Track 3 is there from frame 1, where it is seen first, to 15 frames after it was seen last.
    assert held.count.tolist() == [0] + [2] * 3 + [1] * 3 + [2] * 17 + [1] * 6
    kept = held.present & (held.track_ids == 3)
    x = held.translation[..., 0][kept].tolist()
    assert x == [1, 2, 3, 3, 3, 3, 7, 8] + [8.0] * 15
    assert (held.confidence.amax(-1)[kept] > 0).tolist() == seen[1:24, 0].tolist()
    assert (held.confidence.amax(-1)[held.present & (held.track_ids == -1)] > 0).all()


def test_nobody_is_kept_out_of_nothing() -> None:
    nobody = replace(moving(2), count=torch.zeros(2, dtype=torch.int64))
    held, state = hold(nobody, torch.zeros(2, 2, dtype=torch.bool), None)
    assert held.count.tolist() == [0, 0]
    assert len(state.ids) == 0
    held, _ = hold(moving(0), torch.zeros(0, 2, dtype=torch.bool), state)
    assert len(held) == 0
