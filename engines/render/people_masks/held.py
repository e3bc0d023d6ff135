"""Masks that stay for a few frames where a person is not found."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...sequence import state_type

_LONG_AGO = -(2**31)


@state_type()
@dataclass(frozen=True)
class Held:
    """What was last seen of T tracks that may stay.

    tracks: [T] int64
    age:    [T] int64, how many frames ago each was seen; 1: in the last one
    masks:  [T,H,W] bool
    """

    tracks: Tensor
    age: Tensor
    masks: Tensor


@dataclass(frozen=True)
class Sightings:
    """T tracks in F frames.

    tracks: [T] int64, ascending
    seen:   [F,T] bool
    last:   [F,T] int64, the frame in which each was last seen, up to this one; negative: before
            these frames, -1 in the last one
    lost:   [F,T] bool, who is not seen but stays
    stays:  [T] bool, who may stay after these frames
    """

    tracks: Tensor
    seen: Tensor
    last: Tensor
    lost: Tensor
    stays: Tensor

    @classmethod
    def of(
        cls,
        frame: Tensor,
        track: Tensor,
        frames: int,
        held: Held | None,
        hold: int,
        new_shot: Tensor | None,
    ) -> "Sightings":
        """Find who was seen when.

        frame, track: [N] int64 of everybody who is seen
        held:         after the frames before
        hold:         frames for which masks stay
        new_shot:     [F] bool, frames that show another scene, in which nobody stays from before
        """
        device = frame.device
        before = track.new_zeros(0) if held is None else held.tracks
        tracks = torch.cat([track, before]).unique()
        seen = torch.zeros(frames, len(tracks), dtype=torch.bool, device=device)
        seen[frame, torch.searchsorted(tracks, track)] = True
        start = torch.full((len(tracks),), _LONG_AGO, dtype=torch.int64, device=device)
        if held is not None:
            start[torch.searchsorted(tracks, before)] = -held.age
        number = torch.arange(frames, device=device)[:, None]
        last = torch.where(seen, number, start).cummax(0).values
        shot = torch.full_like(number, _LONG_AGO)
        if new_shot is not None:
            shot = torch.where(new_shot.to(device)[:, None], number, _LONG_AGO).cummax(0).values
        may = (last >= shot) & (last > _LONG_AGO)
        lost = ~seen & may & (number - last <= hold)
        stays = may[-1] & (frames - last[-1] <= hold)
        return cls(tracks, seen, last, lost, stays)

    def put(self, painted: Tensor, codes: Tensor, held: Held | None) -> None:
        """Paint what stays behind everybody who is seen, in place.

        painted: [F,H,W] uint8, who is seen; 0: nobody
        codes:   [F,T] int64 of all who are seen or stay
        """
        frames, places = self.lost.any(1).nonzero()[:, 0], self.lost.sum(1)
        if not len(frames):
            return
        # The tracks that stay first, in as many places as the fullest frame has.
        most = int(places.max())
        columns = self.lost[frames].to(torch.uint8).argsort(dim=1, descending=True, stable=True)
        columns = columns[:, :most]
        here = self.lost[frames].gather(1, columns)
        masks = self._masks(painted, codes, held, self.last[frames].gather(1, columns), columns)
        code = torch.where(here, codes[frames].gather(1, columns), 0).to(torch.uint8)
        behind = (masks * code[..., None, None]).amax(1)
        now = painted[frames]
        painted[frames] = torch.where(now > 0, now, behind)

    def after(self, painted: Tensor, codes: Tensor, held: Held | None) -> Held:
        """Return what may stay in the frames after these; see `put`."""
        columns = self.stays.nonzero()[:, 0]
        last = self.last[-1, columns]
        masks = self._masks(painted, codes, held, last[None], columns[None])[0]
        return Held(self.tracks[columns], len(painted) - last, masks)

    def _masks(
        self, painted: Tensor, codes: Tensor, held: Held | None, last: Tensor, columns: Tensor
    ) -> Tensor:
        """Return the masks [A,B,H,W] bool of tracks `columns` [A,B] in the frames `last` [A,B]."""
        masks = painted.new_zeros(*last.shape, *painted.shape[1:], dtype=torch.bool)
        now = last >= 0
        frame, column = last[now], columns[now]
        masks[now] = painted[frame] == codes[frame, column][:, None, None]
        then = (last < 0) & (last > _LONG_AGO)
        if held is not None and bool(then.any()):
            place = torch.searchsorted(held.tracks, self.tracks[columns[then]])
            masks[then] = held.masks[place.clamp(max=len(held.tracks) - 1)]
        return masks
