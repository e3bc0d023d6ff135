"""Heads by a network that finds how a head in a crop is turned, and nothing else."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ..geometry.camera import Camera
from ..geometry.crops import batches
from ..geometry.turned_crops import Regions, crop_turned
from ..pose.poses import Poses
from ..runtime.engine import Engine
from .angles import in_camera
from .choices import FOV
from .face_boxes import face_boxes
from .family import HeadRotation
from .heads import Heads
from .looks import looks_at
from .placing import placed, ranked
from .settings import check_search, frames_together

_REGION = 24.0  # cm, what a region shows of a face, see regions.py
_MIDDLE = (0.0, -1.2, 0.0)  # cm, where in the axes of the face the middle of a region lies


def heads_in_crops(
    frames: Tensor,
    engine: Engine,
    head: HeadRotation,
    detector: Engine | None,
    *,
    poses: Poses | None = None,
    fov: float = FOV,
    score_threshold: float = 0.5,
    max_heads: int = 8,
    smallest_face: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Heads:
    """Find the faces in `frames` [F,H,W,3] 0..1 and how their heads are turned, in batches.

    Where a head is follows from its region alone, which is taken to be 24 cm wide: its depth is
    right for a face of canonical size, and as steady as the detector. On the astronaut this is 1 to
    7 % off what its points give. Scores are those of the faces or people. For the settings see
    `find.find_heads`.

    Returns heads without landmarks in px of the frames, on the engine's device; boxes are those of
    the canonical face. Raises `InputError` for frames that are not RGB in 0..1 or not those of
    `poses`, for settings out of range, and without a detector and poses.
    """
    check_search(frames, poses, score_threshold=score_threshold, max_heads=max_heads)
    canvas = (frames.shape[1], frames.shape[2])
    camera = Camera.of_field_of_view(canvas, fov, device=engine.device)
    focal, centre = torch.cat([camera.fx, camera.fy]), torch.cat([camera.cx, camera.cy])
    chunks = []
    step = frames_together(engine.device, canvas)
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
            regions, scores = looks.regions, looks.scores
            rotation = _rotations(here, regions, engine, head)
            depth = focal[1] * _REGION / regions.side
            flat = (regions.centre - centre) / focal * depth[:, None]
            middle = torch.stack([flat[:, 0], -flat[:, 1], -depth], -1)
            rotation = in_camera(rotation, middle)
            translation = middle - (rotation @ middle.new_tensor(_MIDDLE)[:, None])[..., 0]
            boxes = face_boxes(rotation, translation, focal, centre)
            best = ranked(regions.frame, scores)
            best = best[scores[best] > score_threshold]
            chunks.append(
                placed(
                    Heads.empty(len(here), canvas, camera, points=0, device=engine.device),
                    regions.frame[best],
                    most=max_heads,
                    rotation=rotation[best],
                    translation=translation[best],
                    boxes=boxes[best],
                    scores=scores[best],
                    track_ids=looks.tracks[best],
                )
            )
        if progress is not None:
            progress(len(here))
    return Heads.cat(chunks)


def _rotations(frames: Tensor, regions: Regions, engine: Engine, head: HeadRotation) -> Tensor:
    """Return how the heads in regions of frames are turned, [N,3,3] relative to the ray.

    The network has learnt upright crops.
    """
    side = regions.side * (head.side / _REGION)
    upright = replace(regions, side=side, angle=torch.zeros_like(side))
    found = [frames.new_zeros(0, 3, 3)]
    for part in batches(len(upright), engine.batch_for(head.size, head.size), frames.device):
        images = crop_turned(frames, upright.at(part), head.size).clamp(0, 1)
        found.append(head.decode(engine.infer(images)))
    return torch.cat(found)
