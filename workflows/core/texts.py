"""Texts of nodes: how long they may become, and patterns that are searched for in bounded time."""

from collections.abc import Callable
from typing import TypeVar

import regex

from ...engines.errors import InputError
from ...nodes.standin import host

LONGEST = 10_000_000  # characters
_SECONDS = 5.0  # for one search


class PatternError(InputError):
    """A malformed pattern, which some of ComfyUI's nodes treat as one that is not found."""


_Found = TypeVar("_Found")


def check_length(length: int) -> None:
    """Raise `InputError` for a text of more than `LONGEST` characters."""
    if length > LONGEST:
        raise InputError(f"expected a text of at most {LONGEST} characters, it would have {length}")


def searched(
    pattern: str,
    search: Callable[["regex.Pattern[str]", float], _Found],
    *,
    case_insensitive: bool,
    multiline: bool,
    dotall: bool,
) -> _Found:
    """Return what `search` finds with the compiled pattern and the seconds that it may take.

    Raises `PatternError` for a malformed pattern, `InputError` for one that takes too long.
    """
    flags = regex.IGNORECASE * case_insensitive | regex.MULTILINE * multiline
    flags |= regex.DOTALL * dotall | regex.VERSION0  # as Python's re
    shown = pattern if len(pattern) <= 60 else f"{pattern[:57]}..."
    try:
        return search(regex.compile(pattern, flags), _SECONDS)
    except (regex.error, RecursionError, OverflowError) as error:
        reason = str(error)[:200]
        raise PatternError(f"regex_pattern {shown!r}: is not a pattern: {reason}") from error
    except IndexError as error:
        raise InputError(f"replace: names a group that {shown!r} does not have") from error
    except TimeoutError as error:
        raise InputError(
            f"regex_pattern {shown!r}: searches for more than {_SECONDS:g} s; write it without "
            "repetitions within repetitions"
        ) from error


def warn_of_pattern(error: PatternError) -> None:
    """Warn of a pattern that is wrong, where ComfyUI treats it as one that is not found."""
    host.warn(f"{error}; nothing is found")
