"""NumPy's .npz as readers of AMASS take it: SMPL-H poses, one person per file.

poses [N,156] are rotation vectors in rad of SMPL-H's 52 joints: the body's 22, then the fingers,
which are 0. trans [N,3] m moves the whole body, so that the pelvis lies at trans and where it lies
at rest. betas [16], gender and mocap_framerate follow. Axes are those of the camera: y up. Every
frame from the track's first to its last is there, with the last pose held where it is missing.

Poses of other rigs than SMPL are converted; then betas are 0 and trans is where the pelvis lies.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .format import BodyFormat

if TYPE_CHECKING:
    from torch import Tensor

    from ..clip import Clip, Track

_JOINTS, _BODY = 52, 22  # of SMPL-H, and its body's, which are SMPL's first
_BETAS = 16


def _write(clip: Clip, path: Path) -> tuple[Path, ...]:
    import numpy as np

    from ....files import atomic_write
    from ...smpl.read import JOINTS
    from ..clip import paths_of

    tracks = clip.tracks()
    if clip.rig.joints != JOINTS:
        clip.warn(
            f"poses of the rig {clip.rig.name} are converted to SMPL's joints, without fingers; "
            "its shape is not: betas are 0"
        )
    paths = paths_of(path, tracks)
    for track, place in zip(tracks, paths, strict=True):
        frames = track.last - track.first + 1
        betas = np.zeros(_BETAS)
        if clip.rig.joints == JOINTS:
            known = track.shape[:_BETAS].numpy()
            betas[: len(known)] = known
        with atomic_write(place) as aside, zipfile.ZipFile(aside, "w") as archive:
            for name, value in (
                ("betas", betas),
                ("gender", np.array("neutral")),
                ("mocap_framerate", np.float64(clip.fps)),
            ):
                with archive.open(f"{name}.npy", "w") as file:
                    np.lib.format.write_array(file, np.asarray(value), allow_pickle=False)
            _stream(archive, "poses", (frames, 3 * _JOINTS), _poses(clip, track))
            _stream(archive, "trans", (frames, 3), _trans(clip, track))
    return tuple(paths)


def _stream(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], rows: Iterator[Tensor]
) -> None:
    """Write an array whose rows come one part after the other."""
    import numpy as np

    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        about: dict[str, Any] = {"descr": "<f8", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, about)
        for part in rows:
            file.write(part.double().contiguous().numpy().astype("<f8").tobytes())


def _poses(clip: Clip, track: Track) -> Iterator[Tensor]:
    import torch

    from ....geometry.rotations import turn_of
    from ...smpl.convert import as_smpl

    for motion in clip.motion(track, gaps=True):
        turns = as_smpl(clip.rig, motion.rotation)[:, :_BODY]
        vectors = turn_of(turns.double()).flatten(1)
        fingers = vectors.new_zeros(len(vectors), 3 * (_JOINTS - _BODY))
        yield torch.cat([vectors, fingers], 1)


def _trans(clip: Clip, track: Track) -> Iterator[Tensor]:
    from ...smpl.read import JOINTS
    from ..rest import rest_of

    rest, _ = rest_of(clip.rig, track.shape)
    shift = rest[0].double() if clip.rig.joints == JOINTS else 0.0
    for motion in clip.motion(track, gaps=True):
        yield motion.translation.double() - shift


FORMAT = BodyFormat("smpl", ".npz", _write, None, order=30)
