"""Files of optical flow, one format per module."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from ...errors import InputError
from ..choices import FORMATS
from ..flow import Flow
from . import folder
from .npz import write_npz
from .single import read_single
from .values import check_known, known, rows_of


def write_flow(
    flow: Flow, path: Path, format: str, *, progress: Callable[[int], None] | None = None
) -> None:
    """Write `path` (flo, exr, kitti: a folder) in one of the `FORMATS`; it appears when it is
    complete.

    progress: of folders; called with the number of pairs done since the last call

    npz, flo and exr are exact; kitti is rounded to 1/64 px. Raises `InputError` for an unknown
    format, for NaN or more than 1e9 px, and for what a format cannot hold (kitti: beyond 512 px;
    folders: no pairs), `MediaError` for a path that cannot be written.
    """
    if format not in FORMATS:
        raise InputError(f"format: expected one of {', '.join(FORMATS)}, found {format!r}")
    if not math.isfinite(flow.fps):
        raise InputError(f"Flow.fps: expected a number, found {flow.fps}")
    for direction, rows in rows_of(flow).items():
        cure = "look for the node before this one that ran out of its range"
        check_known(f"{direction} flow", rows, cure)
    if format == "npz":
        write_npz(flow, path)
    else:
        folder.write(flow, path, format, progress)


def read_flow(path: Path, *, fps: float | None = None) -> Flow:
    """Read the flow in a file or folder of any of the `FORMATS`, or PFM, onto the CPU; the format
    is detected automatically.

    fps: frames per second of the clip, overriding the file; None = the file's, or 16

    A file of one pair gives a flow of one pair, forward unless it says backward. Raises
    `InputError` with the file, what was expected and what was found; also for flow that is not
    known everywhere, as in ground truth.
    """
    if fps is not None and not 0 < fps < math.inf:
        raise InputError(f"fps: expected a number above 0, found {fps}")
    if not path.exists():
        raise InputError(f"{path}: there is no such file or folder")
    if path.is_dir():
        flow = folder.read(path)
    else:
        flow = read_single(path)
        for rows in rows_of(flow).values():
            check_known(str(path), rows, folder.GAPS)
    return flow if fps is None else replace(flow, fps=fps)


def read_ground_truth(path: Path) -> tuple[Tensor, Tensor]:
    """Read the flow [2,H,W] px of a file of one pair, and where it is known, [H,W] bool.

    Reads .flo, .npz, .exr, .pfm and KITTI's .png; of a file with both directions the forward
    flow. It is unknown where it is NaN, infinite, beyond 1e9 (as Middlebury marks it), or not
    valid in KITTI's PNG; there it is 0. Raises `InputError` for a folder, for more than one pair
    and for files that cannot be read.
    """
    if path.is_dir():
        raise InputError(f"{path}: expected a file with the flow of one pair, found a folder")
    flow = read_single(path)
    if len(flow) != 1:
        raise InputError(f"{path}: expected the flow of one pair, found {len(flow)}")
    truth = flow.main[0]
    there = known(truth)
    return truth.where(there, truth.new_zeros(())), there
