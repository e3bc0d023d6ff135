"""Which frames are taken for another rate."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kinograph.engines.errors import InputError
from kinograph.engines.vace.normalise import normalise
from kinograph.engines.vace.resample import Sampling, spread
from kinograph.engines.vace.settings import ClipSettings

RATES = st.sampled_from([8.0, 12.0, 15.0, 16.0, 23.976, 24.0, 25.0, 29.97, 30.0, 59.94, 60.0])


def numbered(frames: int) -> torch.Tensor:
    """Frame i has the brightness i / frames."""
    return (torch.arange(frames) / frames)[:, None, None, None].expand(frames, 16, 16, 3)


@pytest.mark.parametrize(
    ("fps", "target", "indices"),
    [
        (30, 16, [0, 1, 3, 5, 7, 9, 11, 13, 15, 16]),  # 1.875 k
        (60, 16, [0, 3, 7, 11, 15, 18]),
        (15, 30, [0, 0, 1, 1, 2, 2]),
        (24, 24, [0, 1, 2, 3]),
        (25, 16, [0, 1, 3, 4, 6, 7, 9, 10, 12, 14]),
    ],
)
def test_worked_rates(fps: float, target: float, indices: list[int]) -> None:
    assert Sampling(fps, target).indices(0, len(indices)).tolist() == indices


@given(fps=RATES, target=RATES, frames=st.integers(1, 4000))
def test_the_frame_on_show_at_its_time(fps: float, target: float, frames: int) -> None:
    sampling = Sampling(fps, target)
    count = sampling.count(frames)
    indices = sampling.indices(0, count)
    assert 0 <= int(indices[0]) <= int(indices[-1]) < frames
    assert int(sampling.indices(count, count + 1)[0]) >= frames  # the next one is not in the clip
    assert count / target == pytest.approx(frames / fps, abs=1 / target + 1e-3)
    middle = count // 2
    assert abs(int(indices[middle]) - middle * fps / target) < 1 + 1e-6 * middle
    assert bool((indices.diff() >= 0).all())
    assert torch.equal(sampling.indices(middle, count), indices[middle:])


def test_no_drift_in_an_hour() -> None:
    hour = Sampling(30000 / 1001, 16).indices(3600 * 16, 3600 * 16 + 1)
    assert int(hour) == 3600 * 30000 // 1001


@pytest.mark.parametrize(
    ("frames", "length", "indices"),
    [
        (5, 5, [0, 1, 2, 3, 4]),
        (9, 5, [0, 2, 4, 6, 8]),  # times 0, 2.125, 4.25, 6.375, 8.5
        (10, 1, [0]),
        (2, 5, [0, 0, 0, 1, 1]),  # times 0, 0.375, 0.75, 1.125, 1.5
        (1, 5, [0, 0, 0, 0, 0]),
    ],
)
def test_spread(frames: int, length: int, indices: list[int]) -> None:
    assert spread(frames, length).tolist() == indices


@given(frames=st.integers(1, 300), length=st.integers(2, 100))
def test_spread_is_what_vace_computes(frames: int, length: int) -> None:
    """The frame whose interval, both ends included, is the first to hold the time."""
    times = [k * (frames - 0.5) / (length - 1) for k in range(length)]
    first = [next(i for i in range(frames) if i <= t + 1e-9 <= i + 1 + 2e-9) for t in times]
    assert spread(frames, length).tolist() == first


def test_frames_and_masks_are_taken_whole() -> None:
    image = numbered(48)
    mask = image[..., 0]
    ready = normalise(image, mask, fps=30, preset="wan_480p")
    assert ready.placement.rate == 16
    assert ready.placement.kept == 26  # 48 / 1.875 = 25.6
    assert ready.length == 29
    taken = ready.placement.indices
    torch.testing.assert_close(ready.image[:, 3, 3, 1], taken / 48)
    assert torch.equal(ready.mask, ready.image[..., 0])
    assert taken[-4:].tolist() == [46, 46, 46, 46]


@pytest.mark.parametrize(
    ("rates", "rate", "length"),
    [
        ({}, 16, 33),
        ({"fps": 30.0}, 30, 33),  # no preset: left
        ({"fps": 30.0, "preset": "wan_480p"}, 16, 21),  # 33 / 1.875 = 17.6 -> 18 -> 21
        ({"fps": 15.0, "preset": "wan_480p"}, 15, 33),  # VACE shows no frame twice
        ({"fps": 15.0, "preset": "wan_480p", "target_fps": 16.0}, 16, 37),
        ({"fps": 30.0, "target_fps": 10.0}, 10, 13),
        ({"fps": 50.0, "preset": "ltx"}, 25, 17),
        ({"preset": "ltx"}, 25, 33),
        ({"fps": 33.0, "length_mode": "spread", "length": 17}, 17, 17),
        ({"fps": 33.0, "length_mode": "spread", "preset": "wan_480p"}, 33, 33),
    ],
)
def test_rates(rates: dict[str, object], rate: float, length: int) -> None:
    ready = normalise(numbered(33), **rates)
    assert ready.placement.rate == rate
    assert ready.length == length


def test_spread_takes_the_whole_clip_but_no_more_than_the_model_was_trained_with() -> None:
    wanted = ClipSettings(preset="wan_480p", length_mode="spread")
    assert wanted.length_for(200, (480, 832)) == 81
    assert wanted.length_for(80, (480, 832)) == 77
    ready = normalise(numbered(200), length_mode="spread", length=81, fps=30)
    assert ready.placement.indices[[0, -1]].tolist() == [0, 199]
    assert ready.placement.rate == pytest.approx(30 * 81 / 200)


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ({"target_fps": 16.0}, r"fps: expected the clip's own rate, since target_fps is 16"),
        ({"fps": -1.0}, r"fps: expected 0.1 to 1000 frames per second \(or 0\), found -1"),
        ({"fps": float("nan")}, "fps: .*found nan"),
        ({"fps": 30.0, "target_fps": float("inf")}, "target_fps: .*found inf"),
        ({"fps": 30.0, "target_fps": 0.01}, "target_fps: .*found 0.01"),
        (
            {"fps": 30.0, "target_fps": 16.0, "length_mode": "spread"},
            "target_fps: the length mode spread makes its own rate",
        ),
    ],
)
def test_unusable_rates(rates: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        normalise(numbered(4), **rates)
