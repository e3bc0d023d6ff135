"""Values by track instead of by place, and back: for all values of P places per frame."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError


def tracks_in(present: Tensor, track_ids: Tensor, known: Tensor | None = None) -> Tensor:
    """Return the tracks that occur, and those that are `known` [T], as ascending ids.

    present:   [F,P] bool: which places hold a person
    track_ids: [F,P] int64, -1 = no track
    """
    now = track_ids[present & (track_ids >= 0)]
    ids: Tensor = (now if known is None else torch.cat([now, known.to(now.device)])).unique()
    return ids


@dataclass(frozen=True)
class Columns:
    """T tracks, one per column.

    ids:     [T] int64
    present: [F,T] bool
    """

    ids: Tensor
    present: Tensor
    _frame: Tensor  # [N] of every tracked person, with place and column
    _place: Tensor
    _column: Tensor

    @classmethod
    def of(cls, present: Tensor, track_ids: Tensor, ids: Tensor | None, name: str) -> "Columns":
        """Find the column of every person with a track.

        present:   [F,P] bool: which places hold a person
        track_ids: [F,P] int64, -1 = no track
        ids:       [T] tracks that get a column whether they occur or not; None: those that occur
        name:      what the values are called in messages

        Raises `InputError` where a track occurs twice in a frame.
        """
        tracked = present & (track_ids >= 0)
        frame, place = tracked.nonzero(as_tuple=True)
        number = track_ids[frame, place]
        known = number.unique() if ids is None else ids
        column = torch.searchsorted(known, number)
        count = torch.zeros(len(present), len(known), dtype=torch.int64, device=present.device)
        count.index_put_((frame, column), torch.ones_like(column), accumulate=True)
        if bool((count > 1).any()):
            where, which = (count > 1).nonzero()[0].tolist()
            raise InputError(f"{name}: frame {where} has track {int(known[which])} twice")
        return cls(known, count > 0, frame, place, column)

    def gather(self, values: Tensor, empty: Tensor | None = None) -> Tensor:
        """Return values by place [F,P,...] by track [F,T,...].

        empty: [...] what stands where nobody is present; None: 0
        """
        placed = values.new_zeros(*self.present.shape, *values.shape[2:])
        if empty is not None:
            placed[:] = empty
        placed[self._frame, self._column] = values[self._frame, self._place]
        return placed

    def put(self, into: Tensor, values: Tensor) -> Tensor:
        """Return `into` [F,P,...] with the values by track [F,T,...] of those who have one."""
        changed = into.clone()
        changed[self._frame, self._place] = values[self._frame, self._column].to(into.dtype)
        return changed


@dataclass(frozen=True)
class Places:
    """Which of N people per frame stand in the P places, in which order.

    count: [F] int64, how many people are in each frame
    """

    count: Tensor
    _order: Tensor  # [F,P] indices of people
    _here: Tensor  # [F,P] bool

    @classmethod
    def ranked(cls, present: Tensor, scores: Tensor) -> "Places":
        """Order those who are present [F,N] bool by their scores [F,N], highest first.

        There are as many places as there are people in the fullest frame, and at least one.
        """
        order = torch.where(present, scores, -1.0).argsort(dim=1, descending=True, stable=True)
        count = present.sum(1)
        most = max(1, int(count.max())) if len(count) else 1
        return cls._of(count, order[:, :most])

    @classmethod
    def kept(cls, keep: Tensor) -> "Places":
        """Move those whom `keep` [F,P] bool says forward, in their order, in as many places."""
        order = (~keep).to(torch.uint8).argsort(dim=1, stable=True)
        return cls._of(keep.sum(1), order)

    @classmethod
    def _of(cls, count: Tensor, order: Tensor) -> "Places":
        places = torch.arange(order.shape[1], device=order.device)
        return cls(count, order, places[None] < count[:, None])

    def place(self, values: Tensor, empty: float = 0) -> Tensor:
        """Return values [F,N,...] by place [F,P,...], `empty` where a place holds nobody."""
        frame = torch.arange(len(values), device=values.device)[:, None]
        moved = values[frame, self._order]
        here = self._here.view(*self._here.shape, *[1] * (values.ndim - 2))
        return torch.where(here, moved, empty)
