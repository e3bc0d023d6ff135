"""Poses of animals in AP-10K's order, as controlnet_aux's AnimalPose writes them.

An object per frame: version ("ap10k"), animals, canvas_height, canvas_width. An animal is a list of
17 times [x, y, c]. `scores`, `track_ids` and `boxes` (x0, y0, x1, y1), one per animal, are keys of
our own.
"""

from typing import Any

from ...document import Value
from ..poses import Poses
from ..skeletons import AP10K_17
from .assemble import Person, assemble, frame_count, settled, triples
from .frames import canvas_of, entries_of

VERSION = "ap10k"


def owns(raw: Any) -> bool:
    """Return whether a document, or the first frame of a list, holds animals."""
    first = raw[0] if isinstance(raw, list) and raw else raw
    return isinstance(first, dict) and "animals" in first


def to_animals(poses: Poses) -> list[dict[str, Any]]:
    """Return one dict per frame; joints that are not seen are 0, 0, 0.

    Raises `InputError` for NaN or infinity.
    """
    here = settled(poses)
    points, boxes = triples(here).tolist(), here.boxes.tolist()
    scores, tracks = here.scores.tolist(), here.track_ids.tolist()
    height, width = here.canvas
    return [
        {
            "version": VERSION,
            "animals": points[f][:count],
            "scores": scores[f][:count],
            "track_ids": tracks[f][:count],
            "boxes": boxes[f][:count],
            "canvas_height": height,
            "canvas_width": width,
        }
        for f, count in enumerate(here.count.tolist())
    ]


def parse(
    document: Value, *, canvas: tuple[int, int] | None = None, frames: int | None = None
) -> Poses:
    """Return the poses in a document: a list of frames, or the object of a single one.

    canvas: height and width, for documents that do not say
    frames: how many there are; those after the document's last are empty

    Raises `InputError` for what is malformed, with the place in it.
    """
    entries = entries_of(document)
    found = []
    for frame, entry in enumerate(entries):
        animals = list(entry.needed("animals").entries("a list of animals"))
        ours = {name: _each(entry, name, len(animals)) for name in ("scores", "track_ids", "boxes")}
        for number, animal in enumerate(animals):
            score, track, box = (values[number] for values in ours.values())
            found.append(
                Person(
                    frame,
                    _joints(animal),
                    score=None if score is None else score.number(0, 1),
                    box=None if box is None else box.numbers(4),
                    track=-1 if track is None else track.whole(-1),
                )
            )
    return assemble(
        found,
        frames=frame_count(document, len(entries), frames),
        canvas=canvas_of(document, entries, canvas),
        skeleton=AP10K_17.name,
        source=document.source,
    )


def _joints(animal: Value) -> list[float]:
    """Return x, y, c in one flat list."""
    raw = animal.raw
    if not (isinstance(raw, list) and raw and isinstance(raw[0], list)):
        return animal.joints(len(AP10K_17))
    if len(raw) != len(AP10K_17):
        raise animal.wrong(f"{len(AP10K_17)} keypoints (AP-10K)", str(len(raw)))
    return [number for point in animal.entries("a list") for number in point.joints(1)]


def _each(entry: Value, name: str, count: int) -> list[Value | None]:
    """Return a value for each animal; None where the file has none."""
    values = entry.member(name)
    if values is None:
        return [None] * count
    found = list(values.entries("a list"))
    if len(found) != count:
        raise values.wrong(f"one for each of {count} animals", str(len(found)))
    return list(found)
