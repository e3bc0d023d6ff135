"""Heads as one safetensors file: every tensor as it is, nothing rounded, nothing left out.

The tensors have the names of the fields of `Heads`, and `camera` [F,4] holds fx, fy, cx and cy of
every frame in px. The metadata holds format, version, canvas ("464x832": height, width), and the
camera's picture, axes and near plane in cm.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from .format import HeadFormat

if TYPE_CHECKING:
    from ....padded_files import PaddedFile
    from ...heads import Heads

_TENSORS = ("rotation", "translation", "landmarks", "boxes", "scores")


@cache
def safetensors_file() -> PaddedFile[Heads]:
    """Return the format of files, with what it needs of PyTorch."""
    from ....geometry.before_camera_files import before_camera_file
    from ...heads import Heads

    return before_camera_file(Heads, Heads.cat, "heads", _TENSORS)


def _chunk(heads: Heads, first: int, fps: float) -> bytes:
    return safetensors_file().as_chunk(heads)


def _join(chunks: Path, path: Path) -> None:
    safetensors_file().join(chunks, path)


def _read(path: Path) -> Heads:
    return safetensors_file().read(path)


FORMAT = HeadFormat("safetensors", ".safetensors", _chunk, _join, _read, order=30)
