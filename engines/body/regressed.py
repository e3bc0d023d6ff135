"""Bodies by networks that give the pose of SMPL in a crop, rotations and all."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ..checks import check_frames
from ..geometry.crops import batches
from ..geometry.turned_crops import Regions, crop_turned
from ..pose.poses import Poses
from ..runtime.engine import Engine
from .bodies import Bodies
from .family import BodyRegressor, CropBodies, body_regressor
from .kinematics import pose_joints, shaped
from .landmarks import FRAMES, check_people, regions_of_boxes
from .rig import Rig
from .smpl.convert import from_smpl, joints_from_smpl
from .smpl.own import rig_of
from .smpl.read import JOINTS

_TO_CAMERA = (1.0, -1.0, -1.0)  # from y down and z away to y up and z towards the camera


def regressed_bodies(
    frames: Tensor,
    people: Poses,
    engine: Engine,
    *,
    progress: Callable[[int], None] | None = None,
) -> Bodies:
    """Find how the bodies of `people` in `frames` [F,H,W,3] 0..1 are posed, in batches.

    people:   in the same frames; places, boxes, scores and tracks are kept
    engine:   of a network that gives the pose of SMPL; its model may name an SMPL file, see
              `smpl.own`
    progress: called with the number of frames done since the last call

    With an SMPL file bodies are of its rig, in the shape that the network gives for each frame;
    without one they are the mannequin in the same pose, at the same depth in the middle of the
    box. The camera is the one that the network assumes.

    Returns bodies on the engine's device. Raises `InputError` for frames that are not RGB in 0..1
    or not those of `people`, and for an engine of another network; `ModelError` for a file that is
    no SMPL model.
    """
    check_frames("image", frames)
    head = body_regressor(engine.model)
    check_people(frames, people)
    size = (frames.shape[1], frames.shape[2])
    rig = rig_of(engine.model).to(engine.device)
    camera = head.camera(size).to(engine.device)
    chunks = []
    for start in range(0, len(frames), FRAMES):
        with torch.inference_mode():
            here = frames[start : start + FRAMES].to(engine.device, torch.float32)
            known = people.slice(start, start + len(here)).to(engine.device)
            at = known.present.nonzero(as_tuple=True)
            regions = regions_of_boxes(known.boxes[at].float(), at[0], head.box_reach)
            nobody = Bodies.empty(
                len(here), size, camera, rig, bodies=known.scores.shape[1], device=engine.device
            )
            nobody = replace(
                nobody,
                boxes=known.boxes,
                scores=known.scores,
                track_ids=known.track_ids,
                count=known.count,
            )
            chunks.append(_filled(nobody, at, rig, _found(here, regions, engine, head), regions))
        if progress is not None:
            progress(len(here))
    return Bodies.cat(chunks)


def _found(frames: Tensor, regions: Regions, engine: Engine, head: BodyRegressor) -> CropBodies:
    """Return what the network finds in regions of frames."""
    size = (frames.shape[1], frames.shape[2])
    empty = frames.new_zeros
    found = [
        CropBodies(empty(0, 24, 3, 3), empty(0, head.shapes), empty(0, 3), empty(0, len(JOINTS)))
    ]
    for part in batches(len(regions), engine.batch_for(head.size, head.size), frames.device):
        here = regions.at(part)
        crops = crop_turned(frames, head.crops(here), head.size, fill=0.0, averaged=False)
        outputs = engine.infer(crops.clamp(0, 1), **head.further(here, size))
        found.append(head.decode(outputs, here, size))
    joined = zip(*(vars(part).values() for part in found), strict=True)
    return CropBodies(*(torch.cat(values) for values in joined))


def _filled(
    nobody: Bodies, at: tuple[Tensor, ...], rig: Rig, found: CropBodies, regions: Regions
) -> Bodies:
    """Return bodies with those that were found `at` frames and places."""
    flip = found.rotation.new_tensor(_TO_CAMERA)
    turned = found.rotation.clone()
    turned[:, 0] = flip[:, None] * turned[:, 0]
    rotation = from_smpl(rig, turned)
    shape = found.rotation.new_zeros(len(rotation), len(rig.shapes))
    if rig.joints == JOINTS:
        known = min(len(rig.shapes), found.shape.shape[1])
        shape[:, :known] = found.shape[:, :known]
        pelvis = shaped(rig.rest[:1], rig.shape_rest[:, :1], shape, len(shape))[:, 0]
        translation = flip * (found.translation + pelvis)
        confidence = found.confidence
    else:
        depth = -found.translation[:, 2]
        translation = _in_the_box(nobody, rig, rotation, depth, regions)
        confidence = joints_from_smpl(rig, found.confidence)
    return replace(
        nobody,
        rotation=nobody.rotation.index_put(at, rotation),
        translation=nobody.translation.index_put(at, translation),
        shape=nobody.shape.index_put(at, shape),
        confidence=nobody.confidence.index_put(at, confidence),
    )


def _in_the_box(
    bodies: Bodies, rig: Rig, rotation: Tensor, depth: Tensor, regions: Regions
) -> Tensor:
    """Return where the pelvis lies [N,3] m for the joints at `depth` [N] m to be in the middle of
    their regions."""
    posed = pose_joints(rig, rotation, rotation.new_zeros(len(rotation), 3))
    low, high = posed.position.amin(1), posed.position.amax(1)
    fx, fy, cx, cy = bodies.camera.table(torch.float32)[:, :1]
    x, y = regions.centre.unbind(-1)
    middle = torch.stack([-depth * (x - cx) / fx, depth * (y - cy) / fy, depth], 1)
    return middle - (low + high) / 2
