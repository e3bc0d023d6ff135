"""The placeholders of a filename_prefix: %year% and the like, %width% and %height%."""

import re
import time

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
