"""Heads as a table for people and spreadsheets: one row per face and frame.

Landmarks and camera are left out, so the table is not read back.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ....errors import InputError
from .format import HeadFormat

if TYPE_CHECKING:
    from ...heads import Heads

# Columns and their decimals. time: s, empty if the frame rate is unknown; face: place in the frame,
# by falling score; track: -1 = none; angles in degrees, see engines/head/angles.py, first in the
# camera's axes, then relative to the viewing ray; then where the head is in cm, and its box in px.
_COLUMNS = (
    *(("frame", 0), ("time", 6), ("face", 0), ("track", 0), ("score", 4)),
    *(("yaw", 3), ("pitch", 3), ("roll", 3), ("ray_yaw", 3), ("ray_pitch", 3), ("ray_roll", 3)),
    *(("x_cm", 3), ("y_cm", 3), ("z_cm", 3), ("left", 2), ("top", 2), ("right", 2), ("bottom", 2)),
)


def _chunk(heads: Heads, first: int, fps: float) -> bytes:
    import torch

    from ...angles import angles, relative_to_ray

    here = heads.to("cpu")  # the same digits, wherever the heads were found
    there = here.present
    frame, face = there.nonzero().unbind(1)
    frame = frame + first
    turns = here.rotation.double()
    seen = relative_to_ray(turns, here.translation.double())
    measured = [
        here.scores[..., None],
        angles(turns),
        angles(seen),
        here.translation,
        here.boxes,
    ]
    numbers = torch.cat([values.double() for values in measured], -1)[there]
    if not bool(numbers.isfinite().all()):
        raise InputError("heads: expected finite numbers, found NaN or infinity")
    seconds = frame.double() / fps if fps > 0 else frame * torch.nan
    rows = zip(
        frame.tolist(),
        seconds.tolist(),
        face.tolist(),
        here.track_ids[there].tolist(),
        numbers.tolist(),
        strict=True,
    )
    titles = [",".join(name for name, _ in _COLUMNS)] if first == 0 else []
    lines = [_line((f, s, p, t, *more)) for f, s, p, t, more in rows]
    return "".join(f"{line}\n" for line in (*titles, *lines)).encode()


def _line(values: tuple[float, ...]) -> str:
    pairs = zip(values, _COLUMNS, strict=True)
    return ",".join(_cell(value, decimals) for value, (_, decimals) in pairs)


def _cell(value: float, decimals: int) -> str:
    if value != value:  # a time that nobody knows
        return ""
    return f"{round(value, decimals) + 0.0:.{decimals}f}" if decimals else f"{value}"  # no -0


def _join(chunks: Path, path: Path) -> None:
    shutil.copyfile(chunks, path)


FORMAT = HeadFormat("csv", ".csv", _chunk, _join, None, order=20)
