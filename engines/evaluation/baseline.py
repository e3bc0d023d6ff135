"""Everything that is measured of a detector at once: figures, speed, scenarios, a hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.records import Records
from ..document import as_text
from .judge.judgement import Judgement, contract_figures, figures, judge
from .judge.pairs import MATCH
from .objects import PACKAGES, dataset_of, unmeasured
from .report import report
from .scenarios.setting import Finder
from .scenarios.suite import run_scenarios

if TYPE_CHECKING:
    from .adapters.network import NetworkAdapter

SINGLE = 64
"""Most images that are looked at one by one for the latency."""


def run_baseline(
    data: Records,
    finder: Finder,
    adapter: NetworkAdapter | None,
    *,
    threshold: float,
    scenarios: Mapping[str, Any] | None,
    whole: int,
    least: float = MATCH,
    about: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the report, and the predictions that it is about.

    adapter:   the network behind `finder`; None: the predictions were made before
    threshold: detections with at most this score are rejected
    scenarios: settings of `run_scenarios`; None: without them
    whole:     images of the split, if `data` is a part of it
    least:     IoU of a box with the truth that it is of; that of the scenarios stays 0.5
    about:     what else `meta` tells

    Raises `InputError` and `MediaError` as the finder does.
    """
    told = finder.find(data.images)
    assert not isinstance(told, str)  # pictures as they are can be looked at
    every, seconds = told
    entries = [_above(entry, threshold) for entry in finder.entries(data.images)]
    found = [some.at(some.scores > threshold) for some in every]
    judged = judge(found, data.images, data.kinds, least=least)
    results: dict[str, Any] = {
        "speed": _speed(data, seconds, adapter),
        "summary": _summary(judged, sum(map(len, every))),
        "metrics": figures(judged),
        "unmeasured": unmeasured(judged),
        "coco": contract_figures(judged)["coco"],
        "predictions": {"hash_sha256": digest_of(entries), "images": len(entries)},
    }
    if scenarios is not None:
        results["scenario_suite"] = run_scenarios(
            data, finder, threshold=threshold, whole=whole, looked=told, **scenarios
        )
    return (
        report(
            "baseline",
            1,
            results,
            about={
                "adapter": finder.name,
                "dataset": {
                    **dataset_of(data),
                    "of": whole,
                    "complete": len(data.images) == whole,
                },
                "settings": {"score_threshold": threshold, "iou_threshold": least},
                **(about or {}),
            },
            packages=PACKAGES,
        ),
        entries,
    )


def digest_of(entries: Sequence[Mapping[str, Any]]) -> str:
    """Return the SHA-256 of predictions: equal for equal values in the same order of images."""
    ordered = [_sorted(entry) for entry in entries]
    return hashlib.sha256(as_text(ordered).encode()).hexdigest()


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value


def _above(entry: Mapping[str, Any], threshold: float) -> dict[str, Any]:
    kept = [found for found in entry["detections"] if found["score"] > threshold]
    return {**entry, "detections": kept}


def _speed(data: Records, seconds: float | None, adapter: NetworkAdapter | None) -> dict[str, Any]:
    """Return images per second in batches, and milliseconds of images that come one by one."""
    if adapter is None or seconds is None:
        reason = "the predictions were made before"
        return {"images": len(data.images), "seconds": None, "fps": None, "reason": reason}
    from .adapters.pictures import Picture

    batch = adapter.batch
    pictures = [Picture.of(record) for record in data.images[:SINGLE]]
    adapter.batch = 1
    try:
        adapter.find(pictures[:1])
        adapter.seconds.clear()
        adapter.find(pictures)
    finally:
        adapter.batch = batch
    times = np.array(adapter.seconds) * 1000
    return {
        "images": len(data.images),
        "seconds": seconds,
        "fps": len(data.images) / seconds,
        "batch": batch,
        "one_by_one": len(pictures),
        "latency_ms": _percentiles(times[:, 0]),
        "network_ms": _percentiles(times[:, 1]),
        "backend": adapter.engine.backend,
        "precision": adapter.engine.precision,
        "device": adapter.engine.where,
    }


def _percentiles(values: Any) -> dict[str, float]:
    named = {f"p{part}": float(np.percentile(values, part)) for part in (50, 90, 95, 99)}
    return {"mean": float(values.mean()), **named, "max": float(values.max())}


def _summary(judged: Judgement, told: int) -> dict[str, Any]:
    matched = int((~judged.errors.missed).sum())
    objects, kept = len(judged.errors), sum(map(len, judged.found))
    return {
        "matched": matched,
        "total_gt": objects,
        "total_pred": kept,
        "precision": matched / kept if kept else None,
        "recall": matched / objects if objects else None,
        "map": judged.boxes["ap"],
        "rejection_rate": 1 - kept / told if told else None,
        "detections_per_image": kept / len(judged.truths),
    }
