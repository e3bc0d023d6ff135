"""Cuts for nodes of people or heads that take the frames, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..engines.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from ..engines.padded import Padded
    from ..engines.video.cuts import Cuts


def cuts_in(
    image: Tensor | None, found: Padded, name: str, before: Cuts
) -> tuple[Tensor | None, Cuts]:
    """Return which frames of `image` [F,H,W,3] begin a new shot, [F] bool, and the cuts after them.

    found:  what was found in the same frames, the input `name`
    before: the cuts of the chunks before

    None, and `before`, without an image. Raises `InputError` for an image that is not RGB in 0..1
    or has another number of frames.
    """
    from ..engines.checks import check_frames

    if image is None:
        return None, before
    check_frames("image", image)
    if image.shape[0] != len(found):
        raise InputError(
            f"image: expected the {len(found)} frames of the {name}, found {image.shape[0]}"
        )
    return before.after(image)


def cuts_said(cuts: Cuts, effect: str) -> str:
    """Return a line on the cuts so far and their effect; "" if there is none."""
    return f"\n{cuts.text}: {effect}" if cuts.text else ""
