"""All nine scenarios over a data set, in the order of the contract."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ...datasets.records import Array, Records
from ...errors import InputError
from ..judge.found import Found
from ..objects import PACKAGES, dataset_of
from ..report import report
from . import extreme_depth, jitter, symmetric, tabletop, template_gate
from .setting import METRICS, Finder, Row, Setting

SCENARIOS = (
    *symmetric.SCENARIOS,
    *tabletop.SCENARIOS,
    *extreme_depth.SCENARIOS,
    *jitter.SCENARIOS,
    *template_gate.SCENARIOS,
)


def run_scenarios(
    data: Records,
    finder: Finder,
    *,
    threshold: float,
    plane: Array | None = None,
    tau: float = 0.5,
    seed: int = 0,
    whole: int | None = None,
    looked: tuple[list[Found], float | None] | None = None,
    about: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the report of the nine scenarios.

    threshold, plane, tau, seed: see `Setting`
    whole: images of the split, if `data` is a part of it
    looked: what `finder` found in the images as they are, if it has looked already
    about: what else `meta` tells

    Raises `InputError` for a threshold or a tau out of 0..1, and as the finder does.
    """
    for name, value in (("score threshold", threshold), ("template tau", tau)):
        if not 0 <= value < 1:
            raise InputError(f"{name}: expected 0 to below 1, found {value}")
    told = looked or finder.find(data.images)
    assert not isinstance(told, str)  # pictures as they are can be looked at
    found, seconds = told
    setting = Setting(data, finder, found, seconds, threshold, plane, tau, seed)
    rows = [scenario.run(setting) for scenario in SCENARIOS]
    total = len(data.images) if whole is None else whole
    return report(
        "scenarios",
        1,
        {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "summary": summary(rows),
            "measured": {
                name: sum(row.metrics[name] is not None for row in rows) for name in METRICS
            },
            "scenarios": [row.to_json() for row in rows],
        },
        about={
            "adapter": finder.name,
            "dataset": {**dataset_of(data), "of": total, "complete": len(data.images) == total},
            "settings": {
                "score_threshold": threshold,
                "template_tau": tau,
                "table_plane": None if plane is None else plane.tolist(),
                "seed": seed,
            },
            **(about or {}),
        },
        packages=PACKAGES,
    )


def summary(rows: list[Row]) -> dict[str, float | None]:
    """Return the mean of every figure over the scenarios in which it was measured."""
    found: dict[str, float | None] = {}
    for name in METRICS:
        values = [value for row in rows if (value := row.metrics[name]) is not None]
        found[name] = sum(values) / len(values) if values else None
    return found
