"""NumPy's .npz files of flow."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from flow_files import same
from kinograph.engines.errors import InputError
from kinograph.engines.flow.files import read_flow, write_flow
from kinograph.engines.flow.files.npz import read_npz
from kinograph.engines.flow.flow import Flow


def test_npz_without_pairs(tmp_path: Path) -> None:
    flow = Flow(torch.zeros(0, 2, 4, 6))
    write_flow(flow, tmp_path / "a.npz", "npz")
    assert same(read_flow(tmp_path / "a.npz"), flow)


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
