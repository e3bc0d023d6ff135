"""Flow files: exact there and back, and clear about what is wrong."""

import json
import struct
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenEXR
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kinograph.engines.errors import InputError, KinographError, MediaError
from kinograph.engines.flow.files import FORMS, folder, read_flow, read_ground_truth, write_flow
from kinograph.engines.flow.files.exr import read_exr, write_exr
from kinograph.engines.flow.files.kitti import read_kitti, write_kitti
from kinograph.engines.flow.files.middlebury import read_flo, write_flo
from kinograph.engines.flow.files.npz import read_npz
from kinograph.engines.flow.files.pfm import read_pfm
from kinograph.engines.flow.flow import FIRST_FRAMES, Flow
from kinograph.nodes.flow.load import LoadFlow
from kinograph.nodes.flow.save import SaveFlow
from kinograph.nodes.standin import host


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
        (b"PIEH" + b"\2\0\0\0\2\0\0\0" + bytes(33), "goes on behind its end"),
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


def made(pairs: int = 3, h: int = 5, w: int = 7, direction: str = "both", **more: Any) -> Flow:
    random = torch.Generator().manual_seed(h * w)
    one, two = torch.randn(2, pairs, 2, h, w, generator=random) * 50
    flows = {"forward": one, "backward": two}
    chosen = {d: f for d, f in flows.items() if direction in (d, "both")}
    return Flow(chosen.get("forward"), chosen.get("backward"), **more)


def same(one: Flow, two: Flow) -> bool:
    """Bit for bit."""
    for a, b in ((one.forward, two.forward), (one.backward, two.backward)):
        if (a is None) != (b is None) or (
            a is not None and b is not None and not torch.equal(a, b)
        ):
            return False
    return (one.fps, one.first) == (two.fps, two.first)


def place(root: Path, form: str) -> Path:
    return root / ("clip.npz" if form == "npz" else "clip")


EXACT = ("npz", "flo", "exr")


@pytest.mark.parametrize("form", EXACT)
@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
@pytest.mark.parametrize(("pairs", "h", "w"), [(1, 1, 1), (12, 3, 2), (2, 9, 16), (3, 2, 2)])
def test_there_and_back(
    tmp_path: Path, form: str, direction: str, pairs: int, h: int, w: int
) -> None:
    flow = made(pairs, h, w, direction, fps=29.97, first="white")
    write_flow(flow, place(tmp_path, form), form)
    back = read_flow(place(tmp_path, form))
    assert same(back, flow)
    assert back.main.is_contiguous()
    assert same(read_flow(place(tmp_path, form), fps=24), replace(flow, fps=24))
    assert sorted(p.name for p in tmp_path.iterdir()) == [place(tmp_path, form).name]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("first", ["", *FIRST_FRAMES])
def test_what_stands_for_the_first_frame_is_kept(tmp_path: Path, form: str, first: str) -> None:
    write_flow(made(first=first, fps=1 / 3), place(tmp_path, form), form)
    back = read_flow(place(tmp_path, form))
    assert (back.first, back.fps) == (first, 1 / 3)


@pytest.mark.parametrize("form", EXACT)
def test_tensors_of_any_layout(tmp_path: Path, form: str) -> None:
    wide = torch.randn(4, 8, 10, 2).permute(0, 3, 1, 2)[::2, :, ::2, 1::3].requires_grad_()
    assert not wide.is_contiguous()
    write_flow(Flow(wide, wide.flip(0)), place(tmp_path, form), form)
    back = read_flow(place(tmp_path, form))
    assert torch.equal(back.one("forward"), wide)
    assert torch.equal(back.one("backward"), wide.flip(0))
    assert not back.main.requires_grad


@settings(max_examples=15, deadline=None)
@given(
    form=st.sampled_from(EXACT),
    values=st.lists(st.floats(-1e9, 1e9, width=32), min_size=8, max_size=8),
)
def test_every_value_is_kept(
    tmp_path_factory: pytest.TempPathFactory, form: str, values: list[float]
) -> None:
    """Down to the smallest and the sign of zero, which EXR's turned v must not lose."""
    flow = torch.tensor(values).reshape(1, 2, 2, 2)
    path = place(tmp_path_factory.mktemp("values"), form)
    write_flow(Flow(flow), path, form)
    back = read_flow(path).main
    assert torch.equal(back.view(torch.int32), flow.view(torch.int32))


@pytest.mark.parametrize("form", FORMS)
def test_one_file_of_a_folder_is_a_flow_of_one_pair(tmp_path: Path, form: str) -> None:
    flow = made(3, direction="forward")
    write_flow(flow, place(tmp_path, form), form)
    if form == "npz":
        assert len(read_flow(place(tmp_path, form))) == 3
        return
    (path,) = (tmp_path / "clip").glob("flow_000002.*")
    one = read_flow(path)
    assert torch.allclose(one.main, flow.main[2:], rtol=0, atol=0 if form != "kitti" else 1 / 128)
    assert (one.fps, one.first, one.direction) == (16.0, "duplicate", "forward")
    path.rename(tmp_path / "unnamed")  # known by its beginning
    assert torch.equal(read_flow(tmp_path / "unnamed").main, one.main)


def test_npz_without_pairs(tmp_path: Path) -> None:
    flow = Flow(torch.zeros(0, 2, 4, 6))
    write_flow(flow, tmp_path / "a.npz", "npz")
    assert same(read_flow(tmp_path / "a.npz"), flow)


# npz


@pytest.mark.parametrize(
    ("shape", "order"),
    [
        ((4, 6, 2), (2, 0, 1)),
        ((3, 4, 6, 2), (0, 3, 1, 2)),
        ((3, 2, 4, 6), (0, 1, 2, 3)),
        ((2, 4, 6), (0, 1, 2)),
    ],
)
@pytest.mark.parametrize("kind", ["<f2", ">f4", "<f8"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_of_others(
    tmp_path: Path,
    shape: tuple[int, ...],
    order: tuple[int, ...],
    kind: str,
    save: Callable[..., None],
) -> None:
    array = np.random.default_rng(0).normal(size=shape).astype(kind)
    wanted = torch.from_numpy(array.astype(np.float32)).permute(order).reshape(-1, 2, 4, 6)
    for given_array in (array, np.asfortranarray(array)):
        save(tmp_path / "a.npz", whatever=given_array, frames=np.arange(4))
        flow = read_flow(tmp_path / "a.npz")
        assert flow.direction == "forward"
        assert torch.equal(flow.main, wanted)


NO_FLOW: list[tuple[dict[str, Any], str]] = [
    ({"a": np.zeros((4, 6, 3))}, r"found a \[4, 6, 3\] float64"),
    ({"a": np.zeros((4, 6, 2)), "b": np.zeros((4, 6, 2))}, r"found a .*, b "),
    ({"a": np.zeros((4, 6, 2), int)}, r"found a \[4, 6, 2\] int64"),
    ({"a": np.zeros((0, 6, 2))}, r"found a \[0, 6, 2\]"),
    ({}, "found no array"),
    ({"a": np.array([{}])}, "pickled objects, which are not read"),
    ({"flow": np.zeros((4, 6, 2)), "fps": np.zeros(2)}, "fps: expected one number"),
    ({"flow": np.zeros((4, 6, 2)), "fps": np.float64(0)}, "a.npz: Flow.fps: expected more than 0"),
    ({"flow": np.zeros((4, 6, 2)), "fps": np.float64(np.inf)}, "fps: expected one number"),
    ({"flow": np.zeros((4, 6, 2)), "first": np.array("x")}, "a.npz: Flow.first: expected one of"),
    ({"flow": np.zeros((4, 6, 2)), "first": np.float64(1)}, "first: expected one text"),
    (
        {"forward": np.zeros((1, 2, 4, 6)), "backward": np.zeros((1, 2, 4, 5))},
        "a.npz: Flow.backward: expected the shape",
    ),
    ({"flow": np.full((4, 6, 2), np.nan)}, "found none .* for 24 of 24; a ground truth"),
    ({"flow": np.full((4, 6, 2), 1e300)}, "found none .* for 24 of 24"),
]


@pytest.mark.parametrize(("arrays", "message"), NO_FLOW, ids=range(len(NO_FLOW)))
def test_npz_without_flow(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=message) as error:
        read_flow(tmp_path / "a.npz")
    assert "a.npz" in str(error.value)


def test_npz_whose_array_is_shorter_than_it_says(tmp_path: Path) -> None:
    import io
    import zipfile

    data = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        data, {"descr": "<f4", "fortran_order": False, "shape": (10**6, 10**6, 2)}
    )
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("flow.npy", data.getvalue())
    with pytest.raises(InputError, match=r"expected \[1000000, 1000000, 2\] float32, found 0"):
        read_npz(tmp_path / "a.npz")


# EXR


def test_exr_is_what_nuke_reads(tmp_path: Path) -> None:
    """Its own layers, v up, float, compressed without loss."""
    forward = torch.tensor([[[1.0, 2]], [[3, 4]]])
    write_exr(tmp_path / "a.exr", forward, forward * 10)
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
        write_exr(path)
    with pytest.raises(InputError, match=r"of one size, found \[2, 3, 4\] and \[2, 3, 5\]"):
        write_exr(path, torch.zeros(2, 3, 4), torch.zeros(2, 3, 5))
    with pytest.raises(MediaError, match="cannot be written"):
        write_exr(path / "a.exr", torch.zeros(2, 3, 4))


def test_exr_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_flow(made(), tmp_path / "there", "exr")
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    with pytest.raises(InputError, match="run: pip install OpenEXR, or choose npz"):
        write_flow(made(), tmp_path / "clip", "exr")
    with pytest.raises(InputError, match="run: pip install OpenEXR"):
        read_flow(tmp_path / "there")
    assert not (tmp_path / "clip").exists()


# KITTI


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
    with pytest.raises(InputError, match="is a damaged PNG"):
        read_kitti(path)


# ground truth


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
        (b"PF\n3 2\n-1\n" + bytes(73), "goes on behind its end"),
        (b"Pf\n3 2\n-1\n" + bytes(24), r"one channel \(Pf\): a disparity"),
    ],
)
def test_pfm_files_that_are_none(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.pfm").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_flow(tmp_path / "a.pfm")


@pytest.mark.parametrize("unknown", [1e10, -2e9, float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("form", EXACT)
def test_unknown_flow_is_marked_for_evaluation(tmp_path: Path, form: str, unknown: float) -> None:
    """Middlebury's convention: 1e10, in fact anything beyond 1e9, and NaN."""
    flow = torch.arange(12.0).reshape(2, 2, 3) * 1e6
    broken = flow.clone()
    broken[1, 0, 1] = unknown
    path = tmp_path / f"a.{form}"
    if form == "npz":
        np.savez(path, flow=broken.movedim(0, -1).numpy())
    else:
        (write_flo if form == "flo" else lambda f, p: write_exr(p, f))(broken, path)
    truth, valid = read_ground_truth(path)
    assert valid.tolist() == [[True, False, True], [True, True, True]]
    assert torch.equal(truth, flow * valid)
    with pytest.raises(InputError, match=r"for 1 of 6; a ground truth with gaps"):
        read_flow(path)
    (tmp_path / "clip").mkdir()
    path.rename(tmp_path / "clip" / path.name)
    with pytest.raises(InputError, match=f"a.{form}: expected a flow for every pixel"):
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


# folders


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


@pytest.mark.parametrize("form", ["flo", "exr", "kitti"])
def test_folders_that_are_wrong(tmp_path: Path, form: str) -> None:
    flow = made(3, direction="forward")
    clip = tmp_path / "clip"
    write_flow(flow, clip, form)
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
    write_flow(Flow(torch.zeros(1, 2, 4, 7)), tmp_path / "other", form)
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


# writing


@pytest.mark.parametrize("form", FORMS)
def test_what_is_not_written(tmp_path: Path, form: str) -> None:
    path = place(tmp_path, form)
    flow = made(2)
    flow.one("backward")[1, 0, 0, 0] = torch.nan
    with pytest.raises(
        InputError, match=r"backward flow: expected a flow .* for 1 of 70; look for"
    ):
        write_flow(flow, path, form)
    with pytest.raises(InputError, match=r"Flow.fps: expected a number, found inf"):
        write_flow(made(fps=float("inf")), path, form)
    if form != "npz":
        for shape in ((0, 2, 4, 6), (2, 2, 0, 6)):
            with pytest.raises(InputError, match=r"expected at least one pair .* npz can"):
                write_flow(Flow(torch.zeros(shape)), path, form)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(MediaError, match="cannot be written"):
        write_flow(made(), tmp_path / "file" / path.name, form)


def test_unknown_forms_and_settings(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="form: expected one of npz, flo, exr, kitti, found 'pfm'"):
        write_flow(made(), tmp_path / "a", "pfm")
    with pytest.raises(InputError, match="there is no such file or folder"):
        read_flow(tmp_path / "a")
    for fps in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="fps: expected a number above 0"):
            read_flow(tmp_path, fps=fps)
    with pytest.raises(InputError, match=r"expected files of flow .*, found none"):
        read_flow(tmp_path)
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    with pytest.raises(
        InputError, match=r"expected a file of flow \(.npz, .*begins with b'GIF89a'"
    ):
        read_flow(tmp_path / "a.gif")


@pytest.mark.parametrize("form", ["flo", "exr", "kitti"])
def test_folders_are_whole_or_not_there(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = tmp_path / "clip"
    clip.mkdir()
    write_flow(made(), clip, form)  # an empty folder will do
    with pytest.raises(MediaError, match="there are files in it already; choose a new folder"):
        write_flow(made(), clip, form)

    def full(*values: Any, **flows: Any) -> None:
        raise OSError(28, "No space left on device")

    for name in ("save_exr", "flo_bytes", "kitti_bytes"):
        monkeypatch.setattr(folder, name, full)
    with pytest.raises(MediaError, match=r"other: cannot be written \(No space left"):
        write_flow(made(), tmp_path / "other", form)
    assert [p.name for p in tmp_path.iterdir()] == ["clip"]


# any bytes at all


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A sound file of every kind."""
    root = tmp_path_factory.mktemp("whole")
    flow = made(1)
    found = {}
    for form in FORMS:
        write_flow(flow, place(root / form, form), form)
        file = min(
            p for p in (root / form).rglob("*") if p.suffix in (".npz", ".flo", ".exr", ".png")
        )
        found[file.suffix] = file.read_bytes()
    found[".pfm"] = b"PF\n7 5\n-1.0\n" + np.ones((5, 7, 3), "<f4").tobytes()
    return found


def survives(path: Path) -> bool:
    """Whether a file is read; the only other way out is an error of ours."""
    read, told = True, list[str]()
    for reader in (read_flow, read_ground_truth):
        try:
            reader(path)
        except KinographError as error:
            read = False
            told.append(str(error))
    assert all(str(path) in message for message in told)
    return read


SUFFIX = st.sampled_from([".npz", ".flo", ".exr", ".png", ".pfm"])


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(suffix=SUFFIX, cut=st.floats(0, 1, exclude_max=True))
def test_files_that_are_cut_off(
    tmp_path: Path, whole: dict[str, bytes], suffix: str, cut: float
) -> None:
    data = whole[suffix]
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data)
    assert survives(path)
    path.write_bytes(data[: int(cut * len(data))])
    assert not survives(path)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    suffix=SUFFIX,
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
    early=st.booleans(),
)
def test_files_with_changed_bytes(
    tmp_path: Path,
    whole: dict[str, bytes],
    suffix: str,
    changes: list[tuple[float, int]],
    early: bool,
) -> None:
    data = bytearray(whole[suffix])
    reach = min(len(data), 200) if early else len(data)
    for where, value in changes:
        data[int(where * reach)] = value
    (tmp_path / f"a{suffix}").write_bytes(data)
    survives(tmp_path / f"a{suffix}")


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    suffix=SUFFIX | st.just(".bin"),
    start=st.sampled_from(
        [b"", b"PK\3\4", b"PIEH", b"\x76\x2f\x31\x01\2\0\0\0", b"PF\n", b"\x89PNG"]
    ),
    rest=st.binary(max_size=80),
)
def test_files_of_noise(tmp_path: Path, suffix: str, start: bytes, rest: bytes) -> None:
    (tmp_path / f"a{suffix}").write_bytes(start + rest)
    assert not survives(tmp_path / f"a{suffix}")


# nodes


@pytest.fixture
def host_folders(tmp_path: Path) -> Any:
    with host.using(host.Settings(output=tmp_path, inputs=(tmp_path,))):
        yield tmp_path


@pytest.mark.parametrize("form", FORMS)
def test_nodes_there_and_back(host_folders: Path, form: str) -> None:
    flow = made(2, fps=24, first="zero")
    ending = ".npz" if form == "npz" else ""
    for number in (1, 2):
        saved = SaveFlow.execute(flow, form, "kinograph/flow")
        name = f"kinograph/flow_{number:05d}_{ending}"
        assert str(host_folders / name) in str(saved.ui.as_dict())
    loaded = LoadFlow.execute(f" {name} ")
    assert same(loaded.args[0], flow) or form == "kitti"
    text = str(loaded.ui.as_dict())
    assert "3 frames (2 pairs), 7x5, forward and backward, 24 fps" in text
    assert LoadFlow.execute(name, fps=30.0).args[0].fps == 30
    with pytest.raises(InputError, match="no such file or folder"):
        LoadFlow.execute("none.npz")


def test_load_flow_runs_again_when_a_file_has_changed(host_folders: Path) -> None:
    import os

    write_flow(made(2), host_folders / "clip", "flo")
    before = LoadFlow.fingerprint_inputs(file="clip", fps=0.0)
    assert before == LoadFlow.fingerprint_inputs(file="clip", fps=0.0)
    os.utime(host_folders / "clip" / "backward" / "flow_000001.flo", (before + 9, before + 9))
    assert LoadFlow.fingerprint_inputs(file="clip", fps=0.0) == before + 9
    assert LoadFlow.fingerprint_inputs(file="none", fps=0.0) == 0
