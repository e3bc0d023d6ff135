"""Curves as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from ...datasets.records import Array

_WIDTH, _HEIGHT = 340, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 10, 12, 38
_COLOURS = 6  # that the page's style has; further series begin again
_STEPS = 4  # lines of the grid


@dataclass(frozen=True)
class Series:
    """A line through points x, y; y is 0..1. name: in the legend, "" for none."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def cumulative(name: str, errors: Array, largest: float) -> Series:
    """Return which part of all objects has an error of at most x, for x of 0 to `largest`."""
    known = np.sort(errors[~np.isnan(errors)])
    inside = known[known <= largest]
    part = np.arange(1, len(inside) + 1) / max(1, len(known))
    # Steps: nothing changes between two errors.
    x = np.repeat(np.concatenate([[0.0], inside, [largest]]), 2)[1:-1]
    y = np.repeat(np.concatenate([[0.0], part]), 2)
    return Series(name, x.tolist(), y.tolist())


def chart(title: str, across: str, upward: str, series: Sequence[Series], largest: float) -> str:
    """Return a chart as SVG. across, upward: what the axes say; largest: of x."""
    wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    parts = [
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">'
    ]
    for step in range(_STEPS + 1):
        x, y = _LEFT + wide * step / _STEPS, _TOP + high * (1 - step / _STEPS)
        parts.append(
            f'<path class="grid" d="M{x:.1f} {_TOP}v{high}M{_LEFT} {y:.1f}h{wide}"/>'
            f'<text class="tick" x="{x:.1f}" y="{_TOP + high + 14}" text-anchor="middle">'
            f"{largest * step / _STEPS:g}</text>"
            f'<text class="tick" x="{_LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">'
            f"{step / _STEPS:g}</text>"
        )
    parts.append(
        f'<text class="axis" x="{_LEFT + wide / 2}" y="{_HEIGHT - 6}" text-anchor="middle">'
        f"{escape(across)}</text>"
        f'<text class="axis" transform="translate(11 {_TOP + high / 2}) rotate(-90)" '
        f'text-anchor="middle">{escape(upward)}</text>'
    )
    for number, line in enumerate(series):
        points = " ".join(
            f"{_LEFT + wide * min(x / largest, 1):.1f},{_TOP + high * (1 - y):.1f}"
            for x, y in zip(line.x, line.y, strict=True)
        )
        parts.append(f'<polyline class="line c{number % _COLOURS}" points="{points}"/>')
    parts.append("</svg>")
    named = [(number, line.name) for number, line in enumerate(series) if line.name]
    if named:
        keys = "".join(
            f'<span><i class="c{number % _COLOURS}"></i>{escape(name)}</span>'
            for number, name in named
        )
        parts.append(f'<div class="legend">{keys}</div>')
    return "".join([*parts, "</figure>"])
