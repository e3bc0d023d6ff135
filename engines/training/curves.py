"""The figures of a run as a picture: one small chart for each."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from ..files import atomic_write

_CHART = (420, 200)  # px, width and height
_ACROSS = 3
_EDGE = (58, 26, 12, 22)  # px left, top, right and bottom of the plotted area
_POINTS = 400  # most per curve: each is the mean of neighbours
_LINE, _GRID, _INK = (31, 119, 180), (225, 225, 225), (60, 60, 60)
_SPREAD = 100.0  # largest over smallest value from which the axis is logarithmic


def draw_curves(rows: Sequence[Mapping[str, float]], path: Path) -> None:
    """Write a PNG with a chart of every figure over the steps.

    Raises `MediaError` if it cannot be written.
    """
    names = [name for name in dict.fromkeys(n for row in rows for n in row) if name != "step"]
    down = max(1, math.ceil(len(names) / _ACROSS))
    page = Image.new("RGB", (_CHART[0] * _ACROSS, _CHART[1] * down), "white")
    for number, name in enumerate(names):
        points = [
            (float(row["step"]), row[name])
            for row in rows
            if math.isfinite(row.get(name, math.nan))
        ]
        if points:
            place = (number % _ACROSS * _CHART[0], number // _ACROSS * _CHART[1])
            page.paste(_chart(name, _thinned(points)), place)
    with atomic_write(path) as aside:
        page.save(aside, "PNG")


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    size = math.ceil(len(points) / _POINTS)
    groups = [points[i : i + size] for i in range(0, len(points), size)]
    return [(g[0][0], sum(value for _, value in g) / len(g)) for g in groups]


def _chart(name: str, points: list[tuple[float, float]]) -> Image.Image:
    image = Image.new("RGB", _CHART, "white")
    draw = ImageDraw.Draw(image)
    left, top = _EDGE[0], _EDGE[1]
    right, bottom = _CHART[0] - _EDGE[2], _CHART[1] - _EDGE[3]
    values = [value for _, value in points]
    low, high = min(values), max(values)
    logarithmic = low > 0 and high / low > _SPREAD
    first, last = points[0][0], points[-1][0]

    def scaled(value: float) -> float:
        start, stop, at = (
            (math.log(v) for v in (low, high, value)) if logarithmic else (low, high, value)
        )
        return (at - start) / (stop - start) if stop > start else 0.5

    def placed(step: float, value: float) -> tuple[float, float]:
        part = (step - first) / (last - first) if last > first else 0.5
        return left + part * (right - left), bottom - scaled(value) * (bottom - top)

    draw.text((left, 6), name + (" (logarithmic)" if logarithmic else ""), fill=_INK)
    for part in (0.0, 0.5, 1.0) if high > low else (0.5,):
        value = low * (high / low) ** part if logarithmic else low + (high - low) * part
        y = bottom - part * (bottom - top)
        draw.line([(left, y), (right, y)], fill=_GRID)
        draw.text((left - 6, y), f"{value:.3g}", fill=_INK, anchor="rm")
    draw.text((left, bottom + 5), f"step {first:.0f}", fill=_INK)
    draw.text((right, bottom + 5), f"{last:.0f}", fill=_INK, anchor="ra")
    places = [placed(step, value) for step, value in points]
    if len(places) > 1:
        draw.line(places, fill=_LINE, width=2)
    x, y = places[-1]
    draw.ellipse([x - 3, y - 3, x + 3, y + 3], fill=_LINE)
    return image
