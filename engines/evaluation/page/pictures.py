"""Images with the truth and what was found drawn over them, as SVG."""

from __future__ import annotations

import base64
import io
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from ...datasets.records import Array, Record
from ...video.picture import opened_picture
from ..judge.errors import diameter
from ..judge.found import Found
from ..judge.judgement import SURE, Judgement

_LONGEST = 640  # px of an embedded picture
_SMALL = 256  # px, up to which pictures are embedded without loss
_AXIS = 0.05  # m, of a pose's axes where the shape is not known


def drawn(judged: Judgement, number: int, caption: str) -> str:
    """Return an image of a judgement as a figure.

    Boxes of the truth are drawn where they were found and, dashed, where they were missed; what was
    found with a score above `SURE` is of an object or a false alarm. Poses are axes.

    Raises `MediaError` for a damaged image.
    """
    found, truth = judged.found[number], judged.truths[number]
    place = judged.pairs[number].place
    height, width = truth.size
    unit = max(height, width) / 100
    parts = [_picture(truth.image, width, height)] if truth.image is not None else []
    for row, box in enumerate(truth.boxes):
        kind = "truth" if place[row] >= 0 else "missed"
        parts.append(_box(box, truth.size, kind, ""))
        parts.append(_dots(truth.keypoints[row], truth.size, unit, "true"))
        if truth.rotation is not None and truth.translation is not None:
            parts.append(
                _axes(
                    truth.rotation[row],
                    truth.translation[row],
                    truth.intrinsics,
                    _reach(truth, row),
                    "true",
                )
            )
    for row in np.flatnonzero(found.scores > SURE).tolist():
        of = np.flatnonzero(place == row)
        kind = "found" if len(of) else "alarm"
        name = judged.kinds.classes[found.classes[row]]
        label = f"{name} {found.scores[row]:.2f}"
        parts.append(_box(found.boxes[row], truth.size, kind, label, unit))
        parts.append(_dots(found.keypoints[row], truth.size, unit, "told"))
        reach = _reach(truth, int(of[0])) if len(of) else _AXIS
        parts.append(_pose(found, row, truth.size, reach))
    return (
        f'<figure class="shot"><svg viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(truth.name)}">{"".join(parts)}</svg>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _picture(path: Path, width: int, height: int) -> str:
    with opened_picture(path) as picture:
        rgb = picture.convert("RGB")
    rgb.thumbnail((_LONGEST, _LONGEST))
    memory = io.BytesIO()
    kind = "png" if max(rgb.size) <= _SMALL else "jpeg"
    rgb.save(memory, kind, **({} if kind == "png" else {"quality": 88}))
    data = base64.b64encode(memory.getvalue()).decode()
    return (
        f'<image width="{width}" height="{height}" preserveAspectRatio="none" '
        f'href="data:image/{kind};base64,{data}"/>'
    )


def _box(box: Array, size: tuple[int, int], kind: str, label: str, unit: float = 1.0) -> str:
    height, width = size
    x, y = (box[0] - box[2] / 2) * width, (box[1] - box[3] / 2) * height
    shape = (
        f'<rect class="{kind}" x="{x:.2f}" y="{y:.2f}" width="{box[2] * width:.2f}" '
        f'height="{box[3] * height:.2f}"/>'
    )
    if not label:
        return shape
    tall = 4.5 * unit
    # Above the box, of a false alarm below it, so that both can be read of one object; at the
    # edges of the picture inside.
    if kind == "alarm":
        bottom = y + box[3] * height
        top = bottom + tall if bottom + tall < height else bottom - unit
    else:
        top = y - unit if y > tall else y + tall
    left = min(max(0, x), width - 0.52 * tall * len(label))
    return (
        f'{shape}<text class="name {kind}" x="{max(0, left):.2f}" y="{top:.2f}" '
        f'font-size="{tall:.2f}" stroke-width="{unit:.2f}">{escape(label)}</text>'
    )


def _dots(joints: Array, size: tuple[int, int], unit: float, kind: str) -> str:
    at = joints[joints[:, 2] > 0, :2] * size[::-1]
    return "".join(
        f'<circle class="{kind}" cx="{x:.2f}" cy="{y:.2f}" r="{0.8 * unit:.2f}"/>' for x, y in at
    )


def _pose(found: Found, row: int, size: tuple[int, int], reach: float) -> str:
    """Return the axes of a detection, in px of the picture."""
    if found.intrinsics is None or found.size is None:
        return ""
    scale = np.array([size[1] / found.size[1], size[0] / found.size[0]] * 2)
    turn, place = found.rotation[row], found.translation[row]
    return _axes(turn, place, found.intrinsics * scale, reach, "told")


def _axes(turn: Array, place: Array, lens: Array | None, reach: float, kind: str) -> str:
    if lens is None:
        return ""
    ends = np.concatenate([place[None], place + reach * turn.T])
    if not (np.isfinite(ends).all() and bool((ends[:, 2] > 0).all())):
        return ""
    at: Any = ends[:, :2] / ends[:, 2:] * lens[:2] + lens[2:]
    (x, y), tips = at[0], at[1:]
    return "".join(
        f'<path class="axis-{name} {kind}" d="M{x:.2f} {y:.2f}L{u:.2f} {v:.2f}"/>'
        for name, (u, v) in zip("xyz", tips, strict=True)
    )


def _reach(truth: Record, row: int) -> float:
    return diameter(truth.cad_points[row]) / 2 if truth.cad_points else _AXIS
