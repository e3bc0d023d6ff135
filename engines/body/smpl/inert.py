"""Stand-ins for the classes in SMPL pickles: they keep what they are given and compute nothing.

Numbers come from them with `as_array`, which checks everything first.
"""

import math
import re
from typing import Any

import numpy as np

_DEEPEST = 8  # selections of selections
_MOST = 2**28  # numbers of one array: twice those of an SMPL file with 300 shapes
_TYPE = re.compile("[fiu][1248]|b1")


class Inert:
    """An object of a class that is not loaded."""

    kind = "an object"

    def __init__(self, *args: Any, **named: Any) -> None:
        self.args = args
        self.state: Any = None

    def __new__(cls, *args: Any, **named: Any) -> "Inert":
        made = object.__new__(cls)
        made.args, made.state = args, None  # pickles may make objects without __init__
        return made

    def __setstate__(self, state: Any) -> None:
        self.state = state


class NumpyType(Inert):
    """A `numpy.dtype`: made of its name; the state says the order of bytes."""

    kind = "a type of NumPy"

    def known(self) -> "np.dtype[Any]":
        name = self.args[0] if self.args else None
        if not isinstance(name, str) or not _TYPE.fullmatch(name):
            raise ValueError(f"expected numbers, found an array of the type {_said(name)}")
        order = self.state[1] if isinstance(self.state, tuple) and len(self.state) > 1 else "="
        if order not in ("<", ">", "=", "|"):
            raise ValueError(f"expected an order of bytes, found {_said(order)}")
        return np.dtype(f"{order}{name}")


class NumpyArray(Inert):
    """A `numpy.ndarray`: its state is version, shape, type, Fortran's order or not, and data."""

    kind = "an array"

    def known(self) -> Any:
        state = self.state
        if not isinstance(state, tuple) or len(state) != 5:
            raise ValueError("expected the five parts of an array")
        return _array(state[4], state[2], state[1], "F" if state[3] else "C")


class NumpyBuffer(Inert):
    """An array as protocol 5 has it: data, type, shape and order."""

    kind = "an array"

    def known(self) -> Any:
        if len(self.args) != 4 or self.args[3] not in ("C", "F"):
            raise ValueError("expected the four parts of an array")
        return _array(*self.args)


class NumpyScalar(Inert):
    """A number of NumPy: type and data."""

    kind = "a number of NumPy"

    def known(self) -> Any:
        if len(self.args) != 2:
            raise ValueError("expected the two parts of a number of NumPy")
        return _array(self.args[1], self.args[0], (), "C")


class NumpyReconstruct:
    """`numpy.core.multiarray._reconstruct`: an array whose state follows."""

    def __new__(cls, *args: Any) -> Any:
        return NumpyArray()

    def __setstate__(self, state: Any) -> None:
        raise ValueError("a function has no state")


class Encode:
    """`_codecs.encode`: data that Python 3 has written as text for Python 2."""

    def __new__(cls, *args: Any) -> Any:
        if len(args) != 2 or not isinstance(args[0], str) or args[1] != "latin1":
            raise ValueError("expected text in latin1")
        return args[0].encode("latin1")

    def __setstate__(self, state: Any) -> None:
        raise ValueError("a function has no state")


class NoBytes:
    """`bytes()`, as protocol 2 writes data of no length."""

    def __new__(cls, *args: Any) -> Any:
        if args:
            raise ValueError("expected no data")
        return b""

    def __setstate__(self, state: Any) -> None:
        raise ValueError("a function has no state")


class Reconstructor:
    """`copyreg._reconstructor`: an object of a class, as protocols 0 and 1 make it."""

    def __new__(cls, *args: Any) -> Any:
        if not args or not isinstance(args[0], type) or not issubclass(args[0], Inert):
            raise ValueError("expected a class")
        return args[0]()

    def __setstate__(self, state: Any) -> None:
        raise ValueError("a function has no state")


class Chumpy(Inert):
    """An object of chumpy: numbers `x`, or some (`idxs`) of the numbers of another (`a`)."""

    kind = "an expression of chumpy"

    def known(self, depth: int) -> Any:
        state = self.state if isinstance(self.state, dict) else {}
        if "x" in state:
            return as_array(state["x"], depth + 1)
        if "a" in state and "idxs" in state:
            chosen = as_array(state["idxs"], depth + 1).ravel()
            numbers = as_array(state["a"], depth + 1).ravel()
            if chosen.dtype.kind not in "iu":
                raise ValueError(f"expected whole numbers as idxs, found {chosen.dtype}")
            if len(chosen) and not 0 <= chosen.min() <= chosen.max() < len(numbers):
                raise ValueError(f"expected idxs in 0..{len(numbers) - 1}, found others")
            return numbers[chosen].reshape(_shape(state.get("preferred_shape"), len(chosen)))
        raise ValueError("expected x, or a and idxs, in an object of chumpy")


class Sparse(Inert):
    """A sparse matrix of SciPy, by columns (csc) or rows (csr)."""

    kind = "a sparse matrix"
    form = "of another form"

    def known(self, depth: int) -> Any:
        state = self.state if isinstance(self.state, dict) else {}
        if self.form not in ("csc", "csr"):
            raise ValueError(f"expected a sparse matrix csc or csr, found one {self.form}")
        rows, columns = _shape(state.get("_shape", state.get("shape")), None)
        if rows * columns > _MOST:
            raise ValueError(f"expected at most {_MOST:,} numbers, found {rows}x{columns}")
        names = ("data", "indices", "indptr")
        data, indices, starts = (as_array(state.get(name), depth + 1) for name in names)
        outer, inner = (columns, rows) if self.form == "csc" else (rows, columns)
        whole = indices.dtype.kind in "iu" and starts.dtype.kind in "iu"
        flat = data.ndim == indices.ndim == starts.ndim == 1 and len(data) == len(indices)
        if not (whole and flat and len(starts) == outer + 1):
            raise ValueError("the parts of a sparse matrix do not fit together")
        sizes = np.diff(starts.astype(np.int64))
        if starts[0] != 0 or starts[-1] != len(data) or (len(sizes) and sizes.min() < 0):
            raise ValueError("the parts of a sparse matrix do not fit together")
        if len(indices) and not 0 <= indices.min() <= indices.max() < inner:
            raise ValueError(f"expected indices in 0..{inner - 1}, found others")
        dense = np.zeros((outer, inner))
        np.add.at(dense, (np.repeat(np.arange(outer), sizes), indices), data)
        return dense.T if self.form == "csc" else dense


class SparseColumns(Sparse):
    """A sparse matrix by columns."""

    form = "csc"


class SparseRows(Sparse):
    """A sparse matrix by rows."""

    form = "csr"


def as_array(value: Any, depth: int = 0) -> Any:
    """Return what the unpickler made of an array, an object of chumpy or a sparse matrix as an
    array of numbers.

    Raises `ValueError` for anything else, and for parts that do not fit together.
    """
    if depth > _DEEPEST:
        raise ValueError(f"expected at most {_DEEPEST} selections in one another, found more")
    if isinstance(value, Chumpy | Sparse):
        return value.known(depth)
    if isinstance(value, NumpyArray | NumpyBuffer | NumpyScalar):
        return value.known()
    kind = value.kind if isinstance(value, Inert) else f"a {type(value).__name__}"
    raise ValueError(f"expected an array of numbers, found {kind}")


def _array(data: Any, of: Any, shape: Any, order: Any) -> Any:
    if not isinstance(of, NumpyType):
        raise ValueError("expected an array with a type")
    if isinstance(data, str):  # of Python 2
        data = data.encode("latin1")
    if not isinstance(data, bytes | bytearray):
        raise ValueError("expected an array of numbers, found one of objects")
    dtype = of.known()
    sides = _shape(shape, len(data) // dtype.itemsize)
    if math.prod(sides) * dtype.itemsize != len(data):
        raise ValueError(f"expected {list(sides)} numbers {dtype}, found {len(data)} bytes")
    flat: Any = np.frombuffer(data, dtype)
    return flat.reshape(sides, order=order)


def _said(value: Any) -> str:
    """Return a short text of a value, which may be nested so deep that its own has no end."""
    flat = value if isinstance(value, tuple) and len(value) < 9 else (value,)
    if all(isinstance(each, str | int) for each in flat):
        return repr(value)[:80]
    return f"a {type(value).__name__}"


def _shape(shape: Any, count: int | None) -> tuple[int, ...]:
    """Return a shape of `count` numbers; with None a matrix of any size."""
    sides = (shape,) if isinstance(shape, int) else shape
    plain = isinstance(sides, tuple) and all(type(s) is int and 0 <= s < 2**31 for s in sides)
    if not plain or (len(sides) != 2 if count is None else math.prod(sides) != count):
        raise ValueError(f"expected the shape of an array, found {_said(shape)}")
    return tuple(sides)
