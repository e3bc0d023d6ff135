"""The placeholders of a filename_prefix: %year% and the like, %width% and %height%."""

import re
import time

from ...engines.errors import InputError

_TIMES = {
    "%year%": "%Y",
    "%month%": "%m",
    "%day%": "%d",
    "%hour%": "%H",
    "%minute%": "%M",
    "%second%": "%S",
}
SIZES = ("%width%", "%height%")


def filled_in(prefix: str, size: tuple[int, int], now: time.struct_time | None = None) -> str:
    """Return `prefix` with its placeholders filled in as by ComfyUI's `get_save_image_path`.

    size: height and width in pixels of what is saved
    now:  the local time; by default the current one
    """
    now = now or time.localtime()
    for name, value in zip(SIZES, reversed(size), strict=True):
        prefix = prefix.replace(name, str(value))
    for name, code in _TIMES.items():
        prefix = prefix.replace(name, time.strftime(code, now))
    return prefix


_LONGEST = 200  # bytes of a name, which gets a number, a suffix and ".parts"


def check_nameable(prefix: str) -> None:
    """Raise `InputError` for a prefix of which no file can have its name."""
    try:
        longest = max(len(part) for part in prefix.encode().split(b"/"))
    except UnicodeEncodeError:  # half of a surrogate pair
        longest = 0
    if "\0" in prefix or not longest or longest > _LONGEST:
        raise InputError(
            f"filename_prefix: expected a name of 1 to {_LONGEST} bytes in UTF-8 without null "
            f"bytes, found {ascii(prefix)[:60]}"
        )


def pattern_of(name: str) -> str:
    """Return a regular expression for everything that `name` can become, at any time and size."""
    pattern = re.escape(name)
    for word in _TIMES:
        pattern = pattern.replace(word, r"\d{4}" if word == "%year%" else r"\d\d")
    for word in SIZES:
        pattern = pattern.replace(word, r"\d+")
    return pattern


def has_time(prefix: str) -> bool:
    """Return whether the name that the prefix gives depends on the time."""
    return any(word in prefix for word in _TIMES)
