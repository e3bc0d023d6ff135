"""Flow as PFM, as FlyingThings3D and its sisters (Scene Flow) have it: reading only.

Text lines "PF", width and height, and a scale whose sign gives the order of bytes (negative:
little-endian), then rows of float32 from the bottom up (netpbm.sourceforge.net/doc/pfm.html). The
channels are u, v and one that is not used; v points down, as everywhere here. The scale's size is
not used, as in the readers of the data set (lmb.informatik.uni-freiburg.de, IO.py).
"""

import math
import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError
from .values import content

_HEAD = re.compile(rb"P[Ff]\s+(\d{1,5})\s+(\d{1,5})\s+([-+.\deE]{1,40})(?:\r\n|\s)")


def read_pfm(path: Path) -> Tensor:
    """Read the flow [2,H,W] px of a file unchanged.

    Raises `InputError` for a file that is missing, of another kind, cut off, too long, or with
    one channel, which is a disparity.
    """
    data = content(path)
    if data[:2] == b"Pf":
        raise InputError(
            f"{path}: expected a flow, with three channels (PF), found one channel (Pf): "
            "a disparity or depth; give the file from the folder optical_flow"
        )
    head = _HEAD.match(data)
    scale = _number(head[3]) if head else math.nan
    if head is None or not (math.isfinite(scale) and scale != 0):
        raise InputError(
            f"{path}: expected a PFM file, which begins with PF, width, height and a scale, "
            f"found {data[:24]!r}"
        )
    width, height = int(head[1]), int(head[2])
    if not (width and height):
        raise InputError(f"{path}: expected a size of at least 1x1, found {width}x{height}")
    expected = head.end() + 12 * width * height
    if len(data) != expected:
        what = "is cut off" if len(data) < expected else "continues past its end"
        raise InputError(
            f"{path}: {what}: expected {expected} bytes for {width}x{height}, found {len(data)}"
        )
    order = "<f4" if scale < 0 else ">f4"
    rows = np.frombuffer(data, order, offset=head.end()).reshape(height, width, 3)
    values = np.ascontiguousarray(rows[::-1, :, :2].transpose(2, 0, 1), dtype=np.float32)
    return torch.from_numpy(values)


def _number(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
