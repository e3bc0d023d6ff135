"""The best validation so far, and how long ago it was."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from ..errors import ModelError
from .settings import Settings


@dataclass(frozen=True)
class Validation:
    """How a network is judged between two steps.

    judge:  returns figures of a network, None where there is nothing to measure
    figure: the one that decides
    smaller: whether it is to be small, not large
    """

    judge: Callable[[nn.Module], Mapping[str, float | None]]
    figure: str
    smaller: bool = False


@dataclass(frozen=True)
class Standing:
    """best: the best figure, None before the first; step: after which it was; since: validations
    without a better one."""

    best: float | None = None
    step: int = 0
    since: int = 0

    def after(
        self, figure: float | None, step: int, settings: Settings, *, smaller: bool = False
    ) -> "Standing":
        """Return the standing after a validation; None is never better.

        smaller: whether the figure is to be small, not large
        """
        sign = -1 if smaller else 1
        better = figure is not None and (
            self.best is None or sign * (figure - self.best) > settings.least_gain
        )
        return Standing(figure, step) if better else Standing(self.best, self.step, self.since + 1)

    def is_over(self, settings: Settings) -> bool:
        """Return whether the training has waited long enough."""
        return 0 < settings.patience <= self.since

    def to_json(self) -> dict[str, Any]:
        """Return it as a checkpoint holds it."""
        return {"best": self.best, "step": self.step, "since": self.since}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any], source: str) -> "Standing":
        """Return what `to_json` gave. Raises `ModelError` for anything else."""
        best, step, since = (raw.get(name) for name in ("best", "step", "since"))
        if isinstance(best, float | None) and isinstance(step, int) and isinstance(since, int):
            return cls(best, step, since)
        raise ModelError(f"{source}: standing: expected best, step and since, found {raw}")
