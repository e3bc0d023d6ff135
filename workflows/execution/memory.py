"""Keeping freed memory: what a program that works on large tensors over and over wants."""

import ctypes
import sys

# glibc's malloc.h
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_KEPT = 2**31 - 1  # bytes, the most that can be asked for


def keep_freed_memory() -> None:
    """Have glibc reuse the memory of freed tensors instead of giving it back to the system.

    Blocks above 32 MiB, one to fifty frames, are otherwise mapped anew each time, and the system
    clears every page when it is first touched: on the shipped clip drawing and normalising took
    four times as long. Does nothing where the C library is another one.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
