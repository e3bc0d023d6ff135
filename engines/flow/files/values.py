"""What flow files have in common: checks of pixels, unknown flow, and bytes."""

from pathlib import Path

import torch
from torch import Tensor

from ...errors import InputError
from ...files import open_regular, read_regular
from ..flow import Flow

LARGEST = 2**34  # bytes of a file

UNKNOWN = 1e9
"""px; a flow beyond it means "unknown", as NaN does (`unknown_flow` in Middlebury's
flowIO.cpp, vision.middlebury.edu/flow/code). Middlebury writes 1e10."""


def rows_of(flow: Flow) -> dict[str, Tensor]:
    """Return the flow [N,2,H,W] by direction, forward first, for the directions that it has."""
    both = {"forward": flow.forward, "backward": flow.backward}
    return {direction: rows for direction, rows in both.items() if rows is not None}


def known(flow: Tensor) -> Tensor:
    """Return where flow [...,2,H,W] is known, [...,H,W] bool."""
    return (flow.abs() <= UNKNOWN).all(-3)  # NaN is not


def check_pair(flow: Tensor) -> None:
    """Raise `InputError` unless a flow is one pair's, [2,H,W], and has pixels."""
    if flow.ndim != 3 or flow.shape[0] != 2 or 0 in flow.shape:
        raise InputError(f"flow: expected [2,H,W], found {list(flow.shape)}")


def check_known(name: str, flow: Tensor, cure: str) -> None:
    """Raise `InputError` for pixels of a flow [...,2,H,W] that are not `known`."""
    if not flow.numel():
        return
    low, high = torch.stack(flow.aminmax()).tolist()  # NaN where there is any
    if low >= -UNKNOWN and high <= UNKNOWN:
        return
    there = known(flow)
    raise InputError(
        f"{name}: expected a flow for every pixel, found none (NaN, beyond {UNKNOWN:g} px or "
        f"marked invalid) for {int((~there).sum())} of {there.numel()}; {cure}"
    )


def content(path: Path) -> bytes:
    """Return the bytes of a file. Raises `InputError` if it cannot be read."""
    try:
        return read_regular(path, LARGEST)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def head(path: Path) -> bytes:
    """Return the first 8 bytes of a file. Raises `InputError` if it cannot be read."""
    try:
        with open_regular(path) as file:
            return file.read(8)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
