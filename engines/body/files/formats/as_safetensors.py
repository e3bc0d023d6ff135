"""Bodies as one safetensors file: every tensor as it is, nothing rounded, nothing left out.

The tensors have the names of the fields of `Bodies`, and `camera` [F,4] holds fx, fy, cx and cy of
every frame in px. The metadata holds format, version, canvas ("464x832": height, width), rig, and
the camera's picture, axes and near plane in m.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from .format import BodyFormat

if TYPE_CHECKING:
    from torch import Tensor

    from ....padded_files import PaddedFile, Parts, Size
    from ...bodies import Bodies
    from ..clip import Clip

_TENSORS = ("rotation", "translation", "shape", "confidence", "boxes", "scores")
_WHOLE = ("track_ids", "count")


@cache
def safetensors_file() -> PaddedFile[Bodies]:
    """Return the format of files, with what it needs of PyTorch."""
    from ....padded_files import PaddedFile
    from ...bodies import Bodies

    names = (*_TENSORS, "camera")
    return PaddedFile("bodies", "kinograph.bodies", "1", names, _WHOLE, _take, _make, Bodies.cat)


def _take(bodies: Bodies) -> Parts:
    from ....geometry.camera_rows import about_camera, camera_rows

    tensors = {name: getattr(bodies, name) for name in (*_TENSORS, *_WHOLE)}
    about = {**about_camera(bodies.camera), "rig": bodies.rig}
    return {**tensors, "camera": camera_rows(bodies.camera, len(bodies))}, about


def _make(tensors: Mapping[str, Tensor], about: Mapping[str, str], canvas: Size) -> Bodies:
    from ....geometry.camera_rows import described_camera
    from ...bodies import Bodies

    given = dict(tensors)
    camera = described_camera(given.pop("camera"), about)
    return Bodies(**given, canvas=canvas, camera=camera, rig=about.get("rig", ""))


def _write(clip: Clip, path: Path) -> tuple[Path, ...]:
    import tempfile

    from ....errors import InputError
    from ....files import atomic_write

    with atomic_write(path) as aside, tempfile.TemporaryFile(dir=aside.parent) as chunks:
        for _, chunk in clip.checked():
            if len(chunk):
                chunks.write(safetensors_file().as_chunk(chunk))
        if not chunks.tell():
            raise InputError("bodies: expected at least 1 frame, found none; nothing to save")
        safetensors_file().join_file(chunks, aside)
    return (path,)


def _read(path: Path) -> Bodies:
    from ....errors import InputError
    from ....geometry.rotations import are_rotations

    bodies = safetensors_file().read(path)
    turned = are_rotations(bodies.rotation).all(-1)
    for wrong, expected in (
        (~turned, "rotation: expected rotation matrices, found another"),
        (bodies.translation[..., 2] >= 0, "translation: expected z < 0, in front of the camera"),
        ((bodies.scores < 0) | (bodies.scores > 1), "score: expected 0..1"),
    ):
        at = (wrong & bodies.present).nonzero()
        if len(at):
            frame, body = at[0].tolist()
            raise InputError(f"{path}: frame {frame}, body {body}: {expected}")
    return bodies


FORMAT = BodyFormat("safetensors", ".safetensors", _write, _read, order=40)
