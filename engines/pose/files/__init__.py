"""Files of poses, one format per module."""

import warnings
from pathlib import Path

from ...document import Value, dump, load
from ...errors import InputError
from ...files import atomic_write
from ..choices import FORMATS
from ..poses import Poses
from . import animals, coco, compact, editor, openpose_folder, pose_keypoint, predictions
from .assemble import frame_count

# The first of these keys in a list's first object tells the format.
_KEYS = {
    "people": "pose_keypoint",
    "animals": "pose_keypoint",
    "image_id": "coco",
    "image": "predictions",
    "detections": "predictions",
}


def read_poses(
    path: Path,
    *,
    canvas: tuple[int, int] | None = None,
    frames: int | None = None,
    warn: pose_keypoint.Warn = warnings.warn,
) -> Poses:
    """Read the poses in a file or folder of any of the `FORMATS`; the format is detected
    automatically.

    canvas: height and width of the frames, for files that do not say (openpose, coco, others'
            predictions); where a file does, that holds
    frames: how many frames the clip has, for files that may end before it; the rest is empty
    warn:   called with what is left out of a file

    Joints that are not seen lie at (0, 0), except in safetensors files, which are taken as they
    are. Raises `InputError` with the place in the file, what was expected and what was found.
    """
    _check(canvas, frames)
    kind, document = look(path)
    if kind == "openpose":
        return openpose_folder.read(path, canvas=canvas, frames=frames, warn=warn)
    if kind == "safetensors":
        return _lengthened(compact.SAFETENSORS.read(path), document, frames)
    if kind == "pose_keypoint":
        return pose_keypoint.parse(document, canvas=canvas, frames=frames, warn=warn)
    if kind == "coco":
        return coco.parse(document, canvas=canvas, frames=frames)
    return predictions.parse(document, canvas=canvas, frames=frames)


def write_poses(poses: Poses, path: Path, format: str) -> None:
    """Write `path` (openpose: a folder) in one of the `FORMATS`; it appears when it is complete.

    What a format cannot hold is left out: coco has 17 joints, pose_keypoint and openpose have
    OpenPose's order, and none but safetensors says where a joint is that is not seen. Raises
    `InputError` for an unknown format or NaN, `MediaError` for a path that cannot be written.
    """
    if format not in FORMATS:
        raise InputError(f"format: expected one of {', '.join(FORMATS)}, found {format!r}")
    if format == "openpose":
        openpose_folder.write(poses, path)
        return
    with atomic_write(path) as aside:
        if format == "safetensors":
            compact.SAFETENSORS.write(poses, aside)
        elif format == "coco":
            dump(coco.to_coco(poses), aside)
        elif format == "predictions":
            dump(predictions.to_predictions(poses), aside)
        else:
            dump(pose_keypoint.to_pose_keypoint(poses), aside)


def look(path: Path) -> tuple[str, Value]:
    """Return which of the `FORMATS` a path has, and what its JSON says (None for those without).

    Raises `InputError` when it has none of them.
    """
    if not path.exists():
        raise InputError(f"{path}: there is no such file or folder")
    if path.is_dir():
        return "openpose", Value(None, str(path))
    if path.suffix == ".safetensors":
        return "safetensors", Value(None, str(path))
    document = load(path)
    raw = document.raw
    if raw == []:
        return "coco", document  # nobody was found; other formats would still list frames
    if isinstance(raw, list) and isinstance(raw[0], dict):
        if editor.owns(raw):
            return "pose_keypoint", document
        for key, kind in _KEYS.items():
            if key in raw[0]:
                return kind, document
        raise Value(raw[0], "[0]", document).wrong(
            "a frame with people, a result with image_id or an entry with image and detections"
        )
    if isinstance(raw, dict):
        if "people" in raw or animals.owns(raw) or editor.owns(raw):
            return "pose_keypoint", document
        if "images" in raw and "annotations" in raw:
            raise document.wrong(
                "poses", "COCO annotations, which kinograph eval pose compares poses with"
            )
        if "predictions" in raw or (raw and all(isinstance(v, list) for v in raw.values())):
            return "predictions", document
    raise document.wrong("POSE_KEYPOINT, COCO results or predictions")


def _lengthened(poses: Poses, document: Value, frames: int | None) -> Poses:
    """Append empty frames, so that there are `frames`."""
    more = frame_count(document, len(poses), frames) - len(poses)
    if more == 0:
        return poses
    people = poses.scores.shape[1]
    return Poses.cat(
        [poses, Poses.empty(more, poses.canvas, people=people, skeleton=poses.skeleton)]
    )


def _check(canvas: tuple[int, int] | None, frames: int | None) -> None:
    if canvas is not None and min(canvas) < 1:
        raise InputError(f"canvas: expected height and width >= 1, found {canvas}")
    if frames is not None and frames < 1:
        raise InputError(f"frames: expected at least 1, found {frames}")
