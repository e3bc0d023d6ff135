"""NumPy's .npz: a whole clip in one file, float32, exact.

forward:  [N,2,H,W] px, as in `Flow`
backward: [N,2,H,W] px; one of the two, or both
fps:      frames per second
first:    what stands for the first frame, as in `Flow`

The arrays are stored as they are. Deflated at level 1, a clip of 81 frames 832x464 (247 MB, flow
of DIS) took at least ten times as long to write and to read, and 93% of the size.

Other programs' files are read, too: one array of floats [H,W,2], [N,H,W,2], [N,2,H,W] or [2,H,W]
under any name is the forward flow. Nothing is ever unpickled.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...errors import InputError
from ...files import atomic_write
from ...npz import read_arrays
from ..flow import Flow
from .values import rows_of

_OURS = ("forward", "backward")


def write_npz(flow: Flow, path: Path) -> None:
    """Write the file. Raises `MediaError` for a path that cannot be written."""
    arrays: dict[str, Any] = {"fps": np.float64(flow.fps), "first": np.array(flow.first)}
    for direction, rows in rows_of(flow).items():
        arrays[direction] = rows.detach().cpu().contiguous().numpy()
    with atomic_write(path) as aside, aside.open("wb") as file:
        np.savez(file, **arrays)


def read_npz(path: Path) -> Flow:
    """Read the flow of a file onto the CPU, unchanged: beyond 1e9 it is unknown (`known`).

    Arrays of half or double precision become float32. Raises `InputError` for a file that is
    missing, damaged, or has no flow in it, or more than one.
    """
    arrays = read_arrays(path)
    rows = {name: found for name, a in arrays.items() if (found := _rows(a)) is not None}
    ours = {name: found for name, found in rows.items() if name in _OURS}
    if not ours and len(rows) == 1:
        ours = {"forward": next(iter(rows.values()))}
    if not ours:
        found = ", ".join(f"{name} {list(a.shape)} {a.dtype}" for name, a in arrays.items())
        raise InputError(
            f"{path}: expected forward or backward [N,2,H,W] floats, or one array [H,W,2], "
            f"[N,H,W,2] or [N,2,H,W], found {found or 'no array'}"
        )
    with np.errstate(over="ignore"):  # becomes infinity, which is unknown flow
        flows = {
            name: torch.from_numpy(np.array(found, np.float32, order="C"))
            for name, found in ours.items()
        }
    try:
        return Flow(flows.get("forward"), flows.get("backward"), **_settings(arrays))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _rows(array: Any) -> Any:
    """Return an array as [N,2,H,W]; None if it is no flow."""
    if array.dtype.kind != "f" or array.ndim not in (3, 4) or 0 in array.shape[-3:]:
        return None
    if array.ndim == 4:
        if array.shape[1] == 2:
            return array
        return array.transpose(0, 3, 1, 2) if array.shape[3] == 2 else None
    if array.shape[2] == 2:
        return array.transpose(2, 0, 1)[None]
    return array[None] if array.shape[0] == 2 else None


def _settings(arrays: dict[str, Any]) -> dict[str, Any]:
    """Return fps and first, as far as the file has them."""
    found: dict[str, Any] = {}
    fps, first = arrays.get("fps"), arrays.get("first")
    if fps is not None:
        if fps.size != 1 or fps.dtype.kind not in "fiu" or not math.isfinite(fps.item()):
            raise InputError(f"fps: expected one number, found {fps.dtype} {list(fps.shape)}")
        found["fps"] = float(fps.item())
    if first is not None:
        if first.size != 1 or first.dtype.kind != "U":
            raise InputError(f"first: expected one text, found {first.dtype} {list(first.shape)}")
        found["first"] = str(first.item())
    return found
