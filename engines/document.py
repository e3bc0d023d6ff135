"""Strict reading of JSON from elsewhere; every error names the place in the file."""

import json
from collections import Counter
from collections.abc import Iterator
from numbers import Real
from pathlib import Path
from typing import Any

from .errors import InputError
from .files import read_regular

LARGEST = 2**29  # bytes of a file: an hour of ten people at 30 frames per second
FARTHEST = 1e9  # pixels; no coordinate is larger
SUREST = 10.0  # peaks of heatmaps go above 1, but no confidence is larger than this


class Value:
    """A value inside a document, which knows the way to itself: `[3].people[0].score`.

    Every method raises `InputError` when the value is not what is asked for.
    """

    __slots__ = ("_parent", "_step", "raw")

    def __init__(self, raw: Any, step: str, parent: "Value | None" = None) -> None:
        """Set up a value. raw: as `json` gives it; step: name of the document, or the step from
        `parent`."""
        self.raw = raw
        self._step = step
        self._parent = parent

    @property
    def source(self) -> str:
        """Name of the whole document."""
        return self._step if self._parent is None else self._parent.source

    @property
    def way(self) -> str:
        """From the document's root to here."""
        return "" if self._parent is None else self._parent.way + self._step

    def wrong(self, expected: str, found: str | None = None) -> InputError:
        """Return the error to raise here."""
        way = self.way.removeprefix(".")
        name = f"{self.source}: {way}" if way else self.source
        return InputError(f"{name}: expected {expected}, found {found or _described(self.raw)}")

    def entries(self, expected: str) -> Iterator["Value"]:
        """Return the entries of a list."""
        if not isinstance(self.raw, list | tuple):
            raise self.wrong(expected)
        return (Value(raw, f"[{i}]", self) for i, raw in enumerate(self.raw))

    def is_empty_list(self) -> bool:
        return isinstance(self.raw, list) and not self.raw

    def members(self, expected: str) -> Iterator[tuple[str, "Value"]]:
        """Return the members of an object, with their names."""
        if not isinstance(self.raw, dict):
            raise self.wrong(expected)
        return ((str(key), self._member(key)) for key in self.raw)

    def member(self, key: str) -> "Value | None":
        """Return a member of an object; None if it is missing or null."""
        if not isinstance(self.raw, dict):
            raise self.wrong("an object")
        return self._member(key) if self.raw.get(key) is not None else None

    def needed(self, key: str) -> "Value":
        """Return a member of an object, which must exist."""
        found = self.member(key)
        if found is None:
            there = f"{json.dumps(key)}: null" if key in self.raw else _keys(self.raw)
            raise self.wrong(f"an object with {json.dumps(key)}", there)
        return found

    def text(self) -> str:
        if not isinstance(self.raw, str):
            raise self.wrong("a text")
        return self.raw

    def number(self, low: float, high: float) -> float:
        """Return a finite number in low..high."""
        if not (_is_number(self.raw) and low <= self.raw <= high):
            raise self.wrong(f"a number in {low:g}..{high:g}")
        return float(self.raw)

    def whole(self, low: int, high: int = 2**63 - 1) -> int:
        """Return a whole number in low..high; 3.0 is one."""
        if not (_is_number(self.raw) and low <= self.raw <= high and int(self.raw) == self.raw):
            least = f" from {low}" if high == 2**63 - 1 else f" in {low}..{high}"
            raise self.wrong(f"a whole number{least}")
        return int(self.raw)

    def numbers(self, *counts: int) -> list[float]:
        """Return a list of finite numbers, as many as one of `counts`."""
        raw = self.raw.tolist() if hasattr(self.raw, "tolist") else self.raw
        wanted = f"{' or '.join(map(str, counts))} numbers"
        if not isinstance(raw, list | tuple):
            raise self.wrong(wanted)
        if len(raw) not in counts:
            raise self.wrong(wanted, str(len(raw)))
        plain = set(map(type, raw)) <= {int, float}
        if not (plain and all(-FARTHEST <= number <= FARTHEST for number in raw)):
            for i, number in enumerate(raw):
                Value(number, f"[{i}]", self).number(-FARTHEST, FARTHEST)
            raw = [float(number) for number in raw]  # NumPy's numbers and the like
        return list(raw)

    def joints(self, *counts: int) -> list[float]:
        """Return a flat list of x, y, c for as many joints as one of `counts`; c is 0..`SUREST`."""
        numbers = self.numbers(*(3 * count for count in counts))
        for i in range(2, len(numbers), 3):
            if not 0 <= numbers[i] <= SUREST:
                raise Value(numbers[i], f"[{i}]", self).wrong("a confidence in 0..1")
        return numbers

    def _member(self, key: Any) -> "Value":
        step = f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r}]"
        return Value(self.raw[key], step, self)


def load(path: Path) -> Value:
    """Load the document in a JSON file.

    Raises `InputError` for a file that cannot be read, is no JSON, is cut off, nests too deep,
    names a key twice, or holds NaN or Infinity, which are not JSON.
    """
    try:
        text = read_regular(path, LARGEST).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: expected JSON in UTF-8, found bytes that are not text"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    if not text.strip():
        raise InputError(f"{path}: expected JSON, found an empty file")
    try:
        raw = json.loads(text, parse_constant=_refused, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        ends = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        cut = "; the file is cut off, write it again" if ends else ""
        raise InputError(
            f"{path}: is not JSON at line {error.lineno}, column {error.colno}: {error.msg}{cut}"
        ) from error
    except RecursionError as error:
        raise InputError(f"{path}: nests too deep") from error
    except ValueError as error:  # ours, or a number of thousands of digits
        raise InputError(f"{path}: {error}") from error
    return Value(raw, str(path))


def dump(raw: Any, path: Path) -> None:
    """Write a JSON file: `as_text` and a newline."""
    path.write_text(as_text(raw) + "\n", encoding="utf-8")


def as_text(raw: Any) -> str:
    """Return compact JSON, numbers in the shortest form that reads back the same.

    Arrays become lists. Raises `InputError` for NaN, infinity and what JSON has no form for.
    """
    try:
        return json.dumps(raw, allow_nan=False, separators=(",", ":"), default=_as_list)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"expected numbers, texts, lists and objects, found what JSON cannot hold: {error}"
        ) from error


def _as_list(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} {value!r}"[:80])


def _refused(name: str) -> None:
    raise ValueError(f"expected numbers, found {name}; write null or 0 where there is no number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(
            name for name, times in Counter(name for name, _ in pairs).items() if times > 1
        )
        raise ValueError(f"the key {twice[:60]!r} stands twice in one object")
    return found


def _is_number(raw: Any) -> bool:
    return isinstance(raw, Real) and not isinstance(raw, bool)


def _described(raw: Any) -> str:
    if raw is None or isinstance(raw, bool):
        return json.dumps(raw)
    if isinstance(raw, str):
        return f"the text {raw if len(raw) <= 40 else raw[:40] + '...'!r}"
    if isinstance(raw, int) and abs(raw) >= 10**12:
        return "a huge number"
    if _is_number(raw):
        return f"{raw}"
    if isinstance(raw, list | tuple):
        return f"a list of {len(raw)}"
    return _keys(raw) if isinstance(raw, dict) else f"a {type(raw).__name__}"


def _keys(raw: dict[Any, Any]) -> str:
    names = ", ".join(json.dumps(str(key)[:40]) for key in list(raw)[:5])
    more = ", ..." if len(raw) > 5 else ""
    return f"an object with {names}{more}" if raw else "an empty object"
