"""Where in frames faces are looked at: at those that a detector finds, or at people's joints."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from ..geometry.turned_crops import Regions
from ..pose.poses import Poses
from ..runtime.engine import Engine
from .family import face_detector
from .regions import detected_faces, regions_of_faces, regions_of_people

_HEAD = 5  # joints of COCO that a head has, the first ones


@dataclass(frozen=True)
class Looks:
    """N regions of frames in which a face is expected.

    scores: [N] 0..1 of the faces or the people
    tracks: [N] int64 of the people, -1 = none
    joints: [N,5,2] px, nose, eyes and ears of the people, left ones first; empty for a detector's
    seen:   [N,5] 0..1, how sure each of them is
    """

    regions: Regions
    scores: Tensor
    tracks: Tensor
    joints: Tensor
    seen: Tensor


def looks_at(
    frames: Tensor,
    people: Poses | None,
    detector: Engine | None,
    *,
    above: float,
    most: int,
    smallest_face: int,
) -> Looks:
    """Return where faces are looked at in `frames` [F,H,W,3] on the device of the detector.

    people:        those of the same frames, whose joints say where; None: the detector does
    above:         faces that the detector finds with at most this score are left out
    most:          faces per frame that it finds, the most confident first
    smallest_face: px; smaller faces need not be found, see `regions.tiles`

    Raises `InputError` without people and a detector.
    """
    if people is not None:
        people = people.to(frames.device)
        body = people.as_coco().body()
        regions, place = regions_of_people(body)
        at = (regions.frame, place)
        joints, seen = body.keypoints[at][:, :_HEAD].float(), body.confidence[at][:, :_HEAD].float()
        return Looks(regions, people.scores[at], people.track_ids[at], joints, seen)
    if detector is None:
        raise InputError("detector: expected an engine that finds faces, or poses; found neither")
    finder = face_detector(detector.model)
    faces, count = detected_faces(
        frames, detector, finder, above=above, most=most, smallest_face=smallest_face
    )
    regions = regions_of_faces(faces, count, finder.reach)
    scores = faces.scores[faces.scores > above]
    nothing = scores.new_zeros(0, _HEAD, 2)
    return Looks(regions, scores, torch.full_like(regions.frame, -1), nothing, nothing[..., 0])
