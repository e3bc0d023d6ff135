"""Tracks in the sizes, lengths and texts that models take."""

import json
import math

import pytest
import torch

from kinograph.engines.errors import InputError
from kinograph.engines.motion_tracks.target import check_length, fitting_length, for_generation
from kinograph.engines.motion_tracks.text import ati_text, frames_text
from kinograph.engines.motion_tracks.tracks import MotionTracks


def straight(frames: int = 9, lost: int = 0) -> MotionTracks:
    """Points that move right by 2 px a frame; the second is lost from frame `lost` on, if any."""
    start = torch.tensor([[4.0, 4.0], [40.0, 20.0], [41.0, 21.0]])
    path = start + torch.arange(frames)[:, None, None] * torch.tensor([2.0, 0.0])
    visible = torch.ones(frames, 3, dtype=torch.bool)
    if lost:
        visible[lost:, 1] = False
    return MotionTracks(path, visible, (32, 64))


@pytest.mark.parametrize(
    ("target", "good", "bad"),
    [
        ("wan_move", (5, 81, 121), {80: "81 or 77", 1: "choose 5", 82: "81 or 85"}),
        ("ati", (5, 81, 117), {121: "117 or 125", 241: "237 or 245", 1: "choose 5"}),
        ("ltx", (9, 121), {81 + 1: "81 or 89", 5: "choose 9"}),
        ("any", (2, 3, 100), {1: "choose 2"}),
    ],
)
def test_lengths(target: str, good: tuple[int, ...], bad: dict[int, str]) -> None:
    for length in good:
        check_length(length, target)
    for length, advice in bad.items():
        with pytest.raises(InputError, match=f"found {length}; .*{advice}"):
            check_length(length, target)
    assert fitting_length(good[-1] + 1, target) in (good[-1], good[-1] + 1)
    # whatever core's node for ATI divides by is not 0
    if target == "ati":
        assert all((n - 1) // math.gcd(120, n - 1) * 120 != n - 1 for n in good)


def test_size_length_and_cells() -> None:
    tracks = straight()
    ready = for_generation(tracks, size=(64, 64), length=17)
    assert ready.canvas == (64, 64)
    # halfway between frames; the third begins in the same 8 px as the second
    assert ready.point_count == 2
    expected = 4 + torch.arange(17)
    assert torch.allclose(ready.path[:, 0, 0], expected.float())
    assert torch.equal(ready.path[:, 0, 1], torch.full((17,), 8.0))
    cut = for_generation(tracks, length=5, timing="cut")
    assert torch.equal(cut.path, tracks.path[:5, :2])
    assert for_generation(tracks.slice(0, 8)).frame_count == 5
    with pytest.raises(InputError, match="at most the 9 frames of the clip, found 13"):
        for_generation(tracks, length=13, timing="cut")


def test_texts() -> None:
    tracks = straight(9, lost=5)
    lines = json.loads(frames_text(tracks))
    assert [len(line) for line in lines] == [9, 9, 9]
    assert lines[0][3] == {"x": 10.0, "y": 4.0}
    assert lines[1][-1] == lines[1][4]  # it stays where it was seen last
    spread = json.loads(ati_text(tracks))
    assert len(spread[0]) == 121
    assert spread[0][60] == {"x": 12.0, "y": 4.0}
    assert len(spread[1]) == 61  # up to frame 4 of 8: half of the 120 steps
    value = tracks.as_core()
    assert value["track_path"].shape == (9, 3, 2)
    assert value["track_visibility"].dtype == torch.bool
    assert MotionTracks.from_core(value).canvas == (32, 64)
