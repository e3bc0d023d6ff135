"""Frames of a clip as people write them: "first", "last", "0, 12, -1", "0-8", "every 16"."""

import re

from ..checks import COMMA
from ..errors import InputError

_RANGE = re.compile(r"(-?\d+)\s*-\s*(-?\d+)")
_EVERY = re.compile(r"every\s+(\d+)")


def parse_frames(text: str, frames: int, *, name: str = "keep") -> list[int]:
    """Return the frames that `text` names, in its order, counted from 0.

    text: parts divided by commas: first, last, a number (negative: from the end), a range with
          both ends (0-8), or every N (0, N, 2N ...); empty = none
    name: of the input, for the error

    Raises `InputError` for another word, or a frame that the clip does not have.
    """
    found: list[int] = []
    for part in filter(None, (p.strip().lower() for p in COMMA.split(text))):
        found += _part(part, frames, name)
    return found


def _part(part: str, frames: int, name: str) -> range:
    if part in ("first", "last"):
        at = 0 if part == "first" else frames - 1
        return range(at, at + 1)
    every = _EVERY.fullmatch(part)
    if every:
        step = int(every.group(1))
        if step < 1:
            raise InputError(f"{name}: expected every 1 or more frames, found {part!r}")
        return range(0, frames, step)
    ends = _RANGE.fullmatch(part)
    if ends:
        low, high = (_frame(end, frames, name) for end in ends.groups())
        if low > high:
            raise InputError(
                f"{name}: expected a range from an earlier frame to a later one, found {part!r}; "
                f"write {high}-{low}"
            )
        return range(low, high + 1)
    at = _frame(part, frames, name)
    return range(at, at + 1)


def _frame(number: str, frames: int, name: str) -> int:
    if not re.fullmatch(r"-?\d+", number):
        raise InputError(
            f"{name}: expected first, last, a frame such as 12 or -1, a range such as 0-8, or "
            f"every 16, with commas between, found {number!r}"
        )
    at = int(number)
    if not -frames <= at < frames:
        raise InputError(
            f"{name}: there is no frame {at}; the clip has {frames}, 0 to {frames - 1} "
            f"(from the end: -1 to -{frames})"
        )
    return at % frames
