"""The page itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from ..judge.judgement import Judgement
from ..judge.table import image_rows, worst_first
from .curves import Series, chart, cumulative
from .pictures import drawn
from .style import STYLE

WORST = 12
"""Images that are drawn, unless the caller says otherwise."""

_ROWS = 500  # images that the table lists
_DEGREES, _PART = 90.0, 0.5  # ends of the curves
_TOLD = {
    "box_ap": ("Box AP", "COCO's, IoU 0.5 to 0.95"),
    "keypoint_ap": ("Keypoint AP", "by OKS"),
    "rotation_median_deg": ("Rotation", "median, degrees"),
    "translation_median_m": ("Translation", "median, m"),
    "add_10": ("ADD", "within a tenth of the diameter"),
    "matched": ("Found", "of all objects"),
}


def page_of(judged: Judgement, report: Mapping[str, Any], *, worst: int = WORST) -> str:
    """Return a judgement and its report as HTML, with so many of the worst images drawn.

    Raises `MediaError` for a damaged image.
    """
    meta = report["meta"]
    about = (
        f"{meta['predictions']['file']} on {meta['dataset']['root']}, {meta['dataset']['split']}: "
        f"{meta['dataset']['images']} images, {report['timestamp_utc']}"
    )
    rows = image_rows(judged)
    order = worst_first(rows)
    shots = [drawn(judged, n, _caption(rows[n])) for n in order[:worst]]
    parts = [
        "<!doctype html><html lang=en><head><meta charset=utf-8>",
        '<meta name=viewport content="width=device-width,initial-scale=1">',
        f"<title>Objects: {escape(meta['dataset']['split'])}</title><style>{STYLE}</style></head>",
        f"<body><h1>Objects found</h1><p class=about>{escape(about)}</p>",
        _cards(report["metrics"]),
        f"<h2>Curves</h2><div class=charts>{''.join(_charts(judged))}</div>",
        f"<h2>The worst {len(shots)} images</h2>{_LEGEND}<div class=shots>{''.join(shots)}</div>",
        "<h2>Figures</h2><div class=tables>",
        _figures(report["metrics"], report["unmeasured"]),
        _classes(report),
        _confusion(report["confusion"]),
        "</div><h2>Images</h2>",
        _images([rows[number] for number in order]),
        "</body></html>",
    ]
    return "".join(parts) + "\n"


_LEGEND = (
    '<p class="legend"><span><i class="truth"></i>truth</span>'
    '<span><i class="missed"></i>truth that was missed</span>'
    '<span><i class="found"></i>found</span><span><i class="alarm"></i>false alarm</span>'
    "<span>axes: x red, y green, z blue; those of the truth are dashed</span></p>"
)


def _cards(metrics: Mapping[str, Any]) -> str:
    cards = []
    for name, (title, what) in _TOLD.items():
        value = metrics[name]
        shown = f"{value}/{metrics['objects']}" if name == "matched" else _number(value)
        cards.append(
            f"<div class=card><b>{escape(title)}</b><strong>{escape(shown)}</strong>"
            f"<span>{escape(what)}</span></div>"
        )
    return f"<div class=cards>{''.join(cards)}</div>"


def _charts(judged: Judgement) -> list[str]:
    charts = []
    for title, told in (
        ("Boxes at IoU 0.5", judged.boxes),
        ("Keypoints at OKS 0.5", judged.keypoints),
    ):
        if told and told["curves"]:
            recall = np.linspace(0, 1, 101).tolist()
            lines = [Series(name, recall, line) for name, line in told["curves"].items()]
            charts.append(chart(title, "recall", "precision", lines, 1.0))
    errors, part = judged.errors, "part of all objects"
    if not np.isnan(errors.rotation).all():
        lines = [cumulative("", errors.rotation, _DEGREES)]
        charts.append(chart("Rotation", "error of at most, degrees", part, lines, _DEGREES))
    known = errors.distance[np.isfinite(errors.distance)]
    if known.size:
        largest = _rounded(float(np.percentile(known, 95)) * 1.2)
        lines = [cumulative("", errors.distance, largest)]
        charts.append(chart("Translation", "error of at most, m", part, lines, largest))
    if not np.isnan(errors.add).all():
        lines = [
            cumulative("ADD", errors.add / errors.diameter, _PART),
            cumulative("ADD-S", errors.adds / errors.diameter, _PART),
        ]
        label = "error of at most, part of the diameter"
        charts.append(chart("Points of the shape", label, part, lines, _PART))
    return charts


def _rounded(value: float) -> float:
    """Return a number of one digit that is at least as large."""
    if value <= 0:
        return 1e-3
    power = 10.0 ** np.floor(np.log10(value))
    return float(np.ceil(value / power) * power)


def _figures(metrics: Mapping[str, Any], reasons: Mapping[str, str]) -> str:
    rows = [
        [name.replace("_", " "), _number(value), reasons.get(name, "")]
        for name, value in metrics.items()
    ]
    return _table(["figure", "value", ""], rows, numbers={1})


def _classes(report: Mapping[str, Any]) -> str:
    keypoints = (report["keypoints"] or {}).get("by_class", {})
    rows = [
        [name, _number(value), *([_number(keypoints[name])] if keypoints else [])]
        for name, value in report["boxes"]["by_class"].items()
    ]
    header = ["class", "box AP", *(["keypoint AP"] if keypoints else [])]
    table = _table(header, rows, numbers={1, 2})
    if not report["joints"]:
        return table
    joints = report["joints"]["by_keypoint"]
    listed = [[name, _number(value)] for name, value in joints.items()]
    return table + _table(["keypoint", "PCK"], listed, numbers={1})


def _confusion(told: Mapping[str, Any]) -> str:
    names, counts = told["classes"], told["counts"]
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = []
    for name, row in zip(names, counts, strict=True):
        total = max(1, sum(row))
        cells = "".join(
            f'<td class=n style="--part:{count / total:.3f}">{count}</td>' for count in row
        )
        rows.append(f"<tr><th>{escape(name)}</th>{cells}</tr>")
    return (
        "<table class=confusion><caption>What objects (rows) were taken for (columns)</caption>"
        f"<tr><th></th>{head}</tr>{''.join(rows)}</table>"
    )


def _images(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    header = list(rows[0])
    listed = [
        [row[name] if name == "image" else _number(row[name]) for name in header]
        for row in rows[:_ROWS]
    ]
    table = _table(
        [name.replace("_", " ") for name in header], listed, numbers=set(range(1, len(header)))
    )
    more = len(rows) - _ROWS
    note = f"<p class=about>{more} more images are in the report as JSON.</p>" if more > 0 else ""
    return f"<div class=wide>{table}</div>{note}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: set[int]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=n' if n in numbers else ''}>{escape(str(cell))}</{tag}>"
            for n, cell in enumerate(cells)
        )

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    return f"<table><tr>{line(header, 'th')}</tr>{body}</table>"


def _caption(row: Mapping[str, Any]) -> str:
    told = [f"{row['matched']} of {row['objects']} found"]
    if row["false_alarms"]:
        told.append(f"{row['false_alarms']} false")
    if row["rotation_deg"] is not None:
        told.append(f"{row['rotation_deg']:.0f}\N{DEGREE SIGN}")
    if row["add_diameter"] is not None:
        told.append(f"ADD {row['add_diameter']:.2f} d")
    return f"{row['image'].rpartition('/')[2]}: {', '.join(told)}"


def _number(value: float | int | None) -> str:
    return "\N{EN DASH}" if value is None else f"{value:.4g}"
