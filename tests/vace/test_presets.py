"""Sizes and lengths of the models that VACE was made for."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinograph.engines.vace.presets import PRESETS, Preset, longest_length, reference_size

# Worked by hand, in squares of 16 (ltx: 32) pixels:
# 480x832 = 30 x 52 = 1560; 720x1280 = 45 x 80 = 3600; 512x768 = 16 x 24 = 384.
# 9:16 at 480p: rows = round(sqrt(1560 * 16/9) = 52.66) = 53, columns = int(1560 / 53) = 29.
# 21:9 at 480p: rows = round(sqrt(1560 * 9/21) = 25.86) = 26, columns = 60.
WIDE, TALL, SQUARE, CINEMA = (1080, 1920), (1920, 1080), (1080, 1080), (1080, 2520)


@pytest.mark.parametrize(
    ("preset", "source", "size"),
    [
        ("wan_480p", WIDE, (480, 832)),
        ("wan_480p", TALL, (848, 464)),
        ("wan_480p", SQUARE, (624, 640)),
        ("wan_480p", CINEMA, (416, 960)),
        ("wan_1.3b", TALL, (848, 464)),
        ("wan_720p", WIDE, (720, 1280)),
        ("wan_720p", TALL, (1280, 720)),
        ("wan_720p", SQUARE, (960, 960)),
        ("wan_720p", CINEMA, (624, 1472)),
        ("ltx", WIDE, (480, 800)),
        ("ltx", TALL, (832, 448)),
        ("ltx", SQUARE, (640, 608)),
        ("ltx", (1024, 1536), (512, 768)),
        # smaller than the model's area: not enlarged
        ("wan_480p", (464, 832), (464, 832)),
        ("wan_720p", (480, 832), (480, 832)),
        ("wan_720p", (270, 480), (256, 480)),
        ("wan_480p", (10, 10), (16, 16)),
        ("none", WIDE, (1072, 1920)),
        ("none", (10, 100), (16, 96)),
    ],
)
def test_worked_sizes(preset: str, source: tuple[int, int], size: tuple[int, int]) -> None:
    assert reference_size(source, PRESETS[preset]) == size


@pytest.mark.parametrize("name", PRESETS)
def test_a_format_of_a_preset_fits_its_own_grid(name: str) -> None:
    preset = PRESETS[name]
    if preset.size is None:
        assert preset.area is None
        assert longest_length((4096, 4096), preset) is None
        return
    assert all(side % preset.side == 0 for side in preset.size)
    assert preset.longest is not None
    assert preset.below(preset.longest) == preset.longest
    assert reference_size(preset.size, preset) == preset.size
    assert longest_length(preset.size, preset) == preset.longest


@given(
    name=st.sampled_from([n for n, preset in PRESETS.items() if preset.size]),
    height=st.integers(64, 5000),
    width=st.integers(64, 5000),
)
def test_area_and_shape(name: str, height: int, width: int) -> None:
    preset = PRESETS[name]
    size = reference_size((height, width), preset)
    assert preset.area is not None
    assert all(side % preset.side == 0 and side > 0 for side in size)
    assert math.prod(size) <= min(preset.area, max(height * width, preset.side**2))
    longest = longest_length(size, preset)
    assert longest is not None
    assert preset.below(longest) == longest
    if 0.4 < height / width < 2.5 and min(height, width) > 8 * preset.side:
        assert size[0] / size[1] == pytest.approx(height / width, rel=0.25)


@pytest.mark.parametrize(
    ("size", "frames"),
    [
        ((480, 832), 81),
        ((256, 480), 269),  # 32760 places // 480 = 68 latent frames
        ((720, 1280), 33),  # too large for the 480p model: 32760 // 3600 = 9
        ((4096, 4096), 1),  # not one latent frame: the least there is
    ],
)
def test_smaller_frames_leave_room_for_more(size: tuple[int, int], frames: int) -> None:
    assert longest_length(size, PRESETS["wan_480p"]) == frames


@pytest.mark.parametrize(
    ("name", "words", "lengths"),
    [
        ("wan_animate", "4n+1", {1: (1, 1), 2: (1, 5), 77: (77, 77), 78: (77, 81)}),
        ("ltx2", "8n+1", {1: (1, 1), 120: (113, 121), 121: (121, 121)}),
        ("minimax_h3", "17n+5", {1: (0, 5), 4: (0, 5), 5: (5, 5), 6: (5, 22), 124: (124, 124)}),
        ("void", "8n+5", {4: (0, 5), 12: (5, 13), 45: (45, 45)}),
    ],
)
def test_lengths_below_and_above(
    name: str, words: str, lengths: dict[int, tuple[int, int]]
) -> None:
    preset = PRESETS[name]
    assert preset.lengths == words
    assert {n: (preset.below(n), preset.above(n)) for n in lengths} == lengths


def test_any_length() -> None:
    every = Preset(side=1, step=1, fps=0.0)
    assert every.lengths == "n+1"
    assert [every.below(n) for n in (1, 2, 3)] == [every.above(n) for n in (1, 2, 3)] == [1, 2, 3]
