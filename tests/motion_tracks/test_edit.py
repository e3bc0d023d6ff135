"""Fewer and smoother tracks."""

import pytest
import torch

from kinograph.engines.errors import InputError
from kinograph.engines.motion_tracks.edit import chosen, in_region, moving, smoothed
from kinograph.engines.motion_tracks.tracks import MotionTracks
from kinograph.nodes.tracks.edit import EditTracks


def fan(frames: int = 9) -> MotionTracks:
    """Five points, of which point i moves down by i px a frame."""
    start = torch.stack([torch.arange(5) * 10.0 + 5, torch.full((5,), 2.0)], 1)
    path = start + torch.arange(frames)[:, None, None] * torch.stack(
        [torch.zeros(5), torch.arange(5.0)], 1
    )
    return MotionTracks(path, torch.ones(frames, 5, dtype=torch.bool), (40, 50))


def columns(tracks: MotionTracks) -> list[float]:
    return tracks.path[0, :, 0].tolist()


def test_choosing() -> None:
    tracks = fan()
    assert columns(chosen(tracks, 2)) == [35, 45]
    assert columns(chosen(tracks, 2, "shortest")) == [5, 15]
    assert columns(chosen(tracks, 3, "even")) == [5, 25, 45]
    assert chosen(tracks, 9) is tracks
    assert columns(moving(tracks, 16)) == [25, 35, 45]
    half = torch.zeros(1, 4, 10)
    half[..., :5] = 1  # another size than the canvas
    assert columns(in_region(tracks, half)) == [5, 15]
    assert columns(in_region(tracks, half, "outside")) == [25, 35, 45]
    with pytest.raises(InputError, match=r"none of 5 tracks is 99 px long; the longest is 32\.0"):
        moving(tracks, 99)
    with pytest.raises(InputError, match="none of 5 tracks begins outside the region"):
        in_region(tracks, torch.ones(1, 2, 2), "outside")
    with pytest.raises(InputError, match="nothing is marked"):
        in_region(tracks, torch.zeros(1, 2, 2))


def test_smoothing_keeps_straight_motion_and_removes_jitter() -> None:
    tracks = fan(30)
    visible = tracks.visible.clone()
    visible[20:, 1] = False
    visible[10:13, 2] = False
    cut = MotionTracks(tracks.path, visible, tracks.canvas).held()
    assert torch.allclose(smoothed(cut, 2.5).path, cut.path, atol=1e-3)
    noise = torch.randn(cut.path.shape, generator=torch.Generator().manual_seed(0))
    jittering = MotionTracks(cut.path + noise, visible, tracks.canvas)
    left = (smoothed(jittering, 2.5).path - cut.path)[visible]
    assert left.std() < 0.6 * noise[visible].std()
    assert smoothed(jittering, 0) is jittering
    alone = MotionTracks(tracks.path[:1], visible[:1], tracks.canvas)
    assert torch.allclose(smoothed(alone, 3).path, alone.path)


def test_the_node() -> None:
    out = EditTracks.execute(fan().as_core(), "wan_move", 2, "longest", 0.0, 0.0, "inside")
    tracks, text, *size = out.args
    assert tracks["track_path"].shape == (9, 2, 2)
    assert text.startswith('[[{"x":35.0,"y":2.0},{"x":35.0,"y":5.0}')
    assert size == [50, 40, 9]
    assert out.ui.value == "2 tracks, 9 frames of 50x40; 2 visible throughout"
    with pytest.raises(InputError, match="ltx takes 8n"):
        EditTracks.execute(fan(10).as_core(), "ltx", 2, "longest", 0.0, 0.0, "inside")
