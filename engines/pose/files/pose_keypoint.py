"""POSE_KEYPOINT, as controlnet_aux and DWPose packs write it and OpenPose editors read it.

A list with one object per frame: people, canvas_height, canvas_width. A person has flat lists of
x, y, c: pose_keypoints_2d (18 points, or 25 as OpenPose's BODY_25), face_keypoints_2d (68; 69 and
70 have pupils after them, 51 lack the jaw; a face of any other number is left out),
hand_left_keypoints_2d and hand_right_keypoints_2d (21 each), or null.
Source: github.com/CMU-Perceptual-Computing-Lab/openpose, doc/02_output.md, and the code of
comfyui_controlnet_aux, src/custom_controlnet_aux/dwpose.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...document import Value
from ...words import counted
from ..poses import Poses
from ..skeletons import OPENPOSE_18, OPENPOSE_134
from . import animals, editor
from .assemble import Person, assemble, frame_count, settled
from .frames import canvas_of, entries_of

Warn = Callable[[str], object]

# Part of the skeleton -> how its keys begin, and its points.
_PARTS = {
    "body": ("pose", 18),
    "feet": ("foot", 6),
    "face": ("face", 68),
    "left_hand": ("hand_left", 21),
    "right_hand": ("hand_right", 21),
}
# Parts that every person has in what is written, as zeros where the poses have none: ComfyUI's
# SDPoseDrawKeypoints takes neither null nor an empty list nor a missing key.
_EXPECTED = {"face": 70, "left_hand": 21, "right_hand": 21}
_JAW, _WITHOUT_JAW = 17, 51
_FACES = (_WITHOUT_JAW, 68, 69, 70)  # points that a face may have
_MID_HIP = 8  # of BODY_25, which is OpenPose's 18 with this joint and six of the feet behind
_PUPILS = (14, 15)  # of the body: the eyes stand in for the pupils, which nobody has


def to_pose_keypoint(poses: Poses) -> list[dict[str, Any]]:
    """Return one dict per frame, as controlnet_aux writes and OpenPose editors read.

    `pose_keypoints_2d` is a flat list of 18 times x, y, c in pixels of the canvas. Readers drop
    every point with c < 1, so c is 1.0 where the joint is seen and 0.0 (with x = y = 0) where
    not. The real confidences stand in `pose_confidence`, the person's in `score`, the track in
    `track_id` (-1 = none), the box (x0, y0, x1, y1) in `box`. The face has 70 points (as in DWPose
    packs the last two are the eyes), each hand 21; whole bodies also have the feet
    (`foot_keypoints_2d`, 6 points, as ComfyUI's SDPose nodes name them), and confidences of each
    part. Where the poses have no face and hands, these are zeros, without confidences.

    Animals are written as in `animals`. Raises `InputError` for NaN or infinity.
    """
    if poses.are_animals:
        return animals.to_animals(poses)
    joints = settled(poses.as_openpose())
    skeleton = OPENPOSE_134 if joints.skeleton == OPENPOSE_134.name else OPENPOSE_18
    seen = (joints.confidence > 0).to(joints.keypoints.dtype)
    points = torch.cat([joints.keypoints, seen[..., None]], -1)
    columns: dict[str, Any] = {}
    for part, place in skeleton.parts.items():
        key = _PARTS[part][0]
        values = with_pupils(points, place) if part == "face" else points[:, :, place]
        columns[f"{key}_keypoints_2d"] = values.flatten(2).tolist()
        columns[f"{key}_confidence"] = joints.confidence[:, :, place].tolist()
    for part, size in _EXPECTED.items():
        if part not in skeleton.parts:
            nothing = points.new_zeros(*points.shape[:2], 3 * size)
            columns[f"{_PARTS[part][0]}_keypoints_2d"] = nothing.tolist()
    columns["score"] = joints.scores.tolist()
    columns["track_id"] = joints.track_ids.tolist()
    columns["box"] = joints.boxes.tolist()
    height, width = joints.canvas
    return [
        {
            "people": [
                {key: column[f][p] for key, column in columns.items()} for p in range(count)
            ],
            "canvas_height": height,
            "canvas_width": width,
        }
        for f, count in enumerate(joints.count.tolist())
    ]


def with_pupils(points: Tensor, face: slice) -> Tensor:
    """Return the face of whole bodies [F,P,134,3] as OpenPose has it, [F,P,70,3].

    A face of which nothing is seen has no pupils either: two points alone would be taken for one.
    """
    seen = (points[:, :, face, 2:] > 0).any(2, keepdim=True)
    return torch.cat([points[:, :, face], points[:, :, _PUPILS] * seen], 2)


def from_pose_keypoint(
    pose_keypoint: Any,
    *,
    canvas: tuple[int, int] | None = None,
    frames: int | None = None,
    warn: Warn = warnings.warn,
) -> Poses:
    """Return the poses of a POSE_KEYPOINT socket, ours or another pack's; see `parse`.

    Raises `InputError` for what is malformed, with the place in it.
    """
    return parse(Value(pose_keypoint, "pose_keypoint"), canvas=canvas, frames=frames, warn=warn)


def parse(
    document: Value,
    *,
    canvas: tuple[int, int] | None = None,
    frames: int | None = None,
    warn: Warn = warnings.warn,
) -> Poses:
    """Return the poses in a document: a list of frames, or the object of a single one.

    canvas: height and width, for documents that do not say
    frames: how many there are; those after the document's last are empty
    warn:   called with what is left out

    Documents of `animals` and of the first `editor`s are read, too. Others give openpose_18, or
    openpose_wholebody_134 as soon as anybody has a face, a hand or our feet; then the feet of a
    25-point body are kept, too. Where our confidences are present, they replace c; a face or a hand
    of zeros beside our confidences of the body, without its own, is none. Without our confidences,
    coordinates that all lie in -1..2 on a larger canvas are fractions of its sides, as older
    controlnet_aux wrote them (joints may lie a bit outside).
    """
    if animals.owns(document.raw):
        return animals.parse(document, canvas=canvas, frames=frames)
    if editor.owns(document.raw):
        return editor.parse(document, canvas=canvas, frames=frames)
    entries = entries_of(document)
    found = [
        (frame, person)
        for frame, entry in enumerate(entries)
        for person in entry.needed("people").entries("a list of people")
    ]
    if not entries and frames is None:
        raise document.wrong("at least one frame", "an empty list")
    stated = canvas_of(document, entries, canvas)
    bodies = [(frame, read_person(person)) for frame, person in found]
    tell_of_faces([body for _, body in bodies], document.source, warn)
    whole = any(body.is_whole for _, body in bodies)
    people_found = [
        Person(
            frame,
            body.joints(whole=whole),
            score=score_of(person),
            box=box_of(person),
            track=track_of(person),
        )
        for (frame, body), (_, person) in zip(bodies, found, strict=True)
    ]
    ours = any(body.ours for _, body in bodies)
    fractions = not ours and _are_fractions(people_found, stated)
    return assemble(
        people_found,
        frames=frame_count(document, len(entries), frames),
        canvas=stated,
        skeleton=(OPENPOSE_134 if whole else OPENPOSE_18).name,
        source=document.source,
        scale=(float(stated[1]), float(stated[0])) if fractions else (1.0, 1.0),
    )


@dataclass(frozen=True)
class Body:
    """The parts of one person: x, y, c, flat; a part that is not there is None.

    spare:   feet of a 25-point body, which count only if the person is a whole body anyway
    ours:    whether it says its real confidences
    unknown: points of a face that is left out, as nobody knows which they are; 0 = none
    """

    parts: dict[str, list[float] | None]
    spare: list[float] | None
    ours: bool
    unknown: int = 0

    @property
    def is_whole(self) -> bool:
        return any(points is not None for part, points in self.parts.items() if part != "body")

    def joints(self, *, whole: bool) -> list[float]:
        """Return the joints in the order of openpose_18 or openpose_wholebody_134."""
        skeleton = OPENPOSE_134 if whole else OPENPOSE_18
        joints: list[float] = []
        for part, place in skeleton.parts.items():
            points = self.parts[part]
            if points is None and part == "feet":
                points = self.spare
            joints += points or [0.0] * (3 * (place.stop - place.start))
        return joints


def read_person(person: Value) -> Body:
    """Read a person of POSE_KEYPOINT, or of one of OpenPose's own files."""
    parts: dict[str, list[float] | None] = {}
    spare = None
    ours = False
    unknown = 0
    for part, (key, size) in _PARTS.items():
        points = person.member(f"{key}_keypoints_2d")
        if points is None or points.is_empty_list():
            parts[part] = None
            continue
        if part == "face":
            numbers = _face(points)
            if not numbers:
                unknown, parts[part] = len(points.raw) // 3, None
                continue
        else:
            numbers = points.joints(size, *((25,) if part == "body" else ()))
        if part == "body" and len(numbers) == 3 * 25:
            start = 3 * (size + 1)
            spare = numbers[start:]
            numbers = numbers[: 3 * _MID_HIP] + numbers[3 * (_MID_HIP + 1) : start]
        numbers = numbers[: 3 * size]
        confidence = person.member(f"{key}_confidence")
        if confidence is None and person.member("pose_confidence") is not None and not any(numbers):
            parts[part] = None  # zeros in place of a part that the poses did not have
            continue
        if confidence is not None:
            ours = True
            for i, value in enumerate(confidence.numbers(size)):
                if not 0 <= value <= 1:
                    raise Value(value, f"[{i}]", confidence).wrong("a confidence in 0..1")
                # An editor may have moved, added or removed joints: c says which are there.
                if value > 0 and numbers[3 * i + 2] > 0:
                    numbers[3 * i + 2] = value
        parts[part] = numbers
    return Body(parts, spare, ours, unknown)


def _face(points: Value) -> list[float]:
    """Return the 68 points of a face, x, y, c, flat; nothing for a face in an unknown order."""
    raw = points.raw
    count, rest = divmod(len(raw), 3) if isinstance(raw, list | tuple) else (0, 1)
    if rest or count in _FACES:
        numbers = points.joints(*_FACES)
        return [0.0] * (3 * _JAW) + numbers if count == _WITHOUT_JAW else numbers
    points.joints(count)  # checks that they are numbers at least
    return []


def tell_of_faces(bodies: Sequence[Body], source: str, warn: Warn) -> None:
    """Say which faces are left out."""
    for count, people in sorted(Counter(body.unknown for body in bodies if body.unknown).items()):
        warn(
            f"{source}: {counted(people, 'face')} of {counted(count, 'point')} left out, whose "
            "order is unknown; expected 68 points, 70 with the pupils or 51 without the jaw"
        )


def score_of(person: Value) -> float | None:
    """Return our key `score`; None if it is missing."""
    value = person.member("score")
    return None if value is None else value.number(0, 1)


def track_of(person: Value) -> int:
    """Return our key `track_id`, else OpenPose's `person_id`, a list of one number; else -1."""
    track = person.member("track_id") or person.member("person_id")
    if track is not None and isinstance(track.raw, list):
        track = next(track.entries("a list of one number"), None)
    return -1 if track is None else track.whole(-1)


def box_of(person: Value) -> list[float] | None:
    """Return our key `box`: x0, y0, x1, y1; None if it is missing."""
    box = person.member("box")
    return None if box is None else box.numbers(4)


def _are_fractions(people: Sequence[Person], canvas: tuple[int, int]) -> bool:
    if min(canvas) <= 2:
        return False
    points = torch.tensor([p.joints for p in people], dtype=torch.float64).view(-1, 3)
    seen = points[points[:, 2] > 0, :2]
    return bool(len(seen) and seen.min() >= -1 and seen.max() <= 2)
