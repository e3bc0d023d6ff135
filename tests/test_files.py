"""Files that are opened by name are regular, of bounded size, and inside their folder."""

import multiprocessing
import os
from pathlib import Path

import pytest

from kinograph.engines.errors import KinographError, MediaError
from kinograph.engines.files import (
    TEMPORARY,
    abandoned,
    atomic_folder,
    atomic_write,
    inside,
    open_regular,
    own,
    read_regular,
    remove,
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes, devices and links of POSIX")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("folder", "expected a regular file, found a folder"),
        ("pipe", "expected a regular file, found a pipe"),
        ("/dev/zero", "expected a regular file, found a device"),
        ("to_zero", "expected a regular file, found a device"),
        ("nothing", "No such file"),
        ("nowhere", "No such file"),
        ("round", "Too many levels of symbolic links"),
        ("a\0b", "no file can have this name"),
        ("\ud800", "no file can have this name"),
        ("x" * 300, "File name too long"),
        ("large", "expected at most 1,000 bytes, found 1,000,000,000,000"),
    ],
)
def test_what_is_no_regular_file_is_not_opened(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "to_zero").symlink_to("/dev/zero")
    (tmp_path / "nowhere").symlink_to("nothing")
    (tmp_path / "round").symlink_to("round")
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", 10**12)  # sparse
    with pytest.raises(OSError) as caught:
        open_regular(tmp_path / name, 1000)
    assert said in str(caught.value.strerror)


def test_a_regular_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "file", 4) == b"0123"
    assert read_regular(tmp_path / "link", 4) == b"0123"
    with pytest.raises(OSError, match="at most 3 bytes, found 4"):
        read_regular(tmp_path / "file", 3)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/../../x",
        "/etc/passwd",
        "a\0b",
        "a\\b",
        "C:/x",
        "out/x",
        "\ud800",
        "x" * 5000,
    ],
)
def test_names_that_lead_out_of_a_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "out").symlink_to(tmp_path)
    with pytest.raises(ValueError) as caught:
        inside(tmp_path / "here", name)
    assert len(str(caught.value)) < 600


def test_names_inside_a_folder(tmp_path: Path) -> None:
    assert inside(tmp_path, "a.png") == tmp_path / "a.png"
    assert inside(tmp_path, "new/deep/a.png") == tmp_path / "new" / "deep" / "a.png"


def test_what_is_written_in_place_is_no_link(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("kept")
    (tmp_path / "lock").symlink_to("precious")
    with pytest.raises(OSError, match="found a link"):
        own(tmp_path / "lock")
    assert own(tmp_path / "new") == tmp_path / "new"


def test_removing_a_link_spares_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("kept")
    (tmp_path / "link").symlink_to("precious")
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    for name in ("link", "folder", "nothing"):
        remove(tmp_path / name)
    assert [path.name for path in tmp_path.rglob("*")] == ["precious", "file"]


def _killed_while_writing(folder: Path) -> None:
    with atomic_write(folder / "a.mp4") as aside, atomic_folder(folder / "clip") as other:
        aside.write_text("half")
        (other / "half").touch()
        os._exit(9)


def test_what_a_killed_process_leaves_is_removed_by_the_next(tmp_path: Path) -> None:
    child = multiprocessing.get_context("fork").Process(
        target=_killed_while_writing, args=(tmp_path,)
    )
    child.start()
    child.join()
    assert child.exitcode == 9
    left = sorted(tmp_path.iterdir())
    assert len(left) == 2
    assert abandoned(tmp_path) == left
    with atomic_write(tmp_path / "b.mp4") as aside:
        assert [path for path in tmp_path.iterdir() if path != aside] == []
        assert abandoned(tmp_path) == []  # it is being written
        with atomic_write(tmp_path / "c.mp4"):
            assert aside.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.mp4", "c.mp4"]


def test_what_is_no_file_of_ours_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / f"{TEMPORARY}pipe")
    (tmp_path / f"{TEMPORARY}link").symlink_to("/dev/zero")
    with atomic_write(tmp_path / "a"):
        pass
    names = {f"{TEMPORARY}pipe", f"{TEMPORARY}link", "a"}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_a_folder_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").mkdir()
    with (
        pytest.raises(MediaError, match=r"a\.mp4: cannot be written"),
        atomic_write(tmp_path / "a.mp4"),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_messages_are_bounded() -> None:
    text = str(KinographError(f"begin {'x' * 10**6} end"))
    assert len(text) < 5000
    assert text.startswith("begin ")
    assert text.endswith(" end")
