"""Poses joined to the annotated images that they were found in, as COCO results."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..document import FARTHEST, Value
from ..errors import InputError
from ..pose.files import openpose_folder, predictions, read_poses
from ..pose.files.coco import PERSON, to_coco
from ..pose.poses import Poses
from ..pose.skeletons import COCO_17
from ..words import counted
from .annotations import AnnotatedImage, Annotations


def read_file(path: Path, format: str, truth: Annotations) -> Poses:
    """Read poses in a format without image names.

    What the file does not say comes from the images. Raises `InputError` where these differ in
    size and the file does not say it.
    """
    sizes = {image.size for image in truth.images}
    canvas = next(iter(sizes)) if len(sizes) == 1 else None
    if format != "openpose":
        return read_poses(path, canvas=canvas)
    if canvas is None:
        raise InputError(
            f"{path}: OpenPose's files do not say the size of the frames, and the images of "
            f"{truth.path} have {len(sizes)} sizes; give COCO results or predictions"
        )
    poses = openpose_folder.read(path, canvas=canvas)
    numbers = _numbers(truth, 2**40)
    least = 0 if numbers is None else max(numbers[0]) + 1
    if len(poses) < least:  # nobody was seen in the last frames
        poses = openpose_folder.read(path, canvas=canvas, frames=least)
    return poses


def _numbers(truth: Annotations, frames: int) -> tuple[list[int], str] | None:
    """Return the frame of each image, by file names or ids, and by which; None if neither fits."""
    named = [predictions.number_in(image.name) for image in truth.images]
    for keys, how in ((named, "file names"), ([image.id for image in truth.images], "ids")):
        found = [key for key in keys if key is not None and key < frames]
        if len(set(found)) == len(truth.images):
            return found, how
    return None


def join_frames(
    poses: Poses, truth: Annotations, ids: Sequence[int] | None
) -> tuple[list[AnnotatedImage | None], str]:
    """Return the image of each frame, None where it is not annotated, and how they were joined."""
    joined: list[AnnotatedImage | None]
    if ids is not None:
        if len(ids) != len(poses):
            raise InputError(
                f"images: expected one id for each of {counted(len(poses), 'frame')}, found "
                f"{len(ids)}"
            )
        known = {image.id: image for image in truth.images}
        joined = [known.get(image) for image in ids]
        if not any(joined):
            raise InputError(f"images: expected ids of images of {truth.path}, found none of them")
        return joined, "the ids given"
    numbers = _numbers(truth, len(poses))
    if numbers is None:
        first = truth.images[0]
        raise InputError(
            f"{truth.path}: images: expected frame numbers in 0..{len(poses) - 1}, each once, as "
            f"the last number of the file names or as ids, as there are poses for {len(poses)} "
            f"frames; found e.g. {first.name!r} with the id {first.id}"
        )
    joined = [None] * len(poses)
    for number, image in zip(numbers[0], truth.images, strict=True):
        joined[number] = image
    return joined, numbers[1]


def results_of(
    poses: Poses, joined: Sequence[AnnotatedImage | None], *, scaled: bool, truth: Annotations
) -> list[dict[str, Any]]:
    """Return COCO results of the annotated frames.

    scaled: scale the poses to the images' sizes; otherwise the canvas must have their size
    """
    pairs = [(frame, image) for frame, image in enumerate(joined) if image is not None]
    height, width = poses.canvas
    for _, image in pairs:
        if not scaled and image.size != poses.canvas:
            raise InputError(
                f"{truth.path}: image {image.id}: expected {width}x{height}, the size of the "
                f"frames that the poses are of, found {image.size[1]}x{image.size[0]}"
            )
    frames = torch.tensor([frame for frame, _ in pairs], device=poses.device)
    sides = torch.tensor([image.size[::-1] for _, image in pairs], device=poses.device)
    scale = sides / torch.tensor([width, height], device=poses.device)  # [F,2]
    here = Poses(
        keypoints=poses.keypoints[frames] * scale[:, None, None],
        confidence=poses.confidence[frames],
        boxes=poses.boxes[frames] * scale.repeat(1, 2)[:, None],
        scores=poses.scores[frames],
        track_ids=poses.track_ids[frames],
        count=poses.count[frames],
        canvas=poses.canvas,
        skeleton=poses.skeleton,
    )
    return to_coco(here, [image.id for _, image in pairs])


def results_in(document: Value, truth: Annotations) -> list[dict[str, Any]]:
    """Return the COCO results of a file that are of annotated images, with any scores."""
    results = []
    for entry in document.entries("a list of results"):
        if entry.needed("category_id").raw != PERSON:
            raise entry.needed("category_id").wrong(f"{PERSON} (person)")
        result: dict[str, Any] = {
            "image_id": entry.needed("image_id").whole(0),
            "category_id": PERSON,
            "keypoints": entry.needed("keypoints").numbers(3 * len(COCO_17)),
            "score": entry.needed("score").number(-FARTHEST, FARTHEST),
        }
        box = entry.member("bbox")
        if box is not None and not box.is_empty_list():
            result["bbox"] = box.numbers(4)
        results.append(result)
    known = {image.id for image in truth.images}
    judged = [result for result in results if result["image_id"] in known]
    if results and not judged:
        raise InputError(
            f"{document.source}: expected results for images of {truth.path}, found none of "
            f"{len(results)} with the id of one; check that the two belong together"
        )
    return judged
