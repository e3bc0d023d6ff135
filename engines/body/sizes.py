"""The size of the body of each track: one for the track, not one for each frame."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..sequence import state_type
from ..tracking.columns import Columns

_LEARNED = 30  # frames that a size is learned from
_FORGOTTEN = 300  # frames after which a track that does not come back is forgotten


@state_type()
@dataclass(frozen=True)
class SizeState:
    """What is known of T tracks at the end of a chunk; opaque, to be handed to the next.

    ids [T] int64; sizes [T,30], NaN = not yet; gone [T] int64, frames since each was there
    """

    ids: Tensor
    sizes: Tensor
    gone: Tensor


def sizes_by_track(
    sizes: Tensor, present: Tensor, track_ids: Tensor, state: SizeState | None
) -> tuple[Tensor, SizeState]:
    """Return the size [F,P] of every body as it is known in each frame, and the state after them.

    It is the median of the sizes that were seen in the track's first 30 frames up to that one, so
    that it does not wander with the pose, and is fixed from then on. Without a track it is that of
    the frame.

    sizes:     [F,P] seen in single frames; NaN where none could be seen
    present:   [F,P] bool, which places hold a body
    track_ids: [F,P] int64, -1 = no track
    """
    device = sizes.device
    known = None if state is None else state.ids.to(device)
    now = track_ids[present & (track_ids >= 0)]
    ids = (now if known is None else torch.cat([now, known])).unique()
    columns = Columns.of(present, track_ids, ids, "bodies")
    learned = sizes.new_full((len(ids), _LEARNED), torch.nan)
    gone = torch.zeros(len(ids), dtype=torch.int64, device=device)
    if state is not None and known is not None:
        place = torch.searchsorted(ids, known)
        learned[place], gone[place] = state.sizes.to(sizes), state.gone.to(device)
    seen = columns.gather(sizes).where(columns.present, torch.nan)  # [F,T]
    usable = seen.isfinite()
    before = learned.isfinite().sum(1)
    number = before + usable.cumsum(0)  # [F,T] sizes seen up to each frame
    frame, column = (usable & (number <= _LEARNED)).nonzero(as_tuple=True)
    learned = learned.index_put((column, number[frame, column] - 1), seen[frame, column])
    medians = _medians(learned)
    of_track = medians.gather(1, (number.T.clamp(max=_LEARNED) - 1).clamp(min=0)).T  # [F,T]
    of_track = of_track.where(number > 0, 1.0)
    found = sizes.nan_to_num(1.0)
    tracked = present & (track_ids >= 0)
    at = tracked.nonzero(as_tuple=True)
    column = torch.searchsorted(ids, track_ids[at])
    found = found.index_put(at, of_track[at[0], column])
    last = torch.arange(1, len(sizes) + 1, device=device)[:, None] * columns.present
    gone = (
        torch.where(columns.present.any(0), len(sizes) - last.amax(0), gone + len(sizes))
        if len(sizes)
        else gone
    )
    kept = gone <= _FORGOTTEN
    return found, SizeState(ids[kept], learned[kept], gone[kept])


def _medians(values: Tensor) -> Tensor:
    """Return the median [T,N] of the first 1, 2, ... of values [T,N]; NaN counts as not there."""
    count = values.shape[1]
    if not len(values):
        return values
    first = torch.ones(count, count, dtype=torch.bool, device=values.device).tril()
    return values[:, None].expand(-1, count, -1).where(first, torch.nan).nanquantile(0.5, 2)
