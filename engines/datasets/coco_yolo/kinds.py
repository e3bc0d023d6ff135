"""What all images share: dataset.json at the root, or classes.json beside the labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...document import Value, load
from ...errors import InputError
from ..records import Array, RecordKinds

if TYPE_CHECKING:
    from ..object_truth import ObjectKinds

SIGMA = 0.05  # of a keypoint that the file gives none for: the middle of COCO's
_MOST = 4096
FILE = "dataset.json"
_KNOWN = (
    *("class_names", "names", "keypoint_names", "skeleton", "sigmas", "symmetries"),
    *("skeleton_base", "flip_idx"),
)


def read_kinds(root: Path, split: str) -> RecordKinds:
    """Read what all images of a data set share.

    Raises `InputError` that names file and member if there is no file, or a malformed one.
    """
    places = [root / FILE, root / "labels" / split / "classes.json"]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise InputError(
            f"{root}: expected {FILE} or labels/{split}/classes.json with class_names, found "
            'neither; write {"class_names": ["thing"]}'
        )
    document = load(path)
    for name, _ in document.members("an object"):
        if name not in _KNOWN:
            raise document.wrong(f"the members {', '.join(_KNOWN)}", f"{name[:40]!r}")
    named = document.member("class_names") or document.needed("names")
    classes = names_of(named)
    if not classes:
        raise named.wrong("at least one class")
    points = document.member("keypoint_names")
    keypoints = names_of(points) if points else ()
    sigmas = np.full(len(keypoints), SIGMA)
    if given := document.member("sigmas"):
        sigmas = np.array([v.number(1e-4, 10) for v in given.entries("a list of numbers")])
        if len(sigmas) != len(keypoints):
            raise given.wrong(f"{len(keypoints)} numbers, one per keypoint", str(len(sigmas)))
    skeleton = document.member("skeleton")
    lines = _lines(skeleton, len(keypoints)) if skeleton else ()
    rotations, axes, mirrors = _symmetries(document.member("symmetries"), classes)
    swapped = document.member("flip_idx")
    flip = flip_of(swapped, len(keypoints)) if swapped else ()
    return RecordKinds(classes, keypoints, lines, sigmas, rotations, axes, mirrors, flip)


def kinds_json(kinds: ObjectKinds) -> dict[str, Any]:
    """Return the content of `FILE`."""
    symmetries: dict[str, Any] = {}
    for name, turns, axis, mirror in zip(
        kinds.classes, kinds.rotations, kinds.axes, kinds.mirrors, strict=True
    ):
        found = {
            **({"rotations": turns.tolist()} if len(turns) > 1 else {}),
            **({"axis": axis.tolist()} if bool(axis.any()) else {}),
            **({"mirror": mirror.tolist()} if bool(mirror.any()) else {}),
        }
        if found:
            symmetries[name] = found
    return {
        "class_names": list(kinds.classes),
        "keypoint_names": list(kinds.keypoints),
        "skeleton": [[a + 1, b + 1] for a, b in kinds.skeleton],
        "sigmas": [round(value, 6) for value in kinds.sigmas.tolist()],
        "symmetries": symmetries,
        **({"flip_idx": list(kinds.flip)} if kinds.flip else {}),
    }


def flip_of(value: Value, keypoints: int) -> tuple[int, ...]:
    """Return the keypoint that each becomes in a mirror, counted from 0.

    Raises `InputError` unless every keypoint is paired with another or with itself.
    """
    numbers = [entry.whole(0, keypoints - 1) for entry in value.entries("a list of keypoints")]
    if len(numbers) != keypoints or [numbers[n] for n in numbers] != [*range(keypoints)]:
        raise value.wrong(f"each of {keypoints} keypoints paired with another or with itself")
    return tuple(numbers)


def names_of(value: Value) -> tuple[str, ...]:
    """Return the texts of a list, or of an object whose keys are 0, 1, 2 ..."""
    if isinstance(value.raw, dict):
        members = dict(value.members("an object"))
        keys = [str(number) for number in range(len(members))]
        if set(members) != set(keys):
            raise value.wrong(f"names by the numbers 0..{len(members) - 1}")
        names = [members[key].text() for key in keys]
    else:
        names = [entry.text() for entry in value.entries("a list of names")]
    if len(set(names)) < len(names) or len(names) > _MOST:
        raise value.wrong(f"at most {_MOST} names, each once")
    return tuple(names)


def _lines(value: Value, keypoints: int) -> tuple[tuple[int, int], ...]:
    """Return pairs from 0; the file counts keypoints from 1, as COCO does."""
    pairs = []
    for pair in value.entries("a list of pairs"):
        ends = [end.whole(1, keypoints) - 1 for end in pair.entries("a pair of keypoints from 1")]
        if len(ends) != 2:
            raise pair.wrong("a pair of keypoints from 1", str(len(ends)))
        pairs.append((ends[0], ends[1]))
    return tuple(pairs)


def _symmetries(
    value: Value | None, classes: tuple[str, ...]
) -> tuple[tuple[Array, ...], Array, Array]:
    rotations = [np.eye(3)[None]] * len(classes)
    vectors = {name: np.zeros((len(classes), 3)) for name in ("axis", "mirror")}
    for name, symmetry in value.members("an object of classes") if value else ():
        if name not in classes:
            raise symmetry.wrong(f"one of the classes {', '.join(classes)}", repr(name[:40]))
        number = classes.index(name)
        if turns := symmetry.member("rotations"):
            rotations[number] = _turns(turns)
        for what, rows in vectors.items():
            if given := symmetry.member(what):
                vector = np.array(given.numbers(3))
                if (length := np.linalg.norm(vector)) < 1e-6:
                    raise given.wrong("a direction", "zero")
                rows[number] = vector / length
    return tuple(rotations), vectors["axis"], vectors["mirror"]


def _turns(value: Value) -> Array:
    rows = [
        [row.numbers(3) for row in matrix.entries("3 rows")]
        for matrix in value.entries("a list of rotation matrices")
    ]
    if not rows or any(len(matrix) != 3 for matrix in rows):
        raise value.wrong("rotation matrices of 3 rows")
    turns = np.array(rows, np.float64)
    off = np.abs(turns @ turns.swapaxes(1, 2) - np.eye(3)).max()
    if off > 1e-3 or bool((np.linalg.det(turns) < 0).any()):
        raise value.wrong("rotation matrices", "others")
    if not np.allclose(turns[0], np.eye(3), atol=1e-4):
        raise value.wrong("the identity first")
    return turns
