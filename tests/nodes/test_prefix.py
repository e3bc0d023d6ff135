"""What is filled into a filename_prefix, headless; tests/comfyui has ComfyUI's own beside it."""

import re
from datetime import datetime
from pathlib import Path

import pytest

from kinograph.nodes.standin import host
from kinograph.nodes.standin.prefix import filled_in, has_time, pattern_of

NOW = datetime(2026, 3, 4, 5, 6, 7).timetuple()
EVERY = "%year%-%month%-%day%_%hour%%minute%%second%_%width%x%height%"


def test_time_and_size() -> None:
    assert filled_in(EVERY, (48, 64), NOW) == "2026-03-04_050607_64x48"
    assert filled_in("100%_%other%_%year", (48, 64), NOW) == "100%_%other%_%year"


@pytest.mark.parametrize(
    ("found", "fits"), [("a.2026.03_7", True), ("a.2026.3_7", False), ("ab2026.03_7", False)]
)
def test_names_of_another_time(found: str, fits: bool) -> None:
    assert bool(re.fullmatch(pattern_of("a.%year%.%month%_%width%"), found)) == fits


def test_only_times_change() -> None:
    assert has_time("%hour%")
    assert not has_time("hour %width%")


def test_numbers_are_counted_by_the_name_that_came_of_it(tmp_path: Path) -> None:
    with host.using(host.Settings(output=tmp_path)):
        first = host.save_path("%width%/p_%height%", ".png", (48, 64))
        first.parent.mkdir()
        first.touch()
        assert first == tmp_path / "64" / "p_48_00001_.png"
        assert host.save_path("%width%/p_%height%", ".png", (48, 64)).name == "p_48_00002_.png"
        assert host.save_path("%width%/p_%height%", ".png", (32, 64)).name == "p_32_00001_.png"
