"""How steadily heads move, and how far smoothed ones lag behind."""

from torch import Tensor

from ..geometry import rotations
from ..tracking.columns import Columns
from ..tracking.lag import lag_of_turns
from .heads import Heads
from .statistics import head_statistics


def steadiness(heads: Heads) -> tuple[float, float]:
    """Return by how many degrees heads turn per frame, and their jitter in degrees, on average over
    all tracks; see `HeadStatistics`. 0 where there is nothing to measure."""
    found = head_statistics(heads)
    weights = found.seen.double()

    def mean(values: Tensor) -> float:
        there = ~values.isnan()
        total = (values * weights)[there].sum() / weights[there].sum().clamp(min=1)
        return float(total)

    return mean(found.speed), mean(found.jitter)


def lag(before: Heads, after: Heads) -> float | None:
    """Return by how many frames heads lag behind the same heads before they were smoothed.

    None if they hardly turn; see `lag_of_turns`.
    """
    seen, turned = _by_track(after)
    _, right = _by_track(before)
    return lag_of_turns(right, turned, seen)


def _by_track(heads: Heads) -> tuple[Tensor, Tensor]:
    """Return which tracks are seen [F,T] and their rotations [F,T,4], on the CPU."""
    here = heads.to("cpu")
    columns = Columns.of(here.present, here.track_ids, None, "heads")
    turned = columns.gather(rotations.to_quaternions(here.rotation.double()))
    return columns.present, turned
