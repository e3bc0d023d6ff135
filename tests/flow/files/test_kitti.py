"""KITTI's PNG files of flow."""

import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flow_files import made, write_kitti
from kinograph.engines.errors import InputError
from kinograph.engines.flow.files import read_flow, read_ground_truth, write_flow
from kinograph.engines.flow.files.kitti import read_kitti
from kinograph.engines.flow.flow import Flow


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-512, 511.984375, width=32), min_size=12, max_size=12))
def test_kitti_is_off_by_half_a_step_at_most(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    flow = torch.tensor(values).reshape(1, 2, 2, 3)
    path = tmp_path_factory.mktemp("kitti") / "clip"
    write_flow(Flow(flow), path, "kitti")
    back = read_flow(path).main
    assert float((back.double() - flow.double()).abs().max()) <= 1 / 128
    assert torch.equal(back * 64, (flow * 64).round())


def test_kitti_is_the_published_format(tmp_path: Path) -> None:
    flow = torch.tensor([[[0.0, 1, -512]], [[-1, 0.5, 511.984375]]])
    valid = torch.tensor([[True, True, True]])
    write_kitti(flow, tmp_path / "a.png", valid)
    pixels = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)[..., ::-1]  # to RGB
    assert pixels.dtype == np.uint16
    assert pixels.tolist() == [[[32768, 32704, 1], [32832, 32800, 1], [0, 65535, 1]]]


def test_kitti_says_which_pixels_are_valid(tmp_path: Path) -> None:
    flow = torch.tensor([[[1.0, torch.nan], [900, 2]], [[3, 4], [5, 6]]])
    valid = torch.tensor([[True, False], [False, True]])
    write_kitti(flow, tmp_path / "a.png", valid)
    for back, there in (read_kitti(tmp_path / "a.png"), read_ground_truth(tmp_path / "a.png")):
        assert torch.equal(there, valid)
        assert back.tolist() == [[[1, 0], [0, 2]], [[3, 0], [0, 6]]]
    with pytest.raises(InputError, match=r"a.png: expected a flow for every .* for 2 of 4"):
        read_flow(tmp_path / "a.png")


def test_what_kitti_cannot_hold(tmp_path: Path) -> None:
    flow = made(direction="both")
    flow.one("backward")[1, 0, 2, 3] = 512
    with pytest.raises(
        InputError, match=r"backward flow: expected -512 .* found 512.00 px; .*air 1"
    ):
        write_flow(flow, tmp_path / "clip", "kitti")
    assert list(tmp_path.iterdir()) == []
    one = torch.zeros(2, 3, 4)
    with pytest.raises(InputError, match="found NaN or infinity"):
        write_kitti(one / 0, tmp_path / "a.png")
    with pytest.raises(
        InputError, match=r"valid: expected \[3, 4\] bool, found \[4, 3\] torch.bool"
    ):
        write_kitti(one, tmp_path / "a.png", torch.ones(4, 3, dtype=torch.bool))


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((3, 4, 3), np.uint8), "found 8 bits and RGB; a picture of a flow cannot"),
        (np.zeros((3, 4), np.uint16), "found 16 bits and grey"),
        (np.zeros((3, 4, 4), np.uint16), "found 16 bits and RGB and alpha"),
    ],
)
def test_pngs_that_are_no_flow(tmp_path: Path, pixels: Any, message: str) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    with pytest.raises(InputError, match=message):
        read_flow(tmp_path / "a.png")


def test_pngs_that_are_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_kitti(torch.rand(2, 8, 8), path)
    whole = path.read_bytes()
    for data in (whole[:-1], whole[:60], whole[:50] + b"?" + whole[51:], whole[:8]):
        path.write_bytes(data)
        with pytest.raises(InputError, match="is cut off or damaged at byte"):
            read_kitti(path)
    head = b"IHDR" + struct.pack(">IIBBBBB", 2**30, 2**30, 16, 2, 0, 0, 0)
    end = b"IEND"
    chunks = [
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (head, end)
    ]
    path.write_bytes(whole[:8] + b"".join(chunks))
    with pytest.raises(InputError, match=r"1073741824x1073741824 pixels need .* GiB of memory"):
        read_kitti(path)
