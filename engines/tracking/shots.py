"""Clips shot by shot, for what must not look across a cut."""

import itertools
from collections.abc import Callable
from typing import TypeVar

from torch import Tensor

from ..sequence import FrameSequence, cat
from ..video.cuts import check_cuts

Some = TypeVar("Some", bound=FrameSequence)


def by_shot(
    clip: Some, cuts: Tensor | None, change: Callable[[Some], Some], reset: Callable[[], None]
) -> Some:
    """Return the next frames of a clip, changed shot by shot.

    cuts:   [F] bool, frames that begin a new shot; None: none does
    change: called with the frames of every shot, or what there is of it so far
    reset:  called before each new shot

    Raises `InputError` if the number of cuts is not that of the frames.
    """
    count = clip.frame_count
    check_cuts(cuts, count)
    starts = [] if cuts is None else cuts.nonzero().flatten().tolist()
    if not starts:
        return change(clip)
    shots = []
    for start, stop in itertools.pairwise(sorted({0, *starts, count})):
        if start in starts:
            reset()
        shots.append(change(clip.slice(start, stop)))
    joined: Some = cat(shots)
    return joined
