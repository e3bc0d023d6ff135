"""Middlebury's .flo: one flow per file, float32, exact (vision.middlebury.edu/flow/code)."""

import struct
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError
from .values import check_pair, content

_MAGIC = 202021.25  # "PIEH" as a little-endian float
_HEAD = struct.Struct("<fii")
_LARGEST = 99_999  # px a side, as in the published reader


def flo_bytes(flow: Tensor) -> bytes:
    """Return the file of a flow [2,H,W] px. Raises `InputError` for another shape."""
    check_pair(flow)
    _, height, width = flow.shape
    values = flow.detach().to("cpu", torch.float32).movedim(0, -1).contiguous().numpy()
    return _HEAD.pack(_MAGIC, width, height) + values.astype("<f4", copy=False).tobytes()


def read_flo(path: Path) -> Tensor:
    """Read the flow [2,H,W] px of a file unchanged: beyond 1e9 it is unknown (`known`).

    Raises `InputError` for a file that is missing, of another kind, cut off or too long.
    """
    data = content(path)
    if len(data) < _HEAD.size:
        raise InputError(f"{path}: expected a .flo file, found {len(data)} bytes")
    magic, width, height = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise InputError(
            f"{path}: expected a .flo file, which begins with PIEH, found {data[:4]!r}"
        )
    if not (0 < width <= _LARGEST and 0 < height <= _LARGEST):
        raise InputError(f"{path}: expected a size of 1 to {_LARGEST}, found {width}x{height}")
    expected = _HEAD.size + 8 * width * height
    if len(data) != expected:
        what = "is cut off" if len(data) < expected else "continues past its end"
        raise InputError(
            f"{path}: {what}: expected {expected} bytes for {width}x{height}, found {len(data)}"
        )
    values = np.frombuffer(data, "<f4", offset=_HEAD.size).reshape(height, width, 2)
    return torch.from_numpy(values.astype(np.float32)).movedim(-1, 0).contiguous()
