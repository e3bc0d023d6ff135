"""What nodes say about what they found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..engines.words import counted

if TYPE_CHECKING:
    from torch import Tensor


def found_in_frames(
    count: Tensor, *, found: tuple[str, str], at_once: tuple[str, str], nobody: str
) -> tuple[str, bool]:
    """Return how many of `found` there are, in words, and whether there is none.

    count:   [F] int64, in each frame
    found:   what is counted in all frames, one and several
    at_once: what each is, one and several
    nobody:  what is in frames without any
    """
    frames, empty = len(count), int((count == 0).sum())
    text = (
        f"{counted(frames, 'frame')}, {counted(int(count.sum()), *found)}, "
        f"at most {counted(int(count.max()), *at_once)} at once"
    )
    if empty:
        text += f"; {nobody} in {counted(empty, 'frame')}"
    return text, empty == frames
