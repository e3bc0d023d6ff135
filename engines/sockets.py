"""Sockets whose values are small: a whole clip of them takes little memory."""

_SMALL: set[str] = set()


def small_socket(io_type: str) -> str:
    """Register a socket whose values take a few kB per frame, and return its name.

    A run in chunks collects such values for nodes that need a whole clip.
    """
    _SMALL.add(io_type)
    return io_type


def is_small(io_type: str) -> bool:
    """Return whether a whole clip of this socket's values takes little memory."""
    return io_type in _SMALL
