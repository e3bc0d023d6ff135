"""Objects of frames as predictions, and back: `predictions`, with the names that numbers stand for.

    {"schema_version": 1, "predictions": [{"image": "frame_000000.png", ...}],
     "labels": {"class_names": ["cup"], "keypoint_names": ["rim"], "skeleton": [],
                "bounds": [[[-0.04, -0.04, 0], [0.04, 0.04, 0.1]]]}}

`labels` and its members may be left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...document import Value, load
from ...errors import InputError
from ...geometry.camera import Camera
from ...geometry.placement import Size
from ...words import counted
from ..labels import Labels, bounds_in
from ..objects import Objects
from ..projection import projected
from .read_predictions import objects_in

SCHEMA = 1
LIST = "predictions"
_LENS = ("fx", "fy", "cx", "cy")
_MOST = 4096  # classes or keypoints where the file does not say how many there are


def frame_names(first: int, count: int) -> list[str]:
    """Return the names of frames that are no files."""
    return [f"frame_{number:06d}.png" for number in range(first, first + count)]


def to_predictions(objects: Objects, names: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the objects of frames.

    names: of the frames; None: `frame_names` from 0 on

    Raises `InputError` for NaN or infinity, and for an object that is not before the camera.
    """
    here = objects.to("cpu")
    height, width = here.canvas
    sides = torch.tensor([width, height], dtype=torch.float64)
    low, high = here.boxes.double().unflatten(2, (2, 2)).unbind(2)
    columns = {
        "class_id": here.classes,
        "score": here.scores.double(),
        "bbox": torch.cat([(low + high) / 2 / sides, (high - low) / sides], -1).clamp(0, 1),
        **_poses(here, (low + high) / 2),
    }
    if here.keypoints.shape[2]:
        points = here.keypoints.double() / sides
        columns["keypoints"] = torch.cat([points, here.confidence.double()[..., None]], -1)
        columns["keypoints"] = columns["keypoints"].flatten(2)
    for name, values in columns.items():
        if not bool(values[here.present].isfinite().all()):
            raise InputError(f"detections: {name}: found NaN or infinity, which no file can hold")
    lists = {name: values.tolist() for name, values in columns.items()}
    cameras = _cameras(here)
    names = frame_names(0, len(here)) if names is None else names
    return {
        "schema_version": SCHEMA,
        LIST: [
            {
                "image": names[frame],
                "detections": [
                    _detection({name: rows[frame][place] for name, rows in lists.items()})
                    for place in range(count)
                ],
                "image_size": {"width": width, "height": height},
                **cameras[frame],
            }
            for frame, count in enumerate(here.count.tolist())
        ],
        "labels": {
            "class_names": list(here.labels.classes),
            "keypoint_names": list(here.labels.keypoints),
            "skeleton": [list(pair) for pair in here.labels.skeleton],
            **({"bounds": list(here.labels.bounds)} if here.labels.bounds else {}),
        },
    }


def read_frames(
    path: Path, *, canvas: Size | None = None, frames: int | None = None, classes: str = ""
) -> Objects:
    """Return the objects of a file of predictions, its images in their order as frames.

    canvas:  height and width of the frames; None: as the file has it
    frames:  how many there must be; None: any number
    classes: names of the classes with commas between, for a file without

    Raises `InputError` that names the place for a malformed value, for no image, an image that is
    there twice, another number of frames, and names for classes that the file names.
    """
    document = load(path)
    rows, labels = document, Labels()
    if isinstance(document.raw, dict):
        rows = document.needed(LIST)
        about = document.member("labels")
        labels = Labels() if about is None else _labels(about)
    given = tuple(name.strip() for name in classes.split(",") if name.strip())
    if given and labels.classes:
        raise InputError(
            f"class_names: {path.name} names its classes ({', '.join(labels.classes)[:200]}); "
            "leave class_names empty"
        )
    labels = replace(labels, classes=labels.classes or given)
    entries = list(rows.entries("a list of images"))
    if not entries:
        raise rows.wrong("at least one image")
    if frames is not None and len(entries) != frames:
        raise rows.wrong(f"{counted(frames, 'image')}, as many as frames", str(len(entries)))
    found = objects_in(
        document,
        [entry.needed("image").text() for entry in entries],
        classes=len(labels.classes) or _MOST,
        keypoints=len(labels.keypoints) or _keypoints(entries),
    )
    camera = None if found.camera is None else _steady(found.camera)
    found = replace(found, labels=labels, camera=camera)
    return found if canvas is None else found.fitted(canvas)


def _steady(camera: Camera) -> Camera:
    """Return a camera with one value where those of all frames are the same."""
    one = {
        name: values[:1]
        for name in _LENS
        if bool(((values := getattr(camera, name)) == values[0]).all())
    }
    return replace(camera, **one)


def _poses(here: Objects, centre: Tensor) -> Mapping[str, Tensor]:
    """Return the columns of poses [F,P,...]; centre: of the boxes [F,P,2] px."""
    if here.rotation is None or here.translation is None or here.camera is None:
        return {}
    depth = here.translation[..., 2]
    if bool((depth[here.present] <= 0).any()):
        raise InputError(
            "detections: translation: expected z above 0, before the camera, found "
            f"{float(depth[here.present].min()):.4g} m"
        )
    present = here.present[..., None]
    places = torch.where(present, here.translation, 1.0).double()
    lens = here.camera.fitted(here.canvas).table(torch.float64).T[:, None]  # [F or 1,1,4]
    return {
        "log_z": places[..., 2:].log(),
        "rot6d": here.rotation[..., :2, :].double().flatten(2),
        "offsets": projected(places, lens) - centre,
        "k_delta": torch.zeros(*here.scores.shape, 4),
    }


def _cameras(here: Objects) -> Sequence[Mapping[str, Any]]:
    if here.camera is None:
        return [{}] * len(here)
    table = here.camera.fitted(here.canvas).table(torch.float64).T.expand(len(here), 4)
    return [{"intrinsics": dict(zip(_LENS, row, strict=True))} for row in table.tolist()]


def _detection(values: dict[str, Any]) -> dict[str, Any]:
    values["bbox"] = dict(zip(("cx", "cy", "w", "h"), values["bbox"], strict=True))
    if "log_z" in values:
        (values["log_z"],) = values["log_z"]
    return values


def _labels(about: Value) -> Labels:
    def names(key: str) -> tuple[str, ...]:
        given = about.member(key)
        every = given.entries("a list of names") if given else ()
        return tuple(name.text() for name in every)

    keypoints = names("keypoint_names")
    lines = about.member("skeleton")
    pairs = []
    for pair in lines.entries("pairs of keypoints from 0") if lines else ():
        ends = [end.whole(0, len(keypoints) - 1) for end in pair.entries("two keypoints")]
        if len(ends) != 2:
            raise pair.wrong("two keypoints", str(len(ends)))
        pairs.append((ends[0], ends[1]))
    classes = names("class_names")
    return Labels(classes, keypoints, tuple(pairs), bounds_in(about, len(classes)))


def _keypoints(entries: Sequence[Value]) -> int:
    """Return how many keypoints the first detection with any has."""
    for entry in entries:
        for detection in entry.needed("detections").entries("a list of detections"):
            points = detection.member("keypoints")
            if points is not None and isinstance(points.raw, list) and points.raw:
                of_objects = isinstance(points.raw[0], dict)  # x, y, v by name, not one by one
                return min(len(points.raw) // (1 if of_objects else 3), _MOST)
    return 0
