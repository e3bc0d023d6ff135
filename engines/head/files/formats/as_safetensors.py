"""Heads as one safetensors file: every tensor as it is, nothing rounded, nothing left out.

The tensors have the names of the fields of `Heads`, and `camera` [F,4] holds fx, fy, cx and cy of
every frame in px. The metadata holds format, version, canvas ("464x832": height, width), and the
camera's picture, axes and near plane in cm.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from .format import HeadFormat

if TYPE_CHECKING:
    from torch import Tensor

    from ....padded_files import PaddedFile, Parts, Size
    from ...heads import Heads

_TENSORS = ("rotation", "translation", "landmarks", "boxes", "scores")
_WHOLE = ("track_ids", "count")


@cache
def safetensors_file() -> PaddedFile[Heads]:
    """Return the format of files, with what it needs of PyTorch."""
    from ....padded_files import PaddedFile
    from ...heads import Heads

    names = (*_TENSORS, "camera")
    return PaddedFile("heads", "kinograph.heads", "1", names, _WHOLE, _take, _make, Heads.cat)


def _take(heads: Heads) -> Parts:
    from ....geometry.camera_rows import about_camera, camera_rows

    tensors = {name: getattr(heads, name) for name in (*_TENSORS, *_WHOLE)}
    return {**tensors, "camera": camera_rows(heads.camera, len(heads))}, about_camera(heads.camera)


def _make(tensors: Mapping[str, Tensor], about: Mapping[str, str], canvas: Size) -> Heads:
    from ....geometry.camera_rows import described_camera
    from ...heads import Heads

    given = dict(tensors)
    camera = described_camera(given.pop("camera"), about)
    return Heads(**given, canvas=canvas, camera=camera)


def _chunk(heads: Heads, first: int, fps: float) -> bytes:
    return safetensors_file().as_chunk(heads)


def _join(chunks: Path, path: Path) -> None:
    safetensors_file().join(chunks, path)


def _read(path: Path) -> Heads:
    return safetensors_file().read(path)


FORMAT = HeadFormat("safetensors", ".safetensors", _chunk, _join, _read, order=30)
