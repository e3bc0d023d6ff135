"""The lines of a label file: `class cx cy w h`, then `x y v` for each keypoint."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InputError
from ...files import read_regular
from ..records import Array, RecordKinds

if TYPE_CHECKING:
    from ..object_truth import ObjectTruth

_LARGEST = 2**24  # bytes
_BEYOND = 1e-4  # parts of the image that rounding may put the end of a box outside of it


def parse_labels(path: Path, kinds: RecordKinds, dimensions: int = 3) -> tuple[Array, list[str]]:
    """Return the rows [N,5+3K] of a label file, and what is wrong with its lines, by line.

    dimensions: 3, or 2 for keypoints without a visibility: those at 0 0 are not labelled, the
                others are taken for visible

    Raises `InputError` for a file that cannot be read or is not text.
    """
    try:
        text = read_regular(path, _LARGEST).decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected lines of numbers, found bytes that are not text") from (
            error
        )
    rows: list[list[float]] = []
    problems = []
    width = 5 + 3 * len(kinds.keypoints)
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            rows.append(_row(line.split(), kinds, dimensions))
        except ValueError as error:
            problems.append(f"{path}: line {number}: {error}")
    return np.array(rows, np.float64).reshape(-1, width), problems


def _row(words: Sequence[str], kinds: RecordKinds, dimensions: int) -> list[float]:
    """Return a line's numbers. Raises `ValueError` that says what is wrong."""
    keypoints = len(kinds.keypoints)
    width = 5 + dimensions * keypoints
    if len(words) != width:
        point = "x y v" if dimensions == 3 else "x y"
        expected = f"class cx cy w h and {keypoints} times {point}, {width} numbers"
        raise ValueError(
            f"expected {expected if keypoints else 'class cx cy w h'}, found {len(words)} numbers"
        )
    try:
        numbers = [float(word) for word in words]
    except ValueError as error:
        odd = next(word for word in words if not _is_number(word))
        raise ValueError(f"expected numbers, found {odd[:40]!r}") from error
    if not all(map(math.isfinite, numbers)):
        raise ValueError("expected numbers, found NaN or infinity")
    if dimensions == 2:
        pairs = [numbers[at : at + 2] for at in range(5, width, 2)]
        numbers[5:] = [value for x, y in pairs for value in (x, y, 2.0 if x or y else 0.0)]
    kind, cx, cy, w, h = numbers[:5]
    if kind != int(kind) or not 0 <= kind < len(kinds.classes):
        raise ValueError(
            f"class: expected 0..{len(kinds.classes) - 1}, as the data set has "
            f"{len(kinds.classes)} classes, found {words[0]}"
        )
    if not (w > 0 and h > 0):
        raise ValueError(f"expected a box of some width and height, found {w:g}x{h:g}")
    ends = (cx - w / 2, cy - h / 2, 1 - cx - w / 2, 1 - cy - h / 2)
    if min(ends) < -_BEYOND:
        raise ValueError(
            "expected a box inside the image, as parts 0..1 of its sides, found "
            f"{cx:g} {cy:g} {w:g} {h:g}"
        )
    for place in range(5, len(numbers), 3):
        name = kinds.keypoints[(place - 5) // 3]
        x, y, seen = numbers[place : place + 3]
        if seen not in (0, 1, 2):
            raise ValueError(f"keypoint {name}: expected a visibility of 0, 1 or 2, found {seen:g}")
        if seen and not (-_BEYOND <= x <= 1 + _BEYOND and -_BEYOND <= y <= 1 + _BEYOND):
            raise ValueError(f"keypoint {name}: expected x and y in 0..1, found {x:g} {y:g}")
    return numbers


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def lines_of(truth: ObjectTruth) -> str:
    """Return the label file of an image."""
    lines = []
    for kind, box, keypoints in zip(truth.classes, truth.boxes, truth.keypoints, strict=True):
        words = [str(int(kind)), *(f"{value:.7f}" for value in box.tolist())]
        for x, y, seen in keypoints.tolist():
            words += [f"{x:.7f}", f"{y:.7f}", str(int(seen))] if seen else ["0", "0", "0"]
        lines.append(" ".join(words) + "\n")
    return "".join(lines)
