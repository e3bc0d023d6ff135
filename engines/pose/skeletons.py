"""Joint orders and the ways between them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Skeleton:
    """A named joint order.

    `flip[i]` is the joint that joint i becomes when the picture is mirrored.
    """

    name: str
    joints: tuple[str, ...]
    flip: tuple[int, ...]


def _mirrored(joints: tuple[str, ...]) -> tuple[int, ...]:
    swap = {"left": "right", "right": "left"}

    def other(joint: str) -> str:
        side, _, part = joint.partition("_")
        return f"{swap[side]}_{part}" if side in swap else joint

    return tuple(joints.index(other(joint)) for joint in joints)


_COCO = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
    *("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    *("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
)
_OPENPOSE = (
    *("nose", "neck", "right_shoulder", "right_elbow", "right_wrist"),
    *("left_shoulder", "left_elbow", "left_wrist", "right_hip", "right_knee", "right_ankle"),
    *("left_hip", "left_knee", "left_ankle", "right_eye", "left_eye", "right_ear", "left_ear"),
)

COCO_17 = Skeleton("coco_17", _COCO, _mirrored(_COCO))
OPENPOSE_18 = Skeleton("openpose_18", _OPENPOSE, _mirrored(_OPENPOSE))

SKELETONS = {s.name: s for s in (COCO_17, OPENPOSE_18)}

# For every OpenPose joint its place in COCO-17 with the neck (shoulder midpoint) appended as 17.
OPENPOSE_FROM_COCO = tuple(
    17 if joint == "neck" else _COCO.index(joint) for joint in OPENPOSE_18.joints
)
