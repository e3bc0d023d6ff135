"""Bodies as one safetensors file: every tensor as it is, nothing rounded, nothing left out.

The tensors have the names of the fields of `Bodies`, and `camera` [F,4] holds fx, fy, cx and cy of
every frame in px. The metadata holds format, version, canvas ("464x832": height, width), rig, and
the camera's picture, axes and near plane in m.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from .format import BodyFormat

if TYPE_CHECKING:
    from ....padded_files import PaddedFile
    from ...bodies import Bodies
    from ..clip import Clip

_TENSORS = ("rotation", "translation", "shape", "confidence", "boxes", "scores")


@cache
def safetensors_file() -> PaddedFile[Bodies]:
    """Return the format of files, with what it needs of PyTorch."""
    from ....geometry.before_camera_files import before_camera_file
    from ...bodies import Bodies

    return before_camera_file(Bodies, Bodies.cat, "bodies", _TENSORS, ("rig",))


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
    from ....geometry.before_camera_files import check_in_front
    from ....geometry.rotations import are_rotations

    bodies = safetensors_file().read(path)
    check_in_front(
        bodies,
        path,
        one="body",
        turned=are_rotations(bodies.rotation).all(-1),
        translation=bodies.translation,
        expected="rotation matrices",
    )
    return bodies


FORMAT = BodyFormat("safetensors", ".safetensors", _write, _read, order=40)
