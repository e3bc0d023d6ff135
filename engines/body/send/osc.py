"""Open Sound Control 1.0: messages and bundles as bytes."""

import struct
from collections.abc import Iterable, Iterator

MOST_BYTES = 1400
"""Of a datagram, so that no network cuts it into parts."""

_NOW = struct.pack(">Q", 1)  # the time tag "immediately"


def message(address: str, *values: str | int | float) -> bytes:
    """Return a message with texts, whole numbers (32 bits) and numbers (32 bits)."""
    tags, data = ",", b""
    for value in values:
        if isinstance(value, str):
            tags, data = tags + "s", data + _text(value)
        elif isinstance(value, int):
            tags, data = tags + "i", data + struct.pack(">i", value)
        else:
            tags, data = tags + "f", data + struct.pack(">f", value)
    return _text(address) + _text(tags) + data


def bundles(messages: Iterable[bytes]) -> Iterator[bytes]:
    """Return messages in as few bundles as there need to be, of at most `MOST_BYTES` each."""
    start = bundle = b"#bundle\0" + _NOW
    for each in messages:
        part = struct.pack(">i", len(each)) + each
        if bundle is not start and len(bundle) + len(part) > MOST_BYTES:
            yield bundle
            bundle = start
        bundle += part
    if bundle is not start:
        yield bundle


def _text(text: str) -> bytes:
    data = text.encode("utf-8") + b"\0"
    return data + b"\0" * (-len(data) % 4)
