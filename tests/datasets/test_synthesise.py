"""Data sets of made pictures, written by one process or several."""

from pathlib import Path

import pytest

from kinograph.engines.datasets.synthesise import write_cuboids
from kinograph.engines.errors import MediaError


def test_any_number_of_processes_writes_the_same(tmp_path: Path) -> None:
    files = []
    for workers in (1, 2):
        root, done = tmp_path / str(workers), []
        splits = {"train": 66, "val": 3}
        write_cuboids(root, splits, size=(32, 48), workers=workers, progress=done.append)
        assert sum(done) == 69
        paths = sorted(path for path in root.rglob("*") if path.is_file())
        files.append({str(path.relative_to(root)): path.read_bytes() for path in paths})
    assert len(files[0]) == 69 * 4 + 1
    assert files[0] == files[1]
    with pytest.raises(MediaError, match="data set in it already"):
        write_cuboids(root, {"train": 1}, size=(32, 32))


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """What goes wrong in a process is said as in one, and the folder is no data set."""
    root = tmp_path / "data"
    root.mkdir()
    (root / "labels").write_text("in the way")
    with pytest.raises(MediaError, match="labels"):
        write_cuboids(root, {"train": 130}, size=(32, 32), workers=2)
    assert not (root / "dataset.json").exists()
