"""A room for the files of each test."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """A new folder at every call, for the many runs of one property."""
    root = tmp_path_factory.mktemp("files")
    made = iter(range(10**9))

    def make() -> Path:
        folder = root / str(next(made))
        folder.mkdir()
        return folder

    return make
