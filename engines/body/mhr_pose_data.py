"""MHR_POSE_DATA: bodies as ComfyUI's SAM 3D Body nodes hand them on.

A dict: frames, a list of lists of people; faces [T,3]; image_size (height, width); canonical_colors
and hand_vert_mask. A person has pred_vertices [V,3] and pred_keypoints_3d [70,3] m from pred_cam_t
[3] m, x to the right, y down, z away from a camera with the focal_length px that looks at the
middle of the picture; pred_keypoints_2d [70,2] px; bbox [4] px. Points that are not known are NaN,
which those nodes leave out.
"""

from typing import Any

import torch

from ..errors import InputError
from .bodies import Bodies
from .points import FINGERS, PARTS, points_named
from .rig import rig_named
from .skinning import skin

_OF_HANDS = {"hand", *FINGERS}  # parts of the names of their joints
_DOWN = (1.0, -1.0, -1.0)  # what our axes are multiplied by

# Each finger from its tip to its root.
_HAND = tuple(f"{finger}_{part}" for finger in FINGERS for part in reversed(PARTS))
# SAM 3D Body's order of points, by our names; "" where the body has no such point.
POINTS = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder"),
    *("right_shoulder", "left_elbow", "right_elbow", "left_hip", "right_hip", "left_knee"),
    *("right_knee", "left_ankle", "right_ankle"),
    *("left_foot_index", "", "left_heel", "right_foot_index", "", "right_heel"),
    *(f"right_{name}" for name in _HAND),
    "right_wrist",
    *(f"left_{name}" for name in _HAND),
    "left_wrist",
    *("", "", "", "", "", ""),  # both sides of the elbows, tips of the shoulders
    "neck",
)
assert len(POINTS) == 70


def to_mhr_pose_data(bodies: Bodies) -> dict[str, Any]:
    """Return bodies as described above, in NumPy's arrays, 0.16 MB each.

    Raises `InputError` for a camera that does not look at the middle of the picture, which those
    nodes cannot express, and for an unknown rig.
    """
    here = bodies.to("cpu")
    camera = here.camera
    height, width = here.canvas
    middle = torch.tensor([width / 2, height / 2])
    off = max(
        float((camera.cx - middle[0]).abs().max()), float((camera.cy - middle[1]).abs().max())
    )
    if off > 0.5:
        raise InputError(
            f"bodies: their camera looks {off:.0f} px past the middle of the picture, but "
            "MHR_POSE_DATA has one that looks at it; estimate them with Detect Bodies"
        )
    rig = rig_named(here.rig)
    at = here.present.nonzero(as_tuple=True)
    posed = skin(rig, here.rotation[at], here.translation[at], here.shape[at])
    found = points_named(here, POINTS)
    down = torch.tensor(_DOWN)
    where = here.translation[at]
    rows = {
        "pred_vertices": (posed.vertices - where[:, None]) * down,
        "pred_keypoints_3d": (found.places - where[:, None]) * down,
        "pred_keypoints_2d": found.image,
        "pred_cam_t": where * down,
        "bbox": here.boxes[at],
    }
    arrays = {name: values.float().numpy() for name, values in rows.items()}
    focal = camera.fx.expand(len(here)).tolist()
    frames: list[list[dict[str, Any]]] = [[] for _ in range(len(here))]
    for number, into in enumerate(at[0].tolist()):
        person = {name: values[number] for name, values in arrays.items()}
        frames[into].append({**person, "focal_length": focal[into]})
    hands = torch.tensor([not _OF_HANDS.isdisjoint(joint.split("_")) for joint in rig.joints])
    return {
        "frames": frames,
        "faces": rig.triangles.numpy(),
        "image_size": (height, width),
        "canonical_colors": None,
        "hand_vert_mask": (rig.weights @ hands.float() > 0.5).numpy(),
    }
