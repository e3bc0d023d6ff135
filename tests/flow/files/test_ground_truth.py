"""Ground truth, with pixels whose flow is unknown."""

from pathlib import Path

import numpy as np
import pytest
import torch

from flow_files import EXACT, made, write_flo
from kinograph.engines.errors import InputError
from kinograph.engines.flow.files import read_flow, read_ground_truth, write_flow
from kinograph.engines.flow.files.exr import save_exr
from kinograph.engines.flow.files.pfm import read_pfm


@pytest.mark.parametrize("order", ["<", ">"])
def test_pfm_of_flyingthings(tmp_path: Path, order: str) -> None:
    """Rows from the bottom up, three channels, both orders of bytes."""
    rows = np.arange(18).reshape(2, 3, 3).astype(f"{order}f4")  # bottom row first
    scale = b"-1.0" if order == "<" else b"1"
    (tmp_path / "a.pfm").write_bytes(b"PF\n3 2\n" + scale + b"\n" + rows.tobytes())
    wanted = [[[9, 12, 15], [0, 3, 6]], [[10, 13, 16], [1, 4, 7]]]
    assert read_pfm(tmp_path / "a.pfm").tolist() == wanted
    assert read_flow(tmp_path / "a.pfm").main.tolist() == [wanted]
    flow, valid = read_ground_truth(tmp_path / "a.pfm")
    assert flow.tolist() == wanted
    assert bool(valid.all())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected a PFM file, which begins with PF"),
        (b"PF\n3 2\n", "expected a PFM file"),
        (b"PF\n3 2\n0\n" + bytes(72), "expected a PFM file"),
        (b"PF\n3 2\n-e-\n" + bytes(72), "expected a PFM file"),
        (b"PF\n3 2\n-1e999\n" + bytes(72), "expected a PFM file"),
        (b"PF\n3 0\n-1\n", "expected a size of at least 1x1, found 3x0"),
        (b"PF\n3 2\n-1\n" + bytes(71), "is cut off: expected 82 bytes for 3x2, found 81"),
        (b"PF\n3 2\n-1\n" + bytes(73), "continues past its end"),
        (b"Pf\n3 2\n-1\n" + bytes(24), r"one channel \(Pf\): a disparity"),
    ],
)
def test_pfm_files_that_are_none(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.pfm").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_flow(tmp_path / "a.pfm")


@pytest.mark.parametrize("unknown", [1e10, -2e9, float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("format", EXACT)
def test_unknown_flow_is_marked_for_evaluation(tmp_path: Path, format: str, unknown: float) -> None:
    """Middlebury's convention: 1e10, in fact anything beyond 1e9, and NaN."""
    flow = torch.arange(12.0).reshape(2, 2, 3) * 1e6
    broken = flow.clone()
    broken[1, 0, 1] = unknown
    path = tmp_path / f"a.{format}"
    if format == "npz":
        np.savez(path, flow=broken.movedim(0, -1).numpy())
    else:
        (write_flo if format == "flo" else lambda f, p: save_exr(p, f))(broken, path)
    truth, valid = read_ground_truth(path)
    assert valid.tolist() == [[True, False, True], [True, True, True]]
    assert torch.equal(truth, flow * valid)
    with pytest.raises(InputError, match=r"for 1 of 6; a ground truth with gaps"):
        read_flow(path)
    (tmp_path / "clip").mkdir()
    path.rename(tmp_path / "clip" / path.name)
    with pytest.raises(InputError, match=f"a.{format}: expected a flow for every pixel"):
        read_flow(tmp_path / "clip")


def test_ground_truth_is_one_pair(tmp_path: Path) -> None:
    flow = made(1)
    write_flow(flow, tmp_path / "one.npz", "npz")
    assert torch.equal(read_ground_truth(tmp_path / "one.npz")[0], flow.one("forward")[0])
    write_flow(made(2), tmp_path / "two.npz", "npz")
    with pytest.raises(InputError, match="expected the flow of one pair, found 2"):
        read_ground_truth(tmp_path / "two.npz")
    with pytest.raises(InputError, match="found a folder"):
        read_ground_truth(tmp_path)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_ground_truth(tmp_path / "none.flo")
