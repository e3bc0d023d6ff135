"""What ComfyUI fills into a filename_prefix: %year% and the like, %width% and %height%."""

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
    """`prefix` as ComfyUI's `get_save_image_path` fills it in, with the local time.

    size: height and width in pixels of what is saved
    now:  the local time; by default it is looked up
    """
    now = now or time.localtime()
    for name, value in zip(SIZES, reversed(size), strict=True):
        prefix = prefix.replace(name, str(value))
    for name, form in _TIMES.items():
        prefix = prefix.replace(name, time.strftime(form, now))
    return prefix


def pattern_of(name: str) -> str:
    """A regular expression for all that `name` can become, at any time and of any size."""
    pattern = re.escape(name)
    for word in _TIMES:
        pattern = pattern.replace(word, r"\d{4}" if word == "%year%" else r"\d\d")
    for word in SIZES:
        pattern = pattern.replace(word, r"\d+")
    return pattern


def has_time(prefix: str) -> bool:
    """Whether the same prefix gives another name later."""
    return any(word in prefix for word in _TIMES)
