"""Cuts between shots."""

import torch

from kinograph.engines.video.clip import Clip
from kinograph.engines.video.cuts import Cuts, scene_cuts, thumbnails


def test_cuts_are_seen_and_movement_is_not(clip: Clip) -> None:
    other = torch.rand(1, 464, 832, 3, generator=torch.Generator().manual_seed(0)) * 0.3
    frames = torch.cat([clip.frames[:4], other.expand(3, -1, -1, -1), clip.frames[4:6]])
    assert scene_cuts(frames).nonzero().squeeze(1).tolist() == [4, 7]
    assert not scene_cuts(clip.frames).any()
    assert not scene_cuts(clip.frames.roll(40, 2)[:2]).any()
    assert scene_cuts(other, thumbnails(clip.frames[-1:])).tolist() == [True]


def test_cuts_in_chunks_are_those_of_the_whole(clip: Clip) -> None:
    other = clip.frames.flip(1) * 0.3
    frames = torch.cat([clip.frames[:4], other[:3], clip.frames[4:9]])
    new, cuts = Cuts().after(frames)
    assert cuts.frames == (4, 7)
    assert cuts.text == "2 cuts, at frames 4 and 7"
    for sizes in ([1] * 12, [4, 3, 5], [5, 7]):
        known, found = Cuts(), []
        for part in frames.split(sizes):
            here, known = known.after(part)
            found.append(here)
        assert torch.equal(torch.cat(found), new)
        assert (known.frames, known.count, known.seen) == ((4, 7), 2, 12)


def test_many_cuts_are_counted_and_the_first_are_named() -> None:
    frames = torch.zeros(250, 8, 8, 3)
    frames[1::2] = torch.tensor([1.0, 0.5, 0.0])
    _, cuts = Cuts().after(frames)
    assert cuts.count == 249
    assert len(cuts.frames) == 100
    assert cuts.text == "249 cuts, at frames 1, 2, 3, 4, 5, 6 and 243 more"
    assert Cuts().text == ""
    assert Cuts().after(frames[:1])[1].count == 0
