"""Whether what is to be followed has tracks already."""

from typing import Protocol

from torch import Tensor

from ..errors import InputError


class Tracked(Protocol):
    """Whatever has tracks [F,P] int64, -1 = none, in the places that are taken, [F,P] bool."""

    @property
    def track_ids(self) -> Tensor: ...
    @property
    def present(self) -> Tensor: ...


def tracks_given(found: Tracked, before: bool | None, name: str, node: str) -> bool | None:
    """Return whether those found, and those before, have tracks; None if there is none.

    before: what this function returned for the chunk before
    name:   the input they come from
    node:   the node that the tracks of the people have to be given before

    Raises `InputError` if only some have tracks.
    """
    tracked = found.track_ids[found.present] >= 0
    if not len(tracked):
        return before
    some, every = bool(tracked.any()), bool(tracked.all())
    if some != every or before not in (None, some):
        raise InputError(
            f"{name}: some have tracks and some have none; give tracks to all people with Track "
            f"Poses before {node}, or to none"
        )
    return some
