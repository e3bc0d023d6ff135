"""Who is who among heads from frame to frame."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kinograph.engines.errors import InputError
from kinograph.engines.head.heads import Heads
from kinograph.engines.head.tracking import HeadTracker
from posed_heads import made_heads, turned

SIZE = (240, 320)


def crossing(frames: int = 20, **more: object) -> Heads:
    """Return two heads without tracks that pass each other, the nearer one in front. Which is in
    the first place changes every frame."""
    x = torch.linspace(-22, 22, frames)
    at = torch.zeros(frames, 2, 3)
    at[:, 0, 0], at[:, 1, 0] = x, -x
    at[:, 0, 2], at[:, 1, 2] = -55, -70
    turns = turned(10.0).expand(frames, 2, 3, 3)
    flip = torch.arange(frames) % 2 == 1
    at = torch.where(flip[:, None, None], at.flip(1), at)
    return made_heads(turns, at, size=SIZE, tracks=False, **more)  # type: ignore[arg-type]


def nearer(heads: Heads) -> Tensor:
    """Return the id of the nearer head in each frame, [F]."""
    place = heads.translation[..., 2].argmax(1)
    return heads.track_ids.gather(1, place[:, None])[:, 0]


@pytest.mark.parametrize("points", [468, 0])
def test_heads_that_pass_each_other(points: int) -> None:
    tracked = HeadTracker().update(crossing(points=points))
    assert nearer(tracked).unique().tolist() == [int(tracked.track_ids[0, 0])]
    assert sorted(tracked.track_ids.unique().tolist()) == [0, 1]


def test_chunks_continue_the_tracks() -> None:
    heads = crossing()
    whole = HeadTracker().update(heads)
    tracker = HeadTracker()
    parts = [tracker.update(heads.slice(a, b)) for a, b in ((0, 1), (1, 9), (9, 10), (10, 20))]
    assert Heads.cat(parts).track_ids.equal(whole.track_ids)


def test_tracks_end_at_a_cut() -> None:
    cuts = torch.arange(20) == 12
    tracked = HeadTracker().update(crossing(), cuts)
    assert sorted(tracked.track_ids[:12].unique().tolist()) == [0, 1]
    assert sorted(tracked.track_ids[12:].unique().tolist()) == [2, 3]


@pytest.mark.parametrize(("max_gap", "ids"), [(4, [0, 1]), (3, [0, 1, 2])])
def test_who_is_out_of_sight_is_remembered_for_a_while(max_gap: int, ids: list[int]) -> None:
    still = made_heads(
        turned(0.0).expand(12, 2, 3, 3),
        torch.tensor([[-12.0, 0, -60], [12, 0, -60]]).expand(12, 2, 3),
        size=SIZE,
        tracks=False,
        count=[1 if 3 <= frame < 7 else 2 for frame in range(12)],
    )
    tracked = HeadTracker(max_gap=max_gap).update(still)
    assert sorted(set(tracked.track_ids[tracked.present].tolist())) == ids


def test_given_tracks_are_kept() -> None:
    heads = crossing()
    given = replace(heads, track_ids=torch.tensor([[7, 4]]).expand(20, 2).contiguous())
    tracker = HeadTracker()
    assert tracker.update(given, torch.arange(20) == 5).track_ids.equal(given.track_ids)
    assert tracker.state.given
    nobody = Heads.empty(3, SIZE, heads.camera)
    assert tracker.update(nobody).track_ids.equal(nobody.track_ids)
    with pytest.raises(InputError, match=r"some have tracks and some have none; give tracks"):
        tracker.update(heads)
    some = replace(heads, track_ids=torch.tensor([[7, -1]]).expand(20, 2).contiguous())
    with pytest.raises(InputError, match=r"some have tracks and some have none"):
        HeadTracker().update(some)


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="max_gap: expected at least 0, found -1"):
        HeadTracker(max_gap=-1)
    tracker = HeadTracker()
    tracker.update(crossing())
    with pytest.raises(InputError, match="in frames of 160x120, but those before were 320x240"):
        tracker.update(Heads.empty(1, (120, 160), crossing().camera))
    tracker.reset()
    tracker.update(Heads.empty(1, (120, 160), crossing().camera))
    with pytest.raises(InputError, match="cuts: expected 20 frames, found 3"):
        HeadTracker().update(crossing(), torch.zeros(3, dtype=torch.bool))
