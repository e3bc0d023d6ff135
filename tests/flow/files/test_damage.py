"""Files of any bytes: they are read, or refused with a message."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flow_files import made, place
from kinograph.engines.errors import KinographError
from kinograph.engines.flow.choices import FORMATS
from kinograph.engines.flow.files import read_flow, read_ground_truth, write_flow


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A sound file of every kind."""
    root = tmp_path_factory.mktemp("whole")
    flow = made(1)
    found = {}
    for kind in FORMATS:
        write_flow(flow, place(root / kind, kind), kind)
        file = min(
            p for p in (root / kind).rglob("*") if p.suffix in (".npz", ".flo", ".exr", ".png")
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
