"""The footage of the shared graphs in ComfyUI's input folder."""

import logging
from pathlib import Path

import pytest

from kinograph.nodes.samples import MEDIA, place_samples
from kinograph.workflows.graph import shipped

NAMES = sorted(path.name for path in MEDIA.iterdir())


def test_the_folder_is_that_of_the_shared_graphs() -> None:
    assert MEDIA == shipped.MEDIA
    assert NAMES
    assert all(name.startswith("kinograph_") for name in NAMES), "whose files they are"


def test_files_are_placed_once_and_none_is_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / NAMES[0]).write_text("the user's own")
    with caplog.at_level(logging.INFO, "kinograph"):
        assert place_samples(tmp_path) == NAMES[1:]
    assert NAMES[1] in caplog.text
    assert str(tmp_path) in caplog.text
    assert (tmp_path / NAMES[0]).read_text() == "the user's own"
    assert (tmp_path / NAMES[1]).read_bytes() == (MEDIA / NAMES[1]).read_bytes()
    assert place_samples(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_no_obstacle(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "input").touch()
    assert place_samples(tmp_path / "input") == []
    assert "footage of the templates is not in the input folder" in caplog.text
