"""OpenEXR files of flow."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
import torch

from flow_files import made
from kinograph.engines.errors import InputError, MediaError
from kinograph.engines.flow.files import read_flow, write_flow
from kinograph.engines.flow.files.exr import read_exr, save_exr


def test_exr_is_what_nuke_reads(tmp_path: Path) -> None:
    """Its own layers, v up, float, compressed without loss."""
    forward = torch.tensor([[[1.0, 2]], [[3, 4]]])
    save_exr(tmp_path / "a.exr", forward, forward * 10)
    with OpenEXR.File(str(tmp_path / "a.exr"), separate_channels=True) as file:
        channels = {name: channel.pixels for name, channel in file.channels().items()}
        assert file.header()["compression"] == OpenEXR.ZIP_COMPRESSION
    assert {name: pixels.tolist() for name, pixels in channels.items()} == {
        "forward.u": [[1, 2]],
        "forward.v": [[-3, -4]],
        "backward.u": [[10, 20]],
        "backward.v": [[-30, -40]],
    }
    assert {pixels.dtype for pixels in channels.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("kind", [np.float16, np.float32])
@pytest.mark.parametrize(
    ("u", "v", "turned"),
    [
        ("forward.u", "forward.v", True),
        ("backward.u", "backward.v", True),
        ("u", "v", False),
        ("x", "y", False),
        ("X", "Y", False),
        ("R", "G", False),
    ],
)
def test_exr_of_others(tmp_path: Path, kind: type, u: str, v: str, turned: bool) -> None:
    rows = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(kind)
    spare = np.zeros((3, 4), np.float32)
    channels = {u: rows[0], v: rows[1], "B": spare, "Z": spare}
    OpenEXR.File({}, channels).write(str(tmp_path / "a.exr"))
    wanted = (
        torch.from_numpy(rows.astype(np.float32))
        * torch.tensor([1, -1 if turned else 1])[:, None, None]
    )
    flow = read_flow(tmp_path / "a.exr")
    assert flow.direction == ("backward" if "backward" in u else "forward")
    assert torch.equal(flow.main[0], wanted)


def test_exr_with_a_part_for_each_layer(tmp_path: Path) -> None:
    one = np.ones((3, 4), np.float32)
    parts = [
        OpenEXR.Part({}, {"R": one, "G": one, "B": one}, name="rgb"),
        OpenEXR.Part({}, {"u": one * 2, "v": one * 3}, name="backward"),
        OpenEXR.Part({}, {"forward.u": one * 4, "forward.v": one * 5}, name="forward"),
    ]
    OpenEXR.File(parts).write(str(tmp_path / "a.exr"))
    found = read_exr(tmp_path / "a.exr")
    values = {d: flow[:, 0, 0].tolist() for d, flow in found.items()}
    assert values == {"forward": [4, -5], "backward": [2, -3]}


def test_exr_without_flow(tmp_path: Path) -> None:
    path = tmp_path / "a.exr"
    one = np.ones((3, 4), np.float32)

    def refused(header: dict[str, Any], channels: dict[str, Any], message: str) -> None:
        OpenEXR.File(header, channels).write(str(path))
        with pytest.raises(InputError, match=message) as error:
            read_flow(path)
        assert str(path) in str(error.value)

    refused({}, {"Z": one, "forward.u": one}, r"expected the channels .*, found Z, forward.u; ren")
    whole = one.astype(np.uint32)
    refused({}, {"u": whole, "v": whole}, "u: expected half or float pixels, found uint32")
    window = (np.array([0, 0], np.int32), np.array([9, 5], np.int32))
    refused(
        {"displayWindow": window},
        {"u": one, "v": one},
        r"u: expected pixels for the whole picture \[0, 0, 9, 5\], found \[0, 0, 3, 2\]",
    )
    refused({}, {"u": one, "v": one * np.nan}, "for 12 of 12; a ground truth")
    with pytest.raises(InputError, match="expected forward, backward or both, found neither"):
        save_exr(path)
    with pytest.raises(InputError, match=r"of one size, found \[2, 3, 4\] and \[2, 3, 5\]"):
        save_exr(path, torch.zeros(2, 3, 4), torch.zeros(2, 3, 5))
    with pytest.raises(MediaError, match="cannot be written"):
        save_exr(path / "a.exr", torch.zeros(2, 3, 4))


def test_exr_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_flow(made(), tmp_path / "there", "exr")
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    with pytest.raises(InputError, match="run: pip install OpenEXR, or choose npz"):
        write_flow(made(), tmp_path / "clip", "exr")
    with pytest.raises(InputError, match="run: pip install OpenEXR"):
        read_flow(tmp_path / "there")
    assert not (tmp_path / "clip").exists()
