"""Where points of posed bodies lie, by the names that other skeletons have for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from .bodies import Bodies
from .ik.chain import SIDES, attached
from .kinematics import pose_joints
from .placing import appear
from .rig import rig_named
from .smpl.read import JOINTS

_EYE = (0.0330, 0.7382, 0.1345)  # m, the mannequin's left one at rest, on its surface
FINGERS = ("thumb", "index", "middle", "ring", "pinky")
PARTS = ("01", "02", "03", "tip")
"""Points of a finger, from its root to its tip."""


@dataclass(frozen=True)
class NamedPoints:
    """M points of N bodies: places [N,M,3] m and [N,M,2] px, and how sure they are [N,M] 0..1.

    Points that the rig does not have are NaN, and 0 sure.
    """

    places: Tensor
    image: Tensor
    sure: Tensor


def points_named(bodies: Bodies, names: Sequence[str]) -> NamedPoints:
    """Return points of all bodies, frame by frame, by the names of `points_of_rig`.

    A point is as sure as the surer one of the bones that meet there. Raises `InputError` for an
    unknown rig.
    """
    rig = rig_named(bodies.rig)
    at = bodies.present.nonzero(as_tuple=True)
    shape, device = bodies.shape[at], bodies.device
    posed = pose_joints(rig, bodies.rotation[at], bodies.translation[at], shape)
    known = points_of_rig(bodies.rig)
    found = [known.get(name, (-1, (torch.nan,) * 3)) for name in names]
    joint = torch.tensor([number for number, _ in found], device=device)
    offset = torch.tensor([place for _, place in found], device=device)
    here = joint >= 0
    joint = joint.clamp(min=0)
    turned = (posed.rotation[:, joint] @ offset[..., None])[..., 0]
    if "size" in rig.shapes:
        turned = turned * (1 + shape[:, rig.shapes.index("size"), None, None])
    places = posed.position[:, joint] + turned
    sure = bodies.confidence[at]
    parent = rig.parents.to(device).clamp(min=0)[joint]
    sure = torch.maximum(sure[:, joint], sure[:, parent]) * here
    return NamedPoints(places, appear(places, bodies.camera.of_frames(at[0])), sure)


@cache
def points_of_rig(name: str) -> dict[str, tuple[int, tuple[float, ...]]]:
    """Return the joint of every point of a rig, and where it lies from there at rest, m.

    With the mannequin's skeleton they are the points of `chain_of`, eyes, the neck, the head, and
    those of fingers, such as `left_index_tip`; with SMPL's, its joints.
    """
    rig = rig_named(name)
    if rig.joints == JOINTS:
        return {joint: (number, (0.0, 0.0, 0.0)) for number, joint in enumerate(JOINTS)}
    places = attached(rig)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        places[f"{side}_eye"] = ("head", torch.tensor([_EYE[0] * sign, *_EYE[1:]]))
    for point, bone in (("neck", "neck_01"), ("head", "head")):
        places[point] = (bone, rig.rest[rig.index(bone)])
    for side, s in SIDES:
        for finger in FINGERS:
            for part in PARTS[:-1]:
                joint = f"{finger}_{part}_{s}"
                places[f"{side}_{finger}_{part}"] = (joint, rig.rest[rig.index(joint)])
            places[f"{side}_{finger}_tip"] = (joint, rig.tails[rig.index(joint)])
    return {
        point: (rig.index(bone), tuple((at - rig.rest[rig.index(bone)]).tolist()))
        for point, (bone, at) in places.items()
    }
