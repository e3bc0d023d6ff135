"""Read the arrays of NumPy's .npz files. Nothing is ever unpickled."""

import io
import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from .errors import InputError
from .files import open_regular
from .memory import shortage

# What zipfile and NumPy raise for files that are damaged or made to harm.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    tokenize.TokenError,
    EOFError,
    MemoryError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)


def read_arrays(
    path: Path, *, most_bytes: int | None = None, names: Collection[str] | None = None
) -> dict[str, Any]:
    """Return the arrays of a file by name, without a copy.

    most_bytes: how large they may be together, unpacked; None: any size
    names:      the only ones to read, as far as they are there; None: all

    Raises `InputError` for a file that is missing, damaged or too large.
    """
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            entries = [
                entry
                for entry in archive.infolist()
                if entry.filename.endswith(".npy")
                and (names is None or entry.filename.removesuffix(".npy") in names)
            ]
            size = sum(entry.file_size for entry in entries)
            if most_bytes is not None and size > most_bytes:
                raise InputError(
                    f"{path}: expected at most {most_bytes // 2**20} MiB of arrays, "
                    f"found {math.ceil(size / 2**20)} MiB"
                )
            # no more than this is unpacked, whatever the data say
            if lacking := shortage(2 * size):
                raise InputError(f"{path}: its arrays need {lacking}; cut the file into parts")
            return {
                entry.filename.removesuffix(".npy"): _array(archive.read(entry))
                for entry in entries
            }
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except _DAMAGE as error:
        raise InputError(
            f"{path}: is no .npz file of numbers, or is cut off or damaged ({error}); "
            "write it again with numpy.savez"
        ) from error


def _array(data: bytes) -> Any:
    """Return the array in an .npy file; `archive.read` has compared its checksum."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
    else:
        raise ValueError(f"version {version} of .npy")
    if dtype.hasobject:
        raise ValueError("pickled objects, which are not read, as they could run any program")
    count, size = math.prod(shape), len(data) - file.tell()
    if min(shape, default=0) < 0 or count * dtype.itemsize != size:
        raise ValueError(f"expected {list(shape)} {dtype}, found {size} bytes")
    order = "F" if fortran else "C"
    flat: Any = np.frombuffer(data, dtype, count, file.tell())
    return flat.reshape(shape, order=order)
