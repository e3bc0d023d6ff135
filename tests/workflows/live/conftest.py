"""Clips that several test files play."""

from pathlib import Path

import pytest

from live_clips import write_numbers


@pytest.fixture(scope="session")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a video of 60 numbered frames at 30 fps."""
    return write_numbers(tmp_path_factory.mktemp("numbers") / "numbers.mp4", 60)
