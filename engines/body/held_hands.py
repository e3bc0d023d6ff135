"""Hands that are kept while they are not seen, and then go back to rest."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..geometry import rotations
from ..sequence import state_type
from ..tracking.columns import Columns, tracks_in
from .bodies import Bodies
from .ik.chain import SIDES
from .ik.hand import hand_chain

HELD = 6
"""For how many frames a hand that is not seen keeps its pose."""
EASED = 6
"""In how many frames it then goes back to rest."""


@state_type()
@dataclass(frozen=True)
class HeldHands:
    """The last hands that were seen of T tracks; opaque, to be handed to the next chunk.

    ids [T] int64; rotation [T,2,16,3,3] of the joints of both hands; gone [T,2] int64, frames since
    """

    ids: Tensor
    rotation: Tensor
    gone: Tensor


def hold_hands(
    bodies: Bodies, posed: Tensor, state: HeldHands | None
) -> tuple[Bodies, HeldHands | None]:
    """Return bodies of which the hands that are not posed are as their track's last ones.

    posed: [F,P,2] bool, the left and the right hands that are posed as they were seen

    For `HELD` frames they stay as they were, relative to the forearm; in the `EASED` frames after
    that they turn back to what they are in `bodies`, the short way, slowly at both ends. Hands of
    bodies without a track, and those that were never posed, are unchanged, and so is what is known
    of how sure joints are.
    """
    if state is None and not bool(posed.any()):
        return bodies, None
    device, frames = bodies.device, len(bodies)
    joints = torch.stack([hand_chain(side).joints for side, _ in SIDES]).to(device)  # [2,16]
    known = None if state is None else state.ids.to(device)
    ids = tracks_in(bodies.present, bodies.track_ids, known)
    columns = Columns.of(bodies.present, bodies.track_ids, ids, "bodies")
    now = columns.gather(bodies.rotation[:, :, joints], torch.eye(3, device=device))
    # Frame 0 is what the state holds; those of the chunk follow.
    turns = torch.cat([now.new_zeros(1, *now.shape[1:]), now])
    right = columns.gather(posed)
    frame = torch.arange(frames + 1, device=device)[:, None, None]
    long_ago = -(HELD + EASED + 1)
    when = torch.cat([right.new_zeros(1, *right.shape[1:]), right])
    when = torch.where(when, frame, long_ago)
    if state is not None and known is not None:
        place = torch.searchsorted(ids, known)
        turns[0, place], when[0, place] = state.rotation.to(device), -state.gone.to(device)
    last = when.cummax(0).values  # [1+F,T,2]
    track = torch.arange(len(ids), device=device)[:, None]
    side = torch.arange(len(SIDES), device=device)
    before = turns[last.clamp(min=0), track, side]  # [1+F,T,2,16,3,3]
    gone = frame - last
    part = ((gone[1:] - HELD) / (EASED + 1)).clamp(0, 1)
    part = part * part * (3 - 2 * part)
    kept = (gone[1:] > 0) & (part < 1)
    way = part[..., None, None]
    eased = rotations.slerp(
        rotations.to_quaternions(before[1:]), rotations.to_quaternions(now), way
    )
    held = torch.where((way == 0)[..., None], before[1:], rotations.to_matrices(eased))
    hands = torch.where(kept[..., None, None, None], held, now)
    rotation = bodies.rotation.clone()
    rotation[:, :, joints] = columns.put(rotation[:, :, joints], hands)
    alive = (gone[-1] <= HELD + EASED).any(-1)
    remembered = HeldHands(ids[alive], before[-1][alive], gone[-1][alive])
    return replace(bodies, rotation=rotation), remembered
