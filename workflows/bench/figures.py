"""The figures of a benchmark that documents quote, each beside its baseline of the same run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Figure:
    """How long something took, and what it is compared with.

    name:        what was done
    ms:          milliseconds per frame, image, pair or call, as the name says
    baseline:    what was measured beside it, in the same run; "" if nothing was
    baseline_ms: the milliseconds of that; 0 if there is none
    """

    name: str
    ms: float
    baseline: str = ""
    baseline_ms: float = 0.0

    @property
    def ratio(self) -> float | None:
        """The time as a part of the baseline's; None without one."""
        return self.ms / self.baseline_ms if self.baseline_ms else None

    def as_json(self) -> dict[str, Any]:
        """Return the fields and the ratio."""
        return {**asdict(self), "ratio": self.ratio}


@dataclass(frozen=True)
class Table:
    """A table of docs/performance.md: the words that measure it, and the figures in their report.

    title:   what is measured
    words:   by kind of device, what follows `kinograph bench`; a device that is missing has no such
             table
    figures: report of these words -> figures
    quick:   words that override some of these, for a short run
    report:  the option that names the file of the report
    """

    title: str
    words: Mapping[str, str]
    figures: Callable[[Mapping[str, Any]], list[Figure]]
    quick: str = ""
    report: str = field(default="--json")

    @property
    def subject(self) -> str:
        """What is benchmarked: the word after `kinograph bench`."""
        return next(iter(self.words.values())).split()[0]

    def command(self, device: str, *, quick: bool) -> list[str]:
        """Return the words on a kind of device, `device` among them."""
        words = self.words[device].split()
        if quick:
            others = self.quick.split()
            words = [*_without(words, others), *others]
        return [*words, "--device", device]


def _without(words: list[str], others: list[str]) -> list[str]:
    """Return the words without the options, and their values, that are among the others."""
    kept: list[str] = []
    keep = True
    for word in words:
        keep = word not in others if word.startswith("--") else keep
        kept += [word] if keep else []
    return kept
