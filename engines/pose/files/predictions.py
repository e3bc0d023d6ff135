"""Predictions: for every image a list of detections, as YOLOZU's tools exchange them.

    {"schema_version": 1,
     "predictions": [{"image": "frame_000000.png", "detections": [
       {"class_id": 0, "score": 0.9, "bbox": {"cx": .5, "cy": .5, "w": .2, "h": .8},
        "keypoints": [[.5, .2, .9], ...], "track_id": 3}]}],
     "meta": {"canvas_height": 464, "canvas_width": 832, "skeleton": "coco_17"}}

bbox and keypoints are fractions of the image's sides; the third number of a keypoint is its
confidence. Also read: the list of `predictions` alone, an object from image to detections in its
place, keypoints as a flat list, and files without `meta`, `keypoints` or `track_id`. The skeleton
follows from the number of keypoints, and where two have as many from meta.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import torch

from ...document import Value
from ...words import counted
from ..poses import Poses
from ..skeletons import COCO_17, SKELETONS
from .assemble import Person, assemble, frame_count, need_canvas, settled

SCHEMA = 1
PERSON = 0  # the class of people; what is of another class is left out
_FARTHEST = 10.0  # images: keypoints further out are pixels, not fractions


def to_predictions(poses: Poses, images: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the wrapped form, with every frame, also the empty ones, in the poses' own skeleton.

    images: names of the frames; None = frame_000000.png and so on

    Joints that are not seen are 0, 0, 0. Raises `InputError` for NaN or infinity.
    """
    here = settled(poses)
    names = [f"frame_{f:06d}.png" for f in range(len(here))] if images is None else images
    height, width = here.canvas
    sides = torch.tensor([width, height], dtype=torch.float64)
    # float64, so that fractions read back as the pixels that they were
    points = torch.cat([here.keypoints / sides, here.confidence[..., None]], -1).tolist()
    low, high = here.boxes.double().unflatten(2, (2, 2)).unbind(2)
    boxes = torch.cat([(low + high) / 2 / sides, (high - low) / sides], -1).tolist()
    scores, tracks = here.scores.tolist(), here.track_ids.tolist()
    return {
        "schema_version": SCHEMA,
        "predictions": [
            {
                "image": name,
                "detections": [
                    {
                        "class_id": PERSON,
                        "score": scores[f][p],
                        "bbox": dict(zip(("cx", "cy", "w", "h"), boxes[f][p], strict=True)),
                        "keypoints": points[f][p],
                        "track_id": tracks[f][p],
                    }
                    for p in range(count)
                ],
            }
            for f, (name, count) in enumerate(zip(names, here.count.tolist(), strict=True))
        ],
        "meta": {"canvas_height": height, "canvas_width": width, "skeleton": here.skeleton},
    }


def parse(
    document: Value,
    *,
    canvas: tuple[int, int] | None = None,
    frames: int | None = None,
    images: Sequence[str] | None = None,
    others: bool = False,
) -> Poses:
    """Return the poses in a document of any of the forms.

    canvas: height and width, for documents whose `meta` does not say
    frames: how many there are; None = as many as `images`, or up to the last that is named
    images: names of the frames. An entry belongs to the frame of the same path, else of the same
            file name, else of the same number (the last one in the name). Without them its
            number is the frame; if no entry has one, their order counts.
    others: entries that belong to none of `images` are left out, as long as one does

    Frames without an entry are empty. Detections without keypoints are boxes with joints that
    are not seen. Raises `InputError` for what is malformed, for entries of one frame, and for
    entries that belong to none.
    """
    meta = document.member("meta") if _is_wrapped(document) else None
    if meta is not None and meta.member("canvas_height") is not None:
        stated = tuple(meta.needed(f"canvas_{s}").whole(1, 2**24) for s in ("height", "width"))
        canvas = stated[0], stated[1]
    canvas = need_canvas(document, canvas, "a file of predictions without meta.canvas_height")
    entries = list(_entries(document))
    joined = _frames([image for image, _ in entries], images, frames, others=others)
    found = [
        (frame, detection)
        for frame, (_, detections) in zip(joined, entries, strict=True)
        if frame is not None
        for detection in detections.entries("a list of detections")
        if detection.needed("class_id").whole(0) == PERSON
    ]
    points = [_keypoints(detection) for _, detection in found]
    size = next((len(p) // 3 for p in points if p is not None), 0)
    skeleton = next((s for s in SKELETONS.values() if len(s) == size), COCO_17)
    name = meta.member("skeleton") if meta is not None else None
    named = next((s for s in SKELETONS.values() if name is not None and s.name == name.raw), None)
    if named is not None and size in (0, len(named)):
        skeleton = named
    people = []
    for (frame, detection), joints in zip(found, points, strict=True):
        if joints is not None and len(joints) != 3 * len(skeleton):
            raise detection.needed("keypoints").wrong(
                f"{len(skeleton)} keypoints, as before", str(len(joints) // 3)
            )
        track = detection.member("track_id")
        people.append(
            Person(
                frame,
                joints or [0.0] * (3 * len(skeleton)),
                score=detection.needed("score").number(0, 1),
                box=_box(detection, needed=joints is None),
                track=-1 if track is None else track.whole(-1),
            )
        )
    last = max((f for f in joined if f is not None), default=-1) + 1
    last = last if images is None else len(images)
    if last == 0 and frames is None:
        raise document.wrong("predictions for at least one image", "none")
    return assemble(
        people,
        frames=frame_count(document, last, frames),
        canvas=canvas,
        skeleton=skeleton.name,
        source=document.source,
        scale=(float(canvas[1]), float(canvas[0])),
    )


def _is_wrapped(document: Value) -> bool:
    return isinstance(document.raw, dict) and "predictions" in document.raw


def _entries(document: Value) -> Iterable[tuple[Value, Value]]:
    """Return the name of each image, and its detections."""
    if _is_wrapped(document):
        version = document.member("schema_version")
        if version is not None and version.raw != SCHEMA:
            raise version.wrong(f"{SCHEMA}")
        document = document.needed("predictions")
    if isinstance(document.raw, dict):
        for name, detections in document.members("predictions"):
            yield Value(name, f"[{name!r}]", document), detections
        return
    for entry in document.entries("a list with one object per image"):
        yield entry.needed("image"), entry.needed("detections")


def _frames(
    names: Sequence[Value], images: Sequence[str] | None, frames: int | None, *, others: bool
) -> list[int | None]:
    """Return the frame of each entry; None: it belongs to none, and may."""
    found: list[int | None]
    if images is None:
        found = [number_in(name.text()) for name in names]
        if all(number is None for number in found):
            found = list(range(len(names)))
        wanted = "a name with the number of its frame"
    else:
        paths = _unique(images)
        bases = _unique([_base(image) for image in images])
        known = _unique([number_in(image) for image in images])
        found = [
            paths.get(t, bases.get(_base(t), known.get(number_in(t))))
            for t in (name.text() for name in names)
        ]
        wanted = "the path, file name or number of an image of the clip"
        others = others and any(frame is not None for frame in found)
    taken: dict[int, Value] = {}
    for name, frame in zip(names, found, strict=True):
        if frame is None:
            if others:
                continue
            raise name.wrong(wanted)
        if frame in taken:
            one = f"{name.raw!r} for the image of {taken[frame].way}"
            raise name.wrong("one entry per image", one)
        if frames is not None and frame >= frames:
            raise name.wrong(
                f"a number in 0..{frames - 1}, as the clip has {counted(frames, 'frame')}"
            )
        taken[frame] = name
    return found


def number_in(name: str) -> int | None:
    """Return the last number in a file name, before its suffix; None if there is none, or a huge
    one."""
    stem = re.sub(r"\.[A-Za-z][A-Za-z0-9]{1,4}$", "", _base(name))
    digits = re.findall(r"\d+", stem)
    return int(digits[-1]) if digits and len(digits[-1]) < 16 else None


def _base(name: str) -> str:
    return re.split(r"[\\/]", name)[-1]


def _unique(keys: Sequence[Any]) -> dict[Any, int]:
    """Return the index of every key that occurs once; the others, and None, tell nothing."""
    often = Counter(keys)
    return {key: i for i, key in enumerate(keys) if key is not None and often[key] == 1}


def _keypoints(detection: Value) -> list[float] | None:
    """Return x, y, c in one flat list."""
    points = detection.member("keypoints")
    if points is None or points.is_empty_list():
        return None
    sizes = sorted({len(skeleton) for skeleton in SKELETONS.values()})
    raw = points.raw
    if isinstance(raw, list) and isinstance(raw[0], list):
        if len(raw) not in sizes:
            raise points.wrong(f"{' or '.join(map(str, sizes))} keypoints", str(len(raw)))
        joints = [number for point in points.entries("a list") for number in point.joints(1)]
    else:
        joints = points.joints(*sizes)
    for i, number in enumerate(joints):
        if i % 3 < 2 and abs(number) > _FARTHEST:
            raise points.wrong("fractions of the image's sides", f"{number:g}, which is pixels")
    return joints


def _box(detection: Value, *, needed: bool) -> list[float] | None:
    """Return x0, y0, x1, y1 in fractions of the canvas."""
    box = detection.needed("bbox") if needed else detection.member("bbox")
    if box is None:
        return None
    cx, cy, w, h = (box.needed(key).number(-_FARTHEST, _FARTHEST) for key in ("cx", "cy", "w", "h"))
    return [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]
