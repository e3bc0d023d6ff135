"""Middlebury's .flo files."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flow_files import write_flo
from kinograph.engines.errors import InputError
from kinograph.engines.flow.files.middlebury import read_flo


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**31))
def test_flo_there_and_back(
    tmp_path_factory: pytest.TempPathFactory, h: int, w: int, seed: int
) -> None:
    random = torch.Generator().manual_seed(seed)
    flow = torch.randn(2, h, w, generator=random) * 1e3
    path = tmp_path_factory.mktemp("flo") / "a.flo"
    write_flo(flow, path)
    assert path.stat().st_size == 12 + 8 * h * w
    assert torch.equal(read_flo(path), flow)


def test_flo_is_the_published_format(tmp_path: Path) -> None:
    flow = torch.tensor([[[1.0, 2, 3]], [[4, 5, 6]]])  # 3x1
    write_flo(flow, tmp_path / "a.flo")
    data = (tmp_path / "a.flo").read_bytes()
    assert data[:12] == b"PIEH" + (3).to_bytes(4, "little") + (1).to_bytes(4, "little")
    pairs = torch.frombuffer(bytearray(data[12:]), dtype=torch.float32)
    assert pairs.tolist() == [1, 4, 2, 5, 3, 6]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected a .flo file, found 0 bytes"),
        (b"PIEH", "expected a .flo file, found 4 bytes"),
        (b"RIFF" + bytes(40), "begins with PIEH, found b'RIFF'"),
        (b"PIEH" + bytes(8), "expected a size of 1 to 99999, found 0x0"),
        (
            b"PIEH" + b"\2\0\0\0\2\0\0\0" + bytes(31),
            "is cut off: expected 44 bytes for 2x2, found 43",
        ),
        (b"PIEH" + b"\2\0\0\0\2\0\0\0" + bytes(33), "continues past its end"),
        (b"PIEH" + b"\xff" * 8, "expected a size"),
    ],
)
def test_flo_files_that_are_none(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.flo").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_flo(tmp_path / "a.flo")


def test_flo_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a.flo: cannot be read"):
        read_flo(tmp_path / "a.flo")
    with pytest.raises(InputError, match=r"expected \[2,H,W\], found \[3, 4, 4\]"):
        write_flo(torch.zeros(3, 4, 4), tmp_path / "b.flo")
    assert not (tmp_path / "b.flo").exists()
