"""Sending bodies to other programs, one protocol per module of `protocols`."""

from __future__ import annotations

from ...discovery import values_of
from ...errors import InputError
from .protocol import Protocol

PROTOCOLS: dict[str, Protocol] = {
    made.name: made
    for made in sorted(
        values_of(f"{__name__}.protocols", "PROTOCOL", Protocol), key=lambda p: p.order
    )
}


def protocol_named(name: str) -> Protocol:
    """Return one of the `PROTOCOLS`. Raises `InputError` for another name."""
    if name not in PROTOCOLS:
        raise InputError(f"send: expected one of {', '.join(PROTOCOLS)}, found {name!r}")
    return PROTOCOLS[name]
