"""What all scenarios start from, and what each gives."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...datasets.records import Array, Record, Records
from ..judge.errors import errors_of
from ..judge.found import Found
from ..judge.judgement import median
from ..judge.pairs import matched
from ..judge.precision import average_precision

METRICS = ("fps", "map", "recall", "depth_error", "pose_error", "rejection_rate")
Masks = Sequence[NDArray[np.bool_]]


class Finder(Protocol):
    """Finds objects in the images of a data set.

    name: of the adapter
    """

    @property
    def name(self) -> str: ...

    def find(
        self, records: Sequence[Record], warps: Sequence[Array] | None = None
    ) -> tuple[list[Found], float | None] | str:
        """Return all detections of each image, and the seconds that it took, None if none did.

        warps: homographies [3,3] that move the pixels of each image first

        What cannot be done is returned as the reason why.
        """

    def entries(self, records: Sequence[Record]) -> list[dict[str, Any]]:
        """Return what a file of predictions holds of images in which `find` has found objects."""


@dataclass(frozen=True)
class Setting:
    """What all scenarios start from.

    found:     all detections in the images as they are, of any score
    seconds:   that it took; None: they were there
    threshold: detections with at most this score are rejected
    plane:     [4] nx, ny, nz, d of a table in the axes of the camera, n being a unit vector; None:
               not told
    tau:       least IoU of a detection's box with the outline of its shape
    seed:      of everything random
    """

    data: Records
    finder: Finder
    found: Sequence[Found]
    seconds: float | None
    threshold: float
    plane: Array | None = None
    tau: float = 0.5
    seed: int = 0

    @cached_property
    def plain(self) -> Row:
        """The figures of what was found as it is, in a row without a name."""
        return row(self, "", "")


@dataclass(frozen=True)
class Row:
    """The figures of a scenario.

    about:   what was done
    metrics: by the names of `METRICS`; None: not measured
    reasons: why not, by name
    images, objects: how many it looked at
    """

    name: str
    about: str
    metrics: dict[str, float | None]
    reasons: dict[str, str] = field(default_factory=dict)
    images: int = 0
    objects: int = 0

    @classmethod
    def unmeasured(cls, name: str, about: str, reason: str) -> Row:
        """Return the row of a scenario that cannot be run."""
        return cls(name, about, dict.fromkeys(METRICS), dict.fromkeys(METRICS, reason))

    def to_json(self) -> dict[str, Any]:
        """Return the row as a report holds it."""
        return {
            "name": self.name,
            "metrics": self.metrics,
            "reasons": self.reasons,
            "about": self.about,
            "images": self.images,
            "objects": self.objects,
        }


@dataclass(frozen=True)
class Scenario:
    """One of the nine. run: a setting -> its row."""

    name: str
    run: Callable[[Setting], Row]


def plain(name: str, about: str) -> Scenario:
    """Return the scenario in which nothing is changed."""
    return Scenario(name, lambda setting: replace(setting.plain, name=name, about=about))


def row(
    setting: Setting,
    name: str,
    about: str,
    *,
    found: Sequence[Found] | None = None,
    truths: Sequence[Record] | None = None,
    gates: Masks | None = None,
    seconds: float | None = None,
    as_they_look: bool = True,
) -> Row:
    """Return the figures of what was found.

    found, truths: instead of the setting's
    gates:         [P] of each image, which detections pass beside the threshold of scores
    seconds:       that it took beside, or instead of the setting's with other `found`
    as_they_look:  rotations that look alike are equal

    `map` is COCO's box AP; `recall` the part of the objects that have a box; `depth_error` m and
    `pose_error` degrees are medians over all objects, one that was missed being infinitely far away
    and turned by 180 degrees; `rejection_rate` is the part of all detections that the threshold or
    a gate rejects; `fps` counts images.
    """
    data = setting.data
    truths = data.images if truths is None else truths
    spent = seconds
    if found is None:
        found = setting.found
        spent = None if setting.seconds is None else setting.seconds + (seconds or 0)
    passed = [some.scores > setting.threshold for some in found]
    if gates is not None:
        passed = [ok & gate for ok, gate in zip(passed, gates, strict=True)]
    kept = [some.at(ok) for some, ok in zip(found, passed, strict=True)]
    pairs = [matched(some, truth) for some, truth in zip(kept, truths, strict=True)]
    errors = errors_of(kept, truths, pairs, data.kinds)
    told = sum(map(len, found))
    reasons: dict[str, str] = {}

    def measured(metric: str, value: float | None, reason: str) -> float | None:
        if value is None:
            reasons[metric] = reason
        return value

    turned = errors.rotation if as_they_look else errors.turned
    missing = "half of the objects or more were missed, or found without a place in space"
    deep = ~np.isnan(errors.depth)
    metrics = {
        "fps": measured(
            "fps",
            len(truths) / spent if spent else None,
            "the predictions were made before; how fast is not known",
        ),
        "map": measured("map", average_precision(kept, truths, data.kinds)["ap"], "no objects"),
        "recall": measured(
            "recall", float((~errors.missed).mean()) if len(errors) else None, "no objects"
        ),
        "depth_error": measured(
            "depth_error",
            median(errors.depth),
            missing if deep.any() else "the labels tell no depths",
        ),
        "pose_error": measured("pose_error", median(turned), "the labels tell no rotations"),
        "rejection_rate": measured(
            "rejection_rate",
            1 - sum(map(len, kept)) / told if told else None,
            "nothing was found that could be rejected",
        ),
    }
    return Row(name, about, metrics, reasons, len(truths), len(errors))


def only(
    found: Sequence[Found], truths: Sequence[Record], keep: Masks
) -> tuple[list[Found], list[Record]]:
    """Return some of the objects, and what was found without the boxes of the others.

    keep: [N] of each image
    """
    kept, some = [], []
    for detections, truth, mask in zip(found, truths, keep, strict=True):
        place = matched(detections, truth).place[~mask]
        others = np.ones(len(detections), bool)
        others[place[place >= 0]] = False
        kept.append(detections.at(others))
        some.append(part(truth, mask))
    return kept, some


def part(truth: Record, mask: NDArray[np.bool_]) -> Record:
    """Return some of the objects [N] of an image."""
    known = ("classes", "boxes", "keypoints", "rotation", "translation", "depth", "offsets")
    values = {name: getattr(truth, name) for name in known}
    points = truth.cad_points and tuple(
        p for p, chosen in zip(truth.cad_points, mask, strict=True) if chosen
    )
    return replace(
        truth,
        cad_points=points,
        **{name: value[mask] for name, value in values.items() if value is not None},
    )


class Watch:
    """Measures the seconds between two moments."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Since it was made."""
        return time.perf_counter() - self._started
