"""How steadily heads move, and how far smoothed ones lag behind."""

from torch import Tensor

from ..geometry import rotations
from ..tracking.columns import Columns
from .heads import Heads
from .statistics import head_statistics

_TURNS = 1.0  # degrees per frame; slower turns say nothing about a lag
_LEAST = 5  # frames of them, at least


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

    By least squares: what separates them, as a multiple of the way that a head turns per frame.
    Only where heads turn by at least 1 degree per frame; None if they do so in fewer than 5 frames.
    """
    seen, turned = _by_track(after)
    _, right = _by_track(before)
    if len(seen) < 3:
        return None
    way = rotations.between(turned[:-2], turned[2:]) / 2  # per frame
    behind = rotations.between(turned[1:-1], right[1:-1])
    counted = seen[:-2] & seen[1:-1] & seen[2:] & (way.norm(dim=-1).rad2deg() > _TURNS)
    if int(counted.sum()) < _LEAST:
        return None
    way, behind = way[counted], behind[counted]
    return float((way * behind).sum() / way.square().sum())


def _by_track(heads: Heads) -> tuple[Tensor, Tensor]:
    """Return which tracks are seen [F,T] and their rotations [F,T,4], on the CPU."""
    here = heads.to("cpu")
    columns = Columns.of(here.present, here.track_ids, None, "heads")
    turned = columns.gather(rotations.to_quaternions(here.rotation.double()))
    return columns.present, turned
