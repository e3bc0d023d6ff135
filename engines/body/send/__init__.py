"""Sending bodies to other programs, one protocol per module of `protocols`."""

from __future__ import annotations

from ...discovery import one_of, ordered_values_of
from .protocol import Protocol

PROTOCOLS = ordered_values_of(f"{__name__}.protocols", "PROTOCOL", Protocol)


def protocol_named(name: str) -> Protocol:
    """Return one of the `PROTOCOLS`. Raises `InputError` for another name."""
    return one_of(PROTOCOLS, name, "send")
