"""Heads from JSON, as `formats/as_json.py` describes it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...document import FARTHEST, Value
from ...errors import InputError
from ...geometry.camera import Camera
from ...geometry.camera_rows import camera_of_rows
from ...memory import shortage
from ...words import counted
from ..angles import angles
from ..heads import Heads
from .formats.as_json import ANGLES, NAME, VERSION

_MOST_POINTS = 4096
_NUMBERS = 19  # of a head besides its landmarks, in 4 bytes each
_OFF = 0.05  # degrees, by which angles may be off the rotation that they are of
_LENS = ("fx", "fy", "cx", "cy")
_SIDES = ("height", "width")


@dataclass(frozen=True)
class _Head:
    """A head in a document: `value`, and its numbers, flat."""

    value: Value
    score: float
    track: int
    box: list[float]
    translation: list[float]
    rotation: list[float]
    landmarks: list[float]
    angles: list[float]  # NaN where it says none

    @classmethod
    def of(cls, value: Value, points: int) -> "_Head":
        track = value.member("track_id")
        said = [value.member(name) for name in ANGLES]
        return cls(
            value=value,
            score=value.needed("score").number(0, 1),
            track=-1 if track is None else track.whole(-1),
            box=value.needed("box").numbers(4),
            translation=value.needed("translation").numbers(3),
            rotation=value.needed("rotation").numbers(9),
            landmarks=value.needed("landmarks").numbers(3 * points) if points else [],
            angles=[torch.nan if one is None else one.number(-180, 180) for one in said],
        )


def heads_of(document: Value) -> Heads:
    """Return the heads in a document.

    Raises `InputError` for what is malformed, with the place in it, and for angles that are not
    those of their rotations.
    """
    name, version = document.needed("format"), document.needed("version")
    if name.text() != NAME:
        raise name.wrong(f"heads ({NAME})")
    if version.whole(1) != VERSION:
        raise version.wrong(f"version {VERSION}", f"{version.raw}; a newer Kinograph wrote it")
    height, width = (document.needed(f"canvas_{side}").whole(1, 2**24) for side in _SIDES)
    points = document.needed("landmarks").whole(0, _MOST_POINTS)
    frames = list(document.needed("frames").entries("a list of frames"))
    if not frames:
        raise document.needed("frames").wrong("at least one frame")
    for number, frame in enumerate(frames):
        stated = frame.member("frame")
        if stated is not None and stated.whole(0) != number:
            raise stated.wrong(f"{number}, as frames are numbered from 0 without gaps")
    found = [
        [_Head.of(head, points) for head in frame.needed("heads").entries("a list of heads")]
        for frame in frames
    ]
    places = max(1, max(len(here) for here in found))
    if lacking := shortage(len(frames) * places * (_NUMBERS + 3 * points) * 4):
        raise InputError(
            f"{document.source}: {counted(len(frames), 'frame')} with up to "
            f"{counted(places, 'head')} need {lacking}; cut the file into parts"
        )
    heads = Heads.empty(
        len(frames), (height, width), _camera(document, frames), heads=places, points=points
    )
    heads.count.copy_(torch.tensor([len(here) for here in found]))
    everybody = [head for here in found for head in here]
    if everybody:
        _fill(heads, everybody, points)
    return heads


def _camera(document: Value, frames: Sequence[Value]) -> Camera:
    shared = document.needed("camera")
    size = "x".join(str(shared.needed(side).whole(1, 2**24)) for side in _SIDES)
    axes, near = shared.needed("axes").text(), shared.needed("near").number(0, FARTHEST)
    rows = []
    for frame in frames:
        lens = frame.needed("camera")
        rows.append([lens.needed(name).number(-FARTHEST, FARTHEST) for name in _LENS])
    try:
        return camera_of_rows(torch.tensor(rows), size, axes, repr(near))
    except InputError as error:
        raise InputError(f"{document.source}: {error}") from error


def _fill(heads: Heads, everybody: Sequence[_Head], points: int) -> None:
    """Put all heads into the places of `heads`, in place."""
    there = heads.present

    def column(values: list[list[float]], *shape: int) -> Tensor:
        return torch.tensor(values).view(len(values), *shape)

    heads.rotation[there] = column([head.rotation for head in everybody], 3, 3)
    heads.translation[there] = column([head.translation for head in everybody], 3)
    heads.landmarks[there] = column([head.landmarks for head in everybody], points, 3)
    heads.boxes[there] = column([head.box for head in everybody], 4)
    heads.scores[there] = torch.tensor([head.score for head in everybody])
    heads.track_ids[there] = torch.tensor([head.track for head in everybody])
    said = column([head.angles for head in everybody], 3)
    apart = (said - angles(heads.rotation[there])).abs()
    apart = torch.minimum(apart, 360 - apart)
    for row, angle in (apart > _OFF).nonzero().tolist()[:1]:
        raise everybody[row].value.wrong(
            f"the {ANGLES[angle]} of its rotation", f"{said[row, angle]:g} degrees"
        )
