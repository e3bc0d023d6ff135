"""Footage through the networks and the fit: what the evaluation of bodies judges."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..body.bodies import Bodies
from ..body.choices import FOV
from ..body.fit import FitState, fit_bodies
from ..body.kinematics import pose_joints
from ..body.landmarks import BodyPoints, points_of_bodies
from ..body.placing import appear
from ..body.rig import mannequin
from ..geometry.camera import Camera
from ..pose.detect import detect_poses
from ..pose.filters import filter_people
from ..pose.poses import Poses
from ..pose.skeletons import COCO_17
from ..pose.tracking import Tracker
from ..runtime.engine import Engine

# The joints of people that the mannequin has, by the bone that begins there.
_BONES = {
    "shoulder": "upperarm",
    "elbow": "lowerarm",
    "wrist": "hand",
    "hip": "thigh",
    "knee": "calf",
    "ankle": "foot",
}
LIMBS = tuple(f"{side}_{joint}" for side in ("left", "right") for joint in _BONES)


@dataclass(frozen=True)
class FoundBodies:
    """What was found in a clip: the network's points, and the bodies that fit them."""

    points: BodyPoints
    bodies: Bodies


def find_bodies(
    chunks: Iterable[Tensor],
    engine: Engine,
    people: Engine,
    *,
    fov: float = FOV,
    most: int = 6,
    tracked: bool = True,
    progress: Callable[[int], None] | None = None,
) -> FoundBodies:
    """Return the bodies in successive frames [F,H,W,3] 0..1, at least one.

    engine:  of a network that finds the points of bodies
    people:  of a network that finds people in whole frames
    fov:     vertical field of view of the camera, degrees
    most:    people per frame, those with the largest boxes
    tracked: whether the frames follow each other; without, nothing is known of other frames
    """
    tracker = Tracker()
    state: FitState | None = None
    points: list[BodyPoints] = []
    bodies: list[Bodies] = []
    for frames in chunks:
        known = detect_poses(frames, people, second_pass=not tracked)
        known = filter_people(known, most=most)
        known = tracker.update(known) if tracked else known
        found = points_of_bodies(frames, known, engine)
        camera = Camera.of_field_of_view(found.canvas, fov, device=found.device)
        fitted, state = fit_bodies(found, camera, state if tracked else None)
        points.append(found)
        bodies.append(fitted)
        if progress is not None:
            progress(len(frames))
    return FoundBodies(BodyPoints.cat(points), Bodies.cat(bodies))


def _fitted(points: BodyPoints, camera: Camera, state: FitState | None) -> tuple[Bodies, FitState]:
    return fit_bodies(points, camera, state)


def as_people(bodies: Bodies) -> Poses:
    """Return where the joints of bodies appear in the picture, as COCO's 17 joints.

    Those of arms and legs, as sure as the bones that begin there; the face is not seen.
    """
    rig, here = mannequin(), bodies.to("cpu")
    posed = pose_joints(
        rig, here.rotation.flatten(0, 1), here.translation.flatten(0, 1), here.shape.flatten(0, 1)
    )
    frames, places = here.scores.shape
    frame = torch.arange(frames).repeat_interleave(places)
    flat = appear(posed.position, here.camera.of_frames(frame)).unflatten(0, (frames, places))
    poses = Poses.empty(frames, here.canvas, people=places)
    keypoints, confidence = poses.keypoints.clone(), poses.confidence.clone()
    column = [COCO_17.joints.index(name) for name in LIMBS]
    parts = [name.split("_") for name in LIMBS]
    joint = [rig.index(f"{_BONES[joint]}_{side[0]}") for side, joint in parts]
    keypoints[:, :, column] = flat[:, :, joint]
    confidence[:, :, column] = here.confidence[:, :, joint]
    return Poses(
        keypoints=keypoints * here.present[..., None, None],
        confidence=confidence * here.present[..., None],
        boxes=here.boxes,
        scores=here.scores,
        track_ids=here.track_ids,
        count=here.count,
        canvas=here.canvas,
        skeleton=poses.skeleton,
    )
