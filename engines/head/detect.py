"""From frames to `Heads`: regions, the points of the faces in them, and the pose that fits."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from ..geometry.camera import Camera
from ..geometry.turned_crops import Regions, crop_turned
from ..pose.poses import Poses
from ..runtime.engine import Engine
from .choices import FOV
from .family import FaceMesh, face_mesh
from .heads import Heads
from .joint_poses import heads_of_joints, landmarks_of
from .looks import Looks, looks_at
from .placing import placed, ranked
from .pose import fit_heads
from .regions import regions_of_points
from .settings import check_search, frames_together

_SAME = 0.5  # IoU of the boxes of one face that was found twice


def detect_heads(
    frames: Tensor,
    engine: Engine,
    detector: Engine | None = None,
    *,
    poses: Poses | None = None,
    fov: float = FOV,
    score_threshold: float = 0.5,
    max_heads: int = 8,
    smallest_face: int = 0,
    second_pass: bool = False,
    from_joints: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Heads:
    """Find the faces in `frames` [F,H,W,3] 0..1 and the poses of their heads, in batches.

    engine:          of a network that finds the points of a face
    detector:        of a network that finds faces; needed unless there are `poses`
    poses:           the people of the same frames, whose faces are looked for instead; tracks are
                     kept
    fov:             vertical field of view of the camera, degrees
    score_threshold: faces with at most this score are dropped, of the detector and of the points
    max_heads:       most heads per frame, the most confident first
    smallest_face:   px; smaller faces need not be found, see `regions.tiles`
    second_pass:     find the points again, in regions around those of the first pass
    from_joints:     where the network sees no face, fit the head to nose, eyes and ears of `poses`,
                     see `joint_poses`; its score is that of the joints times `score_threshold`
    progress:        called with the number of frames done since the last call

    Returns heads in px of the frames, on the engine's device; frames without a face have none.
    Raises `InputError` for frames that are not RGB in 0..1 or not those of `poses`, for settings
    out of range, for `from_joints` without `poses`, and for engines of other networks.
    """
    if from_joints and poses is None:
        raise InputError("from_joints: expected poses, whose joints it needs; connect poses")
    check_search(frames, poses, score_threshold=score_threshold, max_heads=max_heads)
    head = face_mesh(engine.model)
    canvas = (frames.shape[1], frames.shape[2])
    camera = Camera.of_field_of_view(canvas, fov, device=engine.device)
    step = frames_together(engine.device, canvas)
    chunks = []
    for start in range(0, len(frames), step):
        with torch.inference_mode():
            here = frames[start : start + step].to(engine.device, torch.float32)
            looks = looks_at(
                here,
                None if poses is None else poses.slice(start, start + len(here)),
                detector,
                above=score_threshold,
                most=max_heads,
                smallest_face=smallest_face,
            )
            regions = looks.regions
            points, scores = _points(here, regions, engine, head)
            if second_pass or poses is not None:  # joints place a region only roughly
                again = regions_of_points(points, regions.frame, head)
                better, sure = _points(here, again, engine, head)
                won = sure >= scores
                points = torch.where(won[:, None, None], better, points)
                scores = torch.where(won, sure, scores)
            nobody = Heads.empty(len(here), canvas, camera, device=engine.device)
            found = _faces(regions.frame, points, scores, looks.tracks, camera, score_threshold)
            if from_joints:
                found = found.joined(_heads(looks, scores, camera, score_threshold))
            chunks.append(_placed(nobody, found, most=max_heads))
        if progress is not None:
            progress(len(here))
    return Heads.cat(chunks)


@dataclass(frozen=True)
class _Faces:
    """N faces: frame [N], points [N,K,3] px, scores [N], tracks [N], rotation [N,3,3] and
    translation [N,3] cm."""

    frame: Tensor
    points: Tensor
    scores: Tensor
    tracks: Tensor
    rotation: Tensor
    translation: Tensor

    def joined(self, others: "_Faces") -> "_Faces":
        """Return these and others."""
        pairs = zip(vars(self).values(), vars(others).values(), strict=True)
        return _Faces(*(torch.cat(pair) for pair in pairs))


def _faces(
    frame: Tensor, points: Tensor, scores: Tensor, tracks: Tensor, camera: Camera, above: float
) -> _Faces:
    """Return the faces [N] whose scores exceed `above`, with the poses that fit their points."""
    sure = (scores > above).nonzero()[:, 0]
    fit = fit_heads(points[sure], camera, frame[sure])
    return _Faces(
        frame[sure], points[sure], scores[sure], tracks[sure], fit.rotation, fit.translation
    )


def _heads(looks: Looks, scores: Tensor, camera: Camera, above: float) -> _Faces:
    """Return the heads of people whose faces have no scores [N] that exceed `above`, by their
    joints; none of them has such a score, either."""
    at = (scores <= above).nonzero()[:, 0]
    frame = looks.regions.frame[at]
    fit = heads_of_joints(looks.joints[at], looks.seen[at], camera, frame)
    kept = fit.right.nonzero()[:, 0]
    frame, rotation, translation = frame[kept], fit.rotation[kept], fit.translation[kept]
    points = landmarks_of(rotation, translation, camera, frame)
    tracks = looks.tracks[at][kept]
    return _Faces(frame, points, above * fit.score[kept], tracks, rotation, translation)


def _points(
    frames: Tensor, regions: Regions, engine: Engine, head: FaceMesh
) -> tuple[Tensor, Tensor]:
    """Return the points [N,K,3] px of the faces in regions of frames, and their scores [N]."""
    points = frames.new_zeros(len(regions), head.points, 3)
    scores = frames.new_zeros(len(regions))
    numbers = torch.arange(len(regions), device=frames.device)
    for part in numbers.split(engine.batch_for(head.size, head.size)) if len(regions) else ():
        here = regions.at(part)
        images = crop_turned(frames, here, head.size).clamp(0, 1)
        found, scores[part] = head.decode(engine.infer(images))
        points[part] = here.back(found, head.size)
    return points, scores


def _placed(empty: Heads, faces: _Faces, *, most: int) -> Heads:
    """Return faces [N] as heads, most confident first. A face that was found twice counts once."""
    from torchvision.ops import batched_nms  # slow: it imports PyTorch's compiler

    flat = faces.points[..., :2]
    boxes = torch.cat([flat.amin(1), flat.amax(1)], -1)
    kept = batched_nms(boxes, faces.scores, faces.frame, _SAME)
    kept = kept[ranked(faces.frame[kept], faces.scores[kept])]
    return placed(
        empty,
        faces.frame[kept],
        most=most,
        rotation=faces.rotation[kept],
        translation=faces.translation[kept],
        landmarks=faces.points[kept],
        boxes=boxes[kept],
        scores=faces.scores[kept],
        track_ids=faces.tracks[kept],
    )
