"""OpenPose's own output: a folder with a JSON file per frame, CLIP_000000000012_keypoints.json.

Source: github.com/CMU-Perceptual-Computing-Lab/openpose, doc/02_output.md (version 1.3).
"""

import re
import warnings
from pathlib import Path
from typing import Any

import torch

from ...document import Value, dump, load
from ...errors import InputError
from ...files import atomic_folder
from ..poses import Poses
from ..skeletons import OPENPOSE_18, OPENPOSE_134, SKELETONS
from .assemble import Person, assemble, frame_count, settled, triples
from .pose_keypoint import (
    Warn,
    box_of,
    read_person,
    score_of,
    tell_of_faces,
    track_of,
    with_pupils,
)

_NAME = re.compile(r"(?P<clip>.*?)_?(?P<frame>\d+)_keypoints\.json")
_PARTS = {
    "face": "face_keypoints_2d",
    "left_hand": "hand_left_keypoints_2d",
    "right_hand": "hand_right_keypoints_2d",
}
# OpenPose writes these, too, empty unless it reconstructs in 3D.
_IN_3D = tuple(f"{part}_keypoints_3d" for part in ("pose", "face", "hand_left", "hand_right"))


def write(poses: Poses, folder: Path) -> None:
    """Write a folder named after the clip, one file per frame; it appears when it is complete.

    Bodies have 18 points, whole bodies 25, as OpenPose's BODY_25: with the feet, and the middle
    of the hips as mid hip. c is the confidence, person_id the track. `score` and `box` are keys
    of our own. Raises `InputError` for NaN or infinity, `MediaError` for a folder that is there
    already with something in it, or cannot be written.
    """
    name = folder.resolve().name
    with atomic_folder(folder) as aside:
        write_frames(poses, aside, name)


def write_frames(poses: Poses, folder: Path, name: str, first: int = 0) -> list[Path]:
    """Write the files of some frames into a folder, and return them.

    name:  of the clip
    first: number of the first frame

    Raises `InputError` for NaN or infinity.
    """
    poses.need_people("openpose")
    joints = settled(poses.as_openpose())
    columns = _columns(joints)
    files = []
    for f, count in enumerate(joints.count.tolist()):
        people = [
            {key: column[f][p] for key, column in columns.items()} | {key: [] for key in _IN_3D}
            for p in range(count)
        ]
        files.append(folder / f"{name}_{first + f:012d}_keypoints.json")
        dump({"version": 1.3, "people": people}, files[-1])
    return files


def _columns(joints: Poses) -> dict[str, Any]:
    """Return for every key of a person its values by frame and place."""
    skeleton = SKELETONS[joints.skeleton]
    points = triples(joints)
    body = points[:, :, skeleton.parts["body"]]
    columns = {"person_id": joints.track_ids[..., None].tolist()}
    if skeleton is OPENPOSE_134:
        left, right = (points[:, :, skeleton.joints.index(f"{s}_hip")] for s in ("left", "right"))
        mid_hip = (left + right) / 2
        mid_hip[..., 2] = torch.minimum(left[..., 2], right[..., 2])
        mid_hip = torch.where(mid_hip[..., 2:] > 0, mid_hip, 0)
        feet = points[:, :, skeleton.parts["feet"]]
        body = torch.cat([body[:, :, :8], mid_hip[:, :, None], body[:, :, 8:], feet], 2)
    columns["pose_keypoints_2d"] = body.flatten(2).tolist()
    for part, key in _PARTS.items():
        place = skeleton.parts.get(part, slice(0, 0))
        values = points[:, :, place]
        if part == "face" and skeleton is OPENPOSE_134:
            values = with_pupils(points, place)
        columns[key] = values.flatten(2).tolist()
    columns["score"] = joints.scores.tolist()
    columns["box"] = joints.boxes.tolist()
    return columns


def read(
    folder: Path,
    *,
    canvas: tuple[int, int] | None = None,
    frames: int | None = None,
    warn: Warn = warnings.warn,
) -> Poses:
    """Read the poses in a folder; frames whose file is missing are empty.

    canvas: height and width of the frames, which the files do not say
    frames: how many there are; None = up to the last file's
    warn:   called with what is left out

    Gives openpose_18, or openpose_wholebody_134 as soon as anybody has a face or a hand; then
    the feet of 25-point bodies are kept, too. Scores and boxes of others' files are made from the
    joints. Raises `InputError` for a folder without such files, with those of two clips, or with
    one that is malformed.
    """
    files: dict[int, Path] = {}
    clips: dict[str, Path] = {}
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror or error})") from error
    for path in paths:
        named = _NAME.fullmatch(path.name)
        if named is None:
            continue
        frame = int(named["frame"])
        if frame in files:
            raise InputError(f"{path}: expected one file per frame, found {files[frame].name}, too")
        files[frame] = path
        clips.setdefault(named["clip"], path)
    where = Value(None, str(folder))
    if not files:
        raise where.wrong("files named CLIP_000000000000_keypoints.json", "none")
    if len(clips) > 1:
        one, other = list(clips.values())[:2]
        raise where.wrong("the files of one clip", f"{one.name} and {other.name}")
    if canvas is None:
        raise InputError(
            f"{folder}: OpenPose's files do not say the size of the frames; "
            "connect the frames to image (in Python: canvas=)"
        )
    found = [
        (frame, person, read_person(person))
        for frame, path in files.items()
        for person in load(path).needed("people").entries("a list of people")
    ]
    tell_of_faces([body for _, _, body in found], str(folder), warn)
    whole = any(body.is_whole for _, _, body in found)
    return assemble(
        [
            Person(
                frame,
                body.joints(whole=whole),
                score=score_of(person),
                box=box_of(person),
                track=track_of(person),
            )
            for frame, person, body in found
        ],
        frames=frame_count(where, max(files) + 1, frames),
        canvas=canvas,
        skeleton=(OPENPOSE_134 if whole else OPENPOSE_18).name,
        source=str(folder),
    )
