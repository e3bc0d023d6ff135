"""Heads as JSON, for programs and people.

An object: format, version, canvas_height and canvas_width (px), camera (height and width in px of
its picture, axes, near in cm), landmarks (how many each head has) and frames, a list. A frame:
frame (its number), time (s, if the frame rate is known), camera (fx, fy, cx, cy in px) and heads, a
list by falling score. A head: score, track_id (-1 = none), box (x0, y0, x1, y1 in px); yaw, pitch
and roll, and ray_yaw, ray_pitch and ray_roll relative to the viewing ray, all in degrees;
translation (cm), rotation (nine numbers, row by row) and landmarks (x, y, depth in px, flat).

Numbers are float32 in the fewest digits that read back the same. A file is read by its rotations;
angles that contradict them are an error.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .format import HeadFormat

if TYPE_CHECKING:
    from torch import Tensor

    from ...heads import Heads

NAME, VERSION = "kinograph.heads", 1
ANGLES = ("yaw", "pitch", "roll")


def _chunk(heads: Heads, first: int, fps: float) -> bytes:
    from ....document import as_text

    camera = heads.camera
    document = {
        "format": NAME,
        "version": VERSION,
        "canvas_height": heads.canvas[0],
        "canvas_width": heads.canvas[1],
        "camera": {
            "height": camera.size[0],
            "width": camera.size[1],
            "axes": camera.axes,
            "near": camera.near,
        },
        "landmarks": heads.landmarks.shape[2],
        "frames": [],
    }
    start = as_text(document).removesuffix("]}") if first == 0 else ","
    rows = as_text(_frames(heads, first, fps)).removeprefix("[").removesuffix("]")
    return (start + rows).encode()


def _join(chunks: Path, path: Path) -> None:
    with chunks.open("rb") as source, path.open("wb") as file:
        shutil.copyfileobj(source, file)
        file.write(b"]}\n")


def _frames(heads: Heads, first: int, fps: float) -> list[dict[str, Any]]:
    """Return the frames, numbered from `first`."""
    from ....geometry.camera_rows import camera_rows
    from ...angles import angles, relative_to_ray

    here = heads.to("cpu")
    # In double precision: the last bit of PyTorch's functions depends on the number of heads.
    turns = here.rotation.double()
    seen = relative_to_ray(turns, here.translation.double())
    turned = dict(zip(ANGLES, _short(angles(turns)).unbind(-1), strict=True))
    by_ray = zip(ANGLES, _short(angles(seen)).unbind(-1), strict=True)
    columns = {
        "score": _short(here.scores),
        "track_id": here.track_ids,
        "box": _short(here.boxes),
        **turned,
        **{f"ray_{name}": values for name, values in by_ray},
        "translation": _short(here.translation),
        "rotation": _short(here.rotation.flatten(2)),
        "landmarks": _short(here.landmarks.flatten(2)),
    }
    lists = {name: values.tolist() for name, values in columns.items()}
    cameras = _short(camera_rows(here.camera, len(here))).tolist()
    return [
        {
            "frame": first + f,
            **({"time": round((first + f) / fps, 6)} if fps > 0 else {}),
            "camera": dict(zip(("fx", "fy", "cx", "cy"), cameras[f], strict=True)),
            "heads": [{name: rows[f][p] for name, rows in lists.items()} for p in range(count)],
        }
        for f, count in enumerate(here.count.tolist())
    ]


def _short(values: Tensor) -> Tensor:
    """Return float32 as the float64 of the fewest digits that reads back as the same float32."""
    import torch

    digits = values.detach().cpu().float().numpy().astype("U")
    return torch.from_numpy(digits.astype("float64"))


def _read(path: Path) -> Heads:
    from ....document import load
    from ..json_reading import heads_of

    return heads_of(load(path))


FORMAT = HeadFormat("json", ".json", _chunk, _join, _read, order=10)
