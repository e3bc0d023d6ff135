"""Write pickles of plain values and arrays for programs that read nothing else; never read one.

The bytes are put together here rather than by `pickle.dumps`: arrays get the names that every
version of NumPy knows, and enumerations of packages that are not installed can be written.
"""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Member:
    """A member of an enumeration, by its value: `Member("a.b", "Message", 2)`."""

    module: str
    name: str
    value: int


def as_pickle(value: Any) -> bytes:
    """Return a pickle (protocol 3) of dictionaries, tuples, texts, numbers, arrays and `Member`s.

    Raises `TypeError` for anything else.
    """
    return b"\x80\x03" + _value(value) + b"."


def _value(value: Any) -> bytes:
    if value is None:
        return b"N"
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode()
        return b"X" + struct.pack("<I", len(data)) + data
    if isinstance(value, bytes):
        return b"B" + struct.pack("<I", len(value)) + value
    if isinstance(value, tuple):
        return b"(" + b"".join(map(_value, value)) + b"t"
    if isinstance(value, dict):
        items = (_value(key) + _value(held) for key, held in value.items())
        return b"}(" + b"".join(items) + b"u"
    if isinstance(value, Member):
        return _global(value.module, value.name) + _value((value.value,)) + b"R"
    if isinstance(value, np.ndarray):
        return _array(value)
    raise TypeError(f"cannot be written as a pickle: a {type(value).__name__}")


def _array(array: Any) -> bytes:
    """Return an array as NumPy's own pickles have it: an empty one, then its state."""
    plain = np.ascontiguousarray(array)
    plain = plain.astype(plain.dtype.newbyteorder("<"))
    kind = _global("numpy", "dtype") + _value((plain.dtype.str[1:], False, True)) + b"R"
    kind += _value((3, "<", None, None, None, -1, -1, 0)) + b"b"
    empty = b"(" + _global("numpy", "ndarray") + _value((0,)) + _value(b"b") + b"t"
    state = b"(" + _value(1) + _value(tuple(array.shape)) + kind + _value(False)
    state += _value(plain.tobytes()) + b"t"
    return _global("numpy.core.multiarray", "_reconstruct") + empty + b"R" + state + b"b"


def _global(module: str, name: str) -> bytes:
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"
