"""Poses that are kept while a body is not seen."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..sequence import state_type
from ..tracking.columns import Columns, tracks_in
from .bodies import Bodies

_LONGEST = 15  # frames that a pose is kept


@state_type()
@dataclass(frozen=True)
class HeldPoses:
    """The last pose that was seen of T tracks; opaque, to be handed to the next chunk.

    ids [T] int64; rotation [T,J,3,3]; translation [T,3] m; gone [T] int64, frames since
    """

    ids: Tensor
    rotation: Tensor
    translation: Tensor
    gone: Tensor


def hold(bodies: Bodies, seen: Tensor, state: HeldPoses | None) -> tuple[Bodies, HeldPoses]:
    """Return bodies of which those who are not seen have the pose of their track's last frame.

    seen: [F,P] bool

    Their confidence is 0. A pose is kept for 15 frames; without one before, and without a track, a
    body that is not seen is left out, as its points were not right.
    """
    device, frames = bodies.device, len(bodies)
    known = None if state is None else state.ids.to(device)
    tracked = bodies.present & (bodies.track_ids >= 0)
    ids = tracks_in(bodies.present, bodies.track_ids, known)
    columns = Columns.of(bodies.present, bodies.track_ids, ids, "bodies")
    # Frame 0 is what the state holds; those of the chunk follow.
    right = torch.cat([seen.new_zeros(1, len(ids)), columns.gather(seen)])
    rotation, translation = (
        torch.cat([values.new_zeros(1, *values.shape[1:]), values])
        for values in (columns.gather(bodies.rotation), columns.gather(bodies.translation))
    )
    frame = torch.arange(frames + 1, device=device)[:, None]
    when = torch.where(right, frame, -_LONGEST * 2)
    if state is not None and known is not None:
        place = torch.searchsorted(ids, known)
        rotation[0, place], translation[0, place] = (
            state.rotation.to(device),
            state.translation.to(device),
        )
        when[0, place] = -state.gone.to(device)
    last = when.cummax(0).values  # [1+F,T]
    track = torch.arange(len(ids), device=device)[None]
    source = last.clamp(min=0)
    at = tracked.nonzero(as_tuple=True)
    column = torch.searchsorted(ids, bodies.track_ids[at])
    lost = ~seen[at] & (at[0] + 1 - last[at[0] + 1, column] <= _LONGEST)
    at, column = (at[0][lost], at[1][lost]), column[lost]
    from_frame = source[at[0] + 1, column]
    gone = frames - last[-1]
    kept = gone <= _LONGEST
    final = source[-1]
    held = HeldPoses(
        ids[kept], rotation[final, track[0]][kept], translation[final, track[0]][kept], gone[kept]
    )
    posed = seen.index_put(at, torch.ones_like(at[0], dtype=torch.bool))
    changed = replace(
        bodies,
        rotation=bodies.rotation.index_put(at, rotation[from_frame, column]),
        translation=bodies.translation.index_put(at, translation[from_frame, column]),
        confidence=bodies.confidence * seen[..., None],
    )
    return changed.kept(posed), held
