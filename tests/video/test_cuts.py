"""Cuts between shots."""

import torch

from kinograph.engines.video.clip import Clip
from kinograph.engines.video.cuts import scene_cuts, thumbnails


def test_cuts_are_seen_and_movement_is_not(clip: Clip) -> None:
    other = torch.rand(1, 464, 832, 3, generator=torch.Generator().manual_seed(0)) * 0.3
    frames = torch.cat([clip.frames[:4], other.expand(3, -1, -1, -1), clip.frames[4:6]])
    assert scene_cuts(frames).nonzero().squeeze(1).tolist() == [4, 7]
    assert not scene_cuts(clip.frames).any()
    assert not scene_cuts(clip.frames.roll(40, 2)[:2]).any()
    assert scene_cuts(other, thumbnails(clip.frames[-1:])).tolist() == [True]
