"""Read pickles of SMPL files without executing anything.

A pickle names functions that whoever reads it calls. Here every name that an SMPL file needs leads
to a stand-in that only keeps what it is given, and any other name is refused. Python's own
unpickler is used, not that in C, which reserves as much memory as a file says.
"""

import pickle
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

from ...errors import ModelError
from ...files import open_regular
from .inert import (
    Chumpy,
    Encode,
    Inert,
    NoBytes,
    NumpyArray,
    NumpyBuffer,
    NumpyReconstruct,
    NumpyScalar,
    NumpyType,
    Reconstructor,
    Sparse,
    SparseColumns,
    SparseRows,
)

LARGEST = 2**30
"""Bytes of the largest file; SMPL with 300 shapes has a quarter of them."""

# NumPy renamed numpy.core in 2.0, Python 3 __builtin__ and copy_reg.
_KNOWN: dict[tuple[str, str], type[Any]] = {
    ("numpy", "ndarray"): NumpyArray,
    ("numpy", "dtype"): NumpyType,
    ("numpy.core.multiarray", "_reconstruct"): NumpyReconstruct,
    ("numpy._core.multiarray", "_reconstruct"): NumpyReconstruct,
    ("numpy.core.multiarray", "scalar"): NumpyScalar,
    ("numpy._core.multiarray", "scalar"): NumpyScalar,
    ("numpy.core.numeric", "_frombuffer"): NumpyBuffer,
    ("numpy._core.numeric", "_frombuffer"): NumpyBuffer,
    ("_codecs", "encode"): Encode,
    ("__builtin__", "bytes"): NoBytes,
    ("copy_reg", "_reconstructor"): Reconstructor,
    ("copyreg", "_reconstructor"): Reconstructor,
    ("__builtin__", "object"): Inert,
    ("builtins", "object"): Inert,
    ("__builtin__", "set"): Inert,  # of chumpy's, which are not used
    ("builtins", "set"): Inert,
    ("collections", "OrderedDict"): Inert,
}
_SPARSE: dict[str, type[Any]] = {
    f"{form}_{kind}": stand_in
    for form, stand_in in (("csc", SparseColumns), ("csr", SparseRows), ("coo", Sparse))
    for kind in ("matrix", "array")
}

# What an unpickler raises for pickles that are damaged or made to harm.
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    struct.error,
)


class _Refused(pickle.UnpicklingError):
    """A name that an SMPL file does not need."""


# What may be a key: tuples can be nested so deep that their hash takes years.
_KEYS = (str, bytes, int, float, type(None))


_Python: Any = pickle._Unpickler  # whose interface has no annotations


class _Unpickler(_Python):  # type: ignore[misc]
    dispatch: ClassVar[dict[int, Callable[..., None]]] = dict(_Python.dispatch)

    def _check_keys(self, keys: Iterable[Any]) -> None:
        if wrong := [key for key in keys if not isinstance(key, _KEYS)]:
            raise ValueError(f"expected texts as keys, found a {type(wrong[0]).__name__}")

    def load_setitem(self) -> None:
        self._check_keys(self.stack[-2:-1])
        super().load_setitem()

    def load_setitems(self) -> None:
        self._check_keys(self.stack[::2])
        super().load_setitems()

    def load_dict(self) -> None:
        self._check_keys(self.stack[::2])
        super().load_dict()

    def load_additems(self) -> None:
        self._check_keys(self.stack)
        super().load_additems()

    def load_frozenset(self) -> None:
        self._check_keys(self.stack)
        super().load_frozenset()

    dispatch[pickle.SETITEM[0]] = load_setitem
    dispatch[pickle.SETITEMS[0]] = load_setitems
    dispatch[pickle.DICT[0]] = load_dict
    dispatch[pickle.ADDITEMS[0]] = load_additems
    dispatch[pickle.FROZENSET[0]] = load_frozenset

    def find_class(self, module: str, name: str, /) -> Any:
        if found := _KNOWN.get((module, name)):
            return found
        if module.split(".")[0] == "chumpy":
            return Chumpy
        if module.split(".")[:2] == ["scipy", "sparse"] and name in _SPARSE:
            return _SPARSE[name]
        raise _Refused(f"{module}.{name}"[:200])

    def get_extension(self, code: int) -> None:
        raise _Refused(f"the registered function {code}")

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused("an object outside the file")


def unpickle(path: Path) -> dict[Any, Any]:
    """Return the dictionary in a pickle; `as_array` makes arrays of its values.

    Raises `ModelError` for a file that cannot be read, names anything but NumPy's, SciPy's and
    chumpy's arrays, or holds no dictionary.
    """
    try:
        with open_regular(path, LARGEST) as file:
            found = _Unpickler(file, encoding="latin1").load()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error
    except _Refused as error:
        raise ModelError(
            f"{path}: refused, as it asks for {error}, which no SMPL file needs and which could "
            "run any program; nothing was executed. Take the file from smpl.is.tue.mpg.de"
        ) from error
    except _DAMAGE as error:
        raise ModelError(
            f"{path}: is no pickle, or is cut off or damaged ({error or type(error).__name__}); "
            "download it again"
        ) from error
    if not isinstance(found, dict):
        raise ModelError(f"{path}: expected a dictionary of arrays, found a {type(found).__name__}")
    return found
