"""Folders with a file per pair."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from flow_files import made, same, write_flo, write_kitti
from kinograph.engines.errors import InputError, MediaError
from kinograph.engines.flow.files import folder, read_flow, write_flow
from kinograph.engines.flow.flow import Flow


def test_folders_of_others(tmp_path: Path) -> None:
    """As Sintel and KITTI name them; in the order of the numbers; without flow.json."""
    flow = made(12, direction="forward")
    for i, row in enumerate(flow.main):
        write_flo(row, tmp_path / f"frame_{i}.flo")
    (tmp_path / "readme.txt").write_text("by somebody")
    (tmp_path / ".hidden.flo").write_bytes(b"")
    assert same(read_flow(tmp_path), flow)
    for p in tmp_path.glob("frame*"):
        p.unlink()
    for i in range(2):
        write_kitti(flow.main[i], tmp_path / f"{i:06d}_10.png")
    assert read_flow(tmp_path).main.shape == (2, 2, 5, 7)


@pytest.mark.parametrize("format", ["flo", "exr", "kitti"])
def test_folders_that_are_wrong(tmp_path: Path, format: str) -> None:
    flow = made(3, direction="forward")
    clip = tmp_path / "clip"
    write_flow(flow, clip, format)
    files = sorted(clip.glob("flow_*"))
    suffix = files[0].suffix

    def refused(message: str) -> None:
        with pytest.raises(InputError, match=message) as error:
            read_flow(clip)
        assert str(clip) in str(error.value)

    middle = files[1].read_bytes()
    files[1].unlink()
    refused("expected 3 pairs, as flow.json says, found 2 files of forward flow")
    (clip / "flow.json").unlink()
    assert len(read_flow(clip)) == 2
    write_flow(Flow(torch.zeros(1, 2, 4, 7)), tmp_path / "other", format)
    small = (tmp_path / "other" / f"flow_000000{suffix}").read_bytes()
    files[1].write_bytes(small)
    refused(rf"flow_000001{suffix}: expected forward flow of 7x5, .*, found forward flow of 7x4")
    files[1].write_bytes(middle[: len(middle) // 2])
    refused(rf"flow_000001{suffix}: is cut off")
    files[1].write_bytes(b"RIFF")
    refused(rf"flow_000001{suffix}: expected an? ")
    files[1].rename(clip / f"other_000001{suffix}")
    refused("expected the files of one clip, .*, found flow_000000")
    (clip / f"other_000001{suffix}").unlink()
    (clip / "backward").mkdir()
    refused("found flow_000000.* and backward; move one of them away")
    for path in (files[0], files[2]):
        path.unlink()
    refused(r"backward: expected files of flow \(.npz, .flo, .exr, .png, .pfm\), found none")


def test_folders_for_each_direction(tmp_path: Path) -> None:
    flow = made(2, fps=30)
    write_flow(flow, tmp_path / "a", "flo")
    write_flow(flow, tmp_path / "b", "exr")
    names = {
        d: sorted(p.relative_to(tmp_path / d).as_posix() for p in (tmp_path / d).rglob("*.*"))
        for d in "ab"
    }
    pairs = ["flow_000000.flo", "flow_000001.flo"]
    assert names == {
        "a": [f"backward/{p}" for p in pairs] + ["flow.json"] + [f"forward/{p}" for p in pairs],
        "b": ["flow.json", "flow_000000.exr", "flow_000001.exr"],
    }
    (tmp_path / "a" / "flow.json").unlink()
    (tmp_path / "a" / "forward" / "flow_000001.flo").unlink()
    with pytest.raises(InputError, match=r"a: Flow.backward: expected the shape \[1,2,5,7\]"):
        read_flow(tmp_path / "a")
    (tmp_path / "b" / "flow_000000.exr").rename(tmp_path / "a" / "forward" / "flow_000000.exr")
    (tmp_path / "a" / "forward" / "flow_000000.flo").unlink()
    with pytest.raises(InputError, match="expected forward flow alone"):
        read_flow(tmp_path / "a")
    write_flow(made(2), tmp_path / "c.npz", "npz")
    (tmp_path / "c").mkdir()
    (tmp_path / "c.npz").rename(tmp_path / "c" / "c.npz")
    with pytest.raises(InputError, match="expected one pair in a file of a folder, found 2"):
        read_flow(tmp_path / "c")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", r"expected an object with format kinograph.flow, found \[\]"),
        (b'{"format": "kinograph.flow", "version": 2}', "version 1, found 2; a newer Kinograph"),
        (b'{"fps": 0}', r"fps: expected a number above 0, found 0"),
        (b'{"fps": 1e999}', "fps: expected a number above 0"),
        (b'{"fps": "16"}', "fps: expected a number above 0"),
        (b'{"fps": true}', "fps: expected a number above 0"),
        (b'{"fps": 1' + b"0" * 400 + b"}", "fps: expected a number above 0"),
        (b'{"pairs": 2.5}', "pairs: expected a whole number from 1, found 2.5"),
        (b'{"pairs": null}', "pairs: expected a whole number from 1, found null"),
        (b'{"first": "black"}', 'first: expected one of duplicate, white, zero, found "black"'),
        (b'{"first": []}', "first: expected one of"),
    ],
)
def test_flow_json_that_is_wrong(tmp_path: Path, content: bytes, message: str) -> None:
    write_flow(made(), tmp_path / "clip", "flo")
    if content.startswith(b'{"') and b"format" not in content:
        content = b'{"format": "kinograph.flow", "version": 1, ' + content[1:]
    (tmp_path / "clip" / "flow.json").write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read_flow(tmp_path / "clip")
    assert "flow.json: " in str(error.value)


def test_flow_json_says_what_the_files_do_not(tmp_path: Path) -> None:
    write_flow(made(3, fps=24, first=""), tmp_path / "clip", "flo")
    assert json.loads((tmp_path / "clip" / "flow.json").read_text()) == {
        "format": "kinograph.flow",
        "version": 1,
        "pairs": 3,
        "fps": 24.0,
        "first": "",
    }


@pytest.mark.parametrize("format", ["flo", "exr", "kitti"])
def test_folders_are_whole_or_not_there(
    tmp_path: Path, format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = tmp_path / "clip"
    clip.mkdir()
    write_flow(made(), clip, format)  # an empty folder will do
    with pytest.raises(MediaError, match="there are files in it already; choose a new folder"):
        write_flow(made(), clip, format)

    def full(*values: Any, **flows: Any) -> None:
        raise OSError(28, "No space left on device")

    for name in ("save_exr", "flo_bytes", "kitti_bytes"):
        monkeypatch.setattr(folder, name, full)
    with pytest.raises(MediaError, match=r"other: cannot be written \(No space left"):
        write_flow(made(), tmp_path / "other", format)
    assert [p.name for p in tmp_path.iterdir()] == ["clip"]
