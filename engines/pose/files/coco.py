"""COCO keypoint results: a list with one object per person, as pycocotools takes them.

image_id, category_id (1: person), keypoints (17 times x, y, c, flat, pixels), score, and
optionally bbox (x, y, width, height); track_id is a key of our own.
Source: cocodataset.org/#format-results.
"""

from collections.abc import Sequence
from typing import Any

from ...document import Value
from ..poses import Poses
from ..skeletons import COCO_17
from .assemble import Person, assemble, frame_count, need_canvas, settled, triples

PERSON = 1  # COCO's category


def to_coco(poses: Poses, image_ids: Sequence[int] | None = None) -> list[dict[str, Any]]:
    """Return the people of all frames as COCO results, without feet, face and hands.

    image_ids: of each frame; None = the frame's number

    Joints that are not seen are 0, 0, 0. Raises `InputError` for NaN or infinity, and for animals.
    """
    poses.need_people("coco")
    joints = settled(poses.as_coco().body())
    ids = range(len(joints)) if image_ids is None else image_ids
    keypoints = triples(joints).flatten(2).tolist()
    boxes, scores = joints.boxes.tolist(), joints.scores.tolist()
    tracks = joints.track_ids.tolist()
    return [
        {
            "image_id": image,
            "category_id": PERSON,
            "keypoints": keypoints[f][p],
            "score": scores[f][p],
            "bbox": _as_xywh(boxes[f][p]),
            "track_id": tracks[f][p],
        }
        for f, (image, count) in enumerate(zip(ids, joints.count.tolist(), strict=True))
        for p in range(count)
    ]


def parse(
    document: Value,
    *,
    canvas: tuple[int, int] | None = None,
    frames: int | None = None,
    image_ids: Sequence[int] | None = None,
) -> Poses:
    """Return the poses in a list of results, as coco_17.

    canvas:    height and width, which the results do not say
    frames:    how many there are; None = up to the last image's
    image_ids: of each frame; None = the frame's number
    """
    canvas = need_canvas(document, canvas, "a file of COCO results")
    frame_of = None if image_ids is None else {image: f for f, image in enumerate(image_ids)}
    people = []
    for entry in document.entries("a list of results"):
        image = entry.needed("image_id")
        frame = image.whole(0)
        if frame_of is not None:
            if frame not in frame_of:
                raise image.wrong("the id of an image of the clip")
            frame = frame_of[frame]
        category = entry.needed("category_id")
        if category.raw != PERSON:
            raise category.wrong(f"{PERSON} (person)")
        box, track = entry.member("bbox"), entry.member("track_id")
        people.append(
            Person(
                frame,
                entry.needed("keypoints").joints(len(COCO_17)),
                score=entry.needed("score").number(0, 1),
                box=None if box is None or box.is_empty_list() else _as_xyxy(box.numbers(4)),
                track=-1 if track is None else track.whole(-1),
            )
        )
    last = max((p.frame for p in people), default=-1) + 1
    last = last if image_ids is None else len(image_ids)
    if last == 0 and frames is None:
        raise document.wrong("at least one result, or the number of frames", "an empty list")
    return assemble(
        people,
        frames=frame_count(document, last, frames),
        canvas=canvas,
        skeleton=COCO_17.name,
        source=document.source,
    )


def _as_xywh(box: Sequence[float]) -> list[float]:
    x0, y0, x1, y1 = box
    return [x0, y0, x1 - x0, y1 - y0]


def _as_xyxy(box: Sequence[float]) -> list[float]:
    x, y, width, height = box
    return [x, y, x + width, y + height]
