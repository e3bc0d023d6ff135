"""The parts of a binary glTF 2.0 file (github.com/KhronosGroup/glTF, Specification 2.0)."""

import json
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from torch import Tensor

from ...errors import InputError

_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963
_TYPES = {np.dtype(np.float32): 5126, np.dtype(np.uint8): 5121, np.dtype(np.uint32): 5125}
_KINDS = {(): "SCALAR", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}
_LARGEST = 2**32 - 1  # bytes: the header has 32 bits for them


class Binary:
    """The buffer of a file: arrays that are there, and places for those that follow."""

    def __init__(self) -> None:
        self.accessors: list[dict[str, Any]] = []
        self.views: list[dict[str, Any]] = []
        self.size = 0
        self._there: list[tuple[int, bytes]] = []

    def add(self, values: Tensor, dtype: Any, *, target: str = "", bounds: bool = False) -> int:
        """Add an array [N,...] and return the number of its accessor.

        target: "vertices" or "indices" for those of a mesh; bounds: state least and greatest
        """
        array = values.detach().cpu().numpy().astype(dtype)
        number = self.reserve(len(array), array.shape[1:], dtype)
        view = self.views[self.accessors[number]["bufferView"]]
        if target:
            view["target"] = _ARRAY_BUFFER if target == "vertices" else _ELEMENT_ARRAY_BUFFER
        if bounds:
            flat = array.reshape(len(array), -1)
            self.accessors[number]["min"] = flat.min(0).tolist()
            self.accessors[number]["max"] = flat.max(0).tolist()
        self._there.append((view["byteOffset"], array.tobytes()))
        return number

    def reserve(self, count: int, shape: tuple[int, ...], dtype: Any) -> int:
        """Return the number of an accessor of `count` entries that are written later."""
        kind = np.dtype(dtype)
        length = count * int(np.prod(shape, dtype=np.int64)) * kind.itemsize
        self.views.append({"buffer": 0, "byteOffset": self.size, "byteLength": length})
        self.accessors.append(
            {
                "bufferView": len(self.views) - 1,
                "componentType": _TYPES[kind],
                "count": count,
                "type": _KINDS[shape],
            }
        )
        self.size += -(-length // 4) * 4
        return len(self.accessors) - 1

    def start(self, number: int) -> int:
        """Return where in the buffer the values of an accessor begin."""
        start: int = self.views[self.accessors[number]["bufferView"]]["byteOffset"]
        return start

    def open(self, document: dict[str, Any], file: BinaryIO, path: Path) -> int:
        """Write the file but for what is reserved, and return where in it the buffer begins.

        Raises `InputError` for a file that is too large for its format.
        """
        whole = {
            **document,
            "buffers": [{"byteLength": self.size}],
            "bufferViews": self.views,
            "accessors": self.accessors,
        }
        text = json.dumps(whole, allow_nan=False, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        length = 12 + 8 + len(text) + 8 + self.size
        if length > _LARGEST:
            raise InputError(
                f"{path}: expected a file of at most 4 GiB, found {length / 2**30:.1f} GiB of "
                "motion; save a shorter part of the clip"
            )
        file.write(struct.pack("<4sIIII", b"glTF", 2, length, len(text), 0x4E4F534A) + text)
        file.write(struct.pack("<II", self.size, 0x004E4942))
        start = file.tell()
        file.truncate(length)
        for offset, data in self._there:
            file.seek(start + offset)
            file.write(data)
        return start
