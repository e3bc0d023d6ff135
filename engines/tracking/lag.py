"""How far smoothed rotations lag behind."""

from torch import Tensor

from ..geometry import rotations

_TURNS = 1.0  # degrees per frame; slower turns say nothing about a lag
_LEAST = 5  # of them, at least


def lag_of_turns(right: Tensor, smooth: Tensor, seen: Tensor) -> float | None:
    """Return by how many frames rotations lag behind what they were before they were smoothed.

    right, smooth: [F,...,4] unit quaternions of successive frames
    seen:          [F,...] bool

    By least squares: what separates them, as a multiple of the way that each turns per frame. Only
    where they turn by at least 1 degree per frame; None if fewer than 5 do.
    """
    if len(seen) < 3:
        return None
    way = rotations.between(smooth[:-2], smooth[2:]) / 2  # per frame
    behind = rotations.between(smooth[1:-1], right[1:-1])
    counted = seen[:-2] & seen[1:-1] & seen[2:] & (way.norm(dim=-1).rad2deg() > _TURNS)
    if int(counted.sum()) < _LEAST:
        return None
    way, behind = way[counted], behind[counted]
    return float((way * behind).sum() / way.square().sum())
