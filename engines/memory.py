"""The memory that this process may use, and the errors that mean it was exceeded."""

import os
from contextlib import suppress
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_GROUP = Path("/sys/fs/cgroup/memory.max")  # of a container, cgroup v2
_ASKED_FOR_MORE = (
    "DefaultCPUAllocator",  # PyTorch's allocator on the CPU
    "Storage size calculation overflowed",
    "numel: integer multiplication overflow",
)


def memory_limit() -> int | None:
    """Return the most bytes that this process can use; None if the system does not say.

    That is the machine's memory, or the limit of the container or of the process if one is lower.
    """
    limits = []
    with suppress(AttributeError, ValueError, OSError):  # not there on Windows
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(OSError, ValueError):  # no such group, or "max"
        limits.append(int(_GROUP.read_text(encoding="ascii")))
    if resource is not None:
        for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
            soft, _ = resource.getrlimit(kind)
            if soft != resource.RLIM_INFINITY:
                limits.append(soft)
    return min((limit for limit in limits if limit > 0), default=None)


def shortage(needed: int) -> str:
    """Return how `needed` bytes exceed this process's memory, in words; "" if they fit.

    Call it before allocating: some systems grant more memory than they have, and kill the process
    when it is used.
    """
    limit = memory_limit()
    if limit is None or needed <= limit:
        return ""
    return f"{needed / 2**30:,.1f} GiB of memory, and there are {limit / 2**30:,.1f}"


SHORTAGE = (
    "there is not enough memory for this; take fewer or smaller frames, or free some (a long video "
    "runs in constant memory with --chunk 64)"
)
"""What to say when `is_shortage` is true."""


def is_shortage(error: BaseException) -> bool:
    """Return whether an exception says that memory could not be allocated."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _ASKED_FOR_MORE)
