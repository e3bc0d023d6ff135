"""Clips that several files of tests play."""

from pathlib import Path

import pytest

from live_clips import write_numbers


@pytest.fixture(scope="session")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 frames at 30 a second, each with its number."""
    return write_numbers(tmp_path_factory.mktemp("numbers") / "numbers.mp4", 60)
