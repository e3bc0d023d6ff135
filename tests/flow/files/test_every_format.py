"""What holds for files of every format."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flow_files import EXACT, made, place, same
from kinograph.engines.errors import InputError, MediaError
from kinograph.engines.flow.choices import FIRST_FRAMES, FORMATS
from kinograph.engines.flow.files import read_flow, write_flow
from kinograph.engines.flow.flow import Flow


@pytest.mark.parametrize("format", EXACT)
@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
@pytest.mark.parametrize(("pairs", "h", "w"), [(1, 1, 1), (12, 3, 2), (2, 9, 16), (3, 2, 2)])
def test_there_and_back(
    tmp_path: Path, format: str, direction: str, pairs: int, h: int, w: int
) -> None:
    flow = made(pairs, h, w, direction, fps=29.97, first="white")
    write_flow(flow, place(tmp_path, format), format)
    back = read_flow(place(tmp_path, format))
    assert same(back, flow)
    assert back.main.is_contiguous()
    assert same(read_flow(place(tmp_path, format), fps=24), replace(flow, fps=24))
    assert sorted(p.name for p in tmp_path.iterdir()) == [place(tmp_path, format).name]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("first", ["", *FIRST_FRAMES])
def test_what_stands_for_the_first_frame_is_kept(tmp_path: Path, format: str, first: str) -> None:
    write_flow(made(first=first, fps=1 / 3), place(tmp_path, format), format)
    back = read_flow(place(tmp_path, format))
    assert (back.first, back.fps) == (first, 1 / 3)


@pytest.mark.parametrize("format", EXACT)
def test_tensors_of_any_layout(tmp_path: Path, format: str) -> None:
    wide = torch.randn(4, 8, 10, 2).permute(0, 3, 1, 2)[::2, :, ::2, 1::3].requires_grad_()
    assert not wide.is_contiguous()
    write_flow(Flow(wide, wide.flip(0)), place(tmp_path, format), format)
    back = read_flow(place(tmp_path, format))
    assert torch.equal(back.one("forward"), wide)
    assert torch.equal(back.one("backward"), wide.flip(0))
    assert not back.main.requires_grad


@settings(max_examples=15, deadline=None)
@given(
    format=st.sampled_from(EXACT),
    values=st.lists(st.floats(-1e9, 1e9, width=32), min_size=8, max_size=8),
)
def test_every_value_is_kept(
    tmp_path_factory: pytest.TempPathFactory, format: str, values: list[float]
) -> None:
    """Down to the smallest and the sign of zero, which EXR's turned v must not lose."""
    flow = torch.tensor(values).reshape(1, 2, 2, 2)
    path = place(tmp_path_factory.mktemp("values"), format)
    write_flow(Flow(flow), path, format)
    back = read_flow(path).main
    assert torch.equal(back.view(torch.int32), flow.view(torch.int32))


@pytest.mark.parametrize("format", FORMATS)
def test_one_file_of_a_folder_is_a_flow_of_one_pair(tmp_path: Path, format: str) -> None:
    flow = made(3, direction="forward")
    write_flow(flow, place(tmp_path, format), format)
    if format == "npz":
        assert len(read_flow(place(tmp_path, format))) == 3
        return
    (path,) = (tmp_path / "clip").glob("flow_000002.*")
    one = read_flow(path)
    assert torch.allclose(one.main, flow.main[2:], rtol=0, atol=0 if format != "kitti" else 1 / 128)
    assert (one.fps, one.first, one.direction) == (16.0, "duplicate", "forward")
    path.rename(tmp_path / "unnamed")  # known by its beginning
    assert torch.equal(read_flow(tmp_path / "unnamed").main, one.main)


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_not_written(tmp_path: Path, format: str) -> None:
    path = place(tmp_path, format)
    flow = made(2)
    flow.one("backward")[1, 0, 0, 0] = torch.nan
    with pytest.raises(
        InputError, match=r"backward flow: expected a flow .* for 1 of 70; look for"
    ):
        write_flow(flow, path, format)
    with pytest.raises(InputError, match=r"Flow.fps: expected a number, found inf"):
        write_flow(made(fps=float("inf")), path, format)
    if format != "npz":
        for shape in ((0, 2, 4, 6), (2, 2, 0, 6)):
            with pytest.raises(InputError, match=r"expected at least one pair .* npz can"):
                write_flow(Flow(torch.zeros(shape)), path, format)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(MediaError, match="cannot be written"):
        write_flow(made(), tmp_path / "file" / path.name, format)


def test_unknown_forms_and_settings(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="format: expected one of npz, flo, exr, kitti, found 'pfm'"
    ):
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
