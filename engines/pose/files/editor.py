"""What the first OpenPose editors save: width, height and keypoints.

keypoints is a list with one list per person of 18 times [x, y] in OpenPose's order, or a single
person's list. A joint that was removed is null, or [0, 0].
Source: the code of fkunn1326/openpose-editor.
"""

from typing import Any

from ...document import Value
from ..poses import Poses
from ..skeletons import OPENPOSE_18
from .assemble import Person, assemble, frame_count
from .frames import canvas_of, entries_of


def owns(raw: Any) -> bool:
    """Return whether a document, or the first frame of a list, is an editor's."""
    first = raw[0] if isinstance(raw, list) and raw else raw
    return isinstance(first, dict) and {"keypoints", "width", "height"} <= first.keys()


def parse(
    document: Value, *, canvas: tuple[int, int] | None = None, frames: int | None = None
) -> Poses:
    """Return the poses in a document: the object of a single frame, or a list of them.

    frames: how many there are; those after the document's last are empty

    Raises `InputError` for what is malformed, with the place in it.
    """
    entries = entries_of(document)
    found = [
        Person(frame, _joints(person))
        for frame, entry in enumerate(entries)
        for person in _people(entry.needed("keypoints"))
    ]
    return assemble(
        found,
        frames=frame_count(document, len(entries), frames),
        canvas=canvas_of(document, entries, canvas, ("height", "width")),
        skeleton=OPENPOSE_18.name,
        source=document.source,
    )


def _people(keypoints: Value) -> list[Value]:
    people = list(keypoints.entries("a list of people"))
    points = people[0].raw if people else None
    alone = isinstance(points, list) and points and not isinstance(points[0], (list, type(None)))
    return [keypoints] if alone else people


def _joints(person: Value) -> list[float]:
    """Return x, y, c in one flat list."""
    points = list(person.entries("a list of [x, y]"))
    if len(points) != len(OPENPOSE_18):
        raise person.wrong(f"{len(OPENPOSE_18)} joints", str(len(points)))
    joints: list[float] = []
    for point in points:
        x, y = (0.0, 0.0) if point.raw is None else point.numbers(2)
        joints += [x, y, float((x, y) != (0.0, 0.0))]
    return joints
