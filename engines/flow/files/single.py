"""Single files of flow, of any format."""

from pathlib import Path

import torch

from ...errors import InputError
from ..flow import Flow
from .exr import read_exr
from .kitti import read_kitti
from .middlebury import read_flo
from .npz import read_npz
from .pfm import read_pfm
from .values import head

SUFFIXES = {".npz": "npz", ".flo": "flo", ".exr": "exr", ".png": "kitti", ".pfm": "pfm"}
_BEGINNINGS = {
    b"PK\x03\x04": "npz",
    b"PIEH": "flo",
    b"\x76\x2f\x31\x01": "exr",
    b"\x89PNG": "kitti",
    b"PF": "pfm",
    b"Pf": "pfm",
}


def read_single(path: Path) -> Flow:
    """Read the flow of one file, whose format its first bytes tell, onto the CPU; NaN or beyond 1e9
    where it is not known.

    Raises `InputError` for a file that is none of these, or damaged.
    """
    kind = _kind(path)
    if kind == "npz":
        return read_npz(path)
    if kind == "exr":
        flows = {direction: flow[None] for direction, flow in read_exr(path).items()}
        try:
            return Flow(flows.get("forward"), flows.get("backward"))
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
    if kind == "kitti":
        flow, valid = read_kitti(path)
        return Flow(torch.where(valid, flow, torch.nan)[None])
    return Flow((read_flo if kind == "flo" else read_pfm)(path)[None])


def _kind(path: Path) -> str:
    start = head(path)
    for magic, kind in _BEGINNINGS.items():
        if start.startswith(magic):
            return kind
    if path.suffix.lower() in SUFFIXES:  # whose reader says what is wrong
        return SUFFIXES[path.suffix.lower()]
    raise InputError(
        f"{path}: expected a file of flow ({', '.join(SUFFIXES)}), found one that begins with "
        f"{start!r}"
    )
