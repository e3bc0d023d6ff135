"""Joint orders, and conversions between them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Skeleton:
    """A named joint order.

    `flip[i]` is the joint that joint i becomes when the picture is mirrored. `parts` says where
    body, feet, face and hands lie in it.
    """

    name: str
    joints: tuple[str, ...]
    flip: tuple[int, ...]
    parts: dict[str, slice]

    def __len__(self) -> int:
        return len(self.joints)


# The 68 points of a face in iBUG's order, mirrored: jaw, brows, nose, eyes, mouth.
_FACE_FLIP = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *(27, 28, 29, 30, 35, 34, 33, 32, 31),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
)


def _mirrored(joints: tuple[str, ...]) -> tuple[int, ...]:
    swap = {"left": "right", "right": "left"}

    def other(joint: str) -> str:
        side, _, part = joint.partition("_")
        if side == "face":
            return f"face_{_FACE_FLIP[int(part)]}"
        return f"{swap[side]}_{part}" if side in swap else joint

    return tuple(joints.index(other(joint)) for joint in joints)


def _skeleton(name: str, body: tuple[str, ...], *, whole: bool) -> Skeleton:
    sizes = {"body": len(body)}
    joints = body
    if whole:
        joints = (*body, *_FEET, *_FACE, *_hand("left"), *_hand("right"))
        sizes |= {"feet": 6, "face": 68, "left_hand": 21, "right_hand": 21}
    parts, start = {}, 0
    for part, size in sizes.items():
        parts[part] = slice(start, start + size)
        start += size
    return Skeleton(name, joints, _mirrored(joints), parts)


def _hand(side: str) -> tuple[str, ...]:
    fingers = ("thumb", "index", "middle", "ring", "little")
    points = (f"{finger}_{point}" for finger in fingers for point in range(1, 5))
    return tuple(f"{side}_hand_{point}" for point in ("root", *points))


_FEET = (
    *("left_big_toe", "left_small_toe", "left_heel"),
    *("right_big_toe", "right_small_toe", "right_heel"),
)
_FACE = tuple(f"face_{point}" for point in range(68))
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

# Animals with four legs, github.com/AlexTheBad/AP-10K.
_AP10K = (
    *("left_eye", "right_eye", "nose", "neck", "root_of_tail"),
    *("left_shoulder", "left_elbow", "left_front_paw"),
    *("right_shoulder", "right_elbow", "right_front_paw"),
    *("left_hip", "left_knee", "left_back_paw", "right_hip", "right_knee", "right_back_paw"),
)

COCO_17 = _skeleton("coco_17", _COCO, whole=False)
OPENPOSE_18 = _skeleton("openpose_18", _OPENPOSE, whole=False)
# COCO-WholeBody, and the same with OpenPose's body, as DWPose's users know it.
WHOLEBODY_133 = _skeleton("coco_wholebody_133", _COCO, whole=True)
OPENPOSE_134 = _skeleton("openpose_wholebody_134", _OPENPOSE, whole=True)

AP10K_17 = _skeleton("ap10k_17", _AP10K, whole=False)

SKELETONS = {s.name: s for s in (COCO_17, OPENPOSE_18, WHOLEBODY_133, OPENPOSE_134, AP10K_17)}
OPENPOSE_OF = {COCO_17.name: OPENPOSE_18, WHOLEBODY_133.name: OPENPOSE_134}
WHOLE_OF = {COCO_17.name: WHOLEBODY_133, OPENPOSE_18.name: OPENPOSE_134}
COCO_OF = {openpose.name: SKELETONS[name] for name, openpose in OPENPOSE_OF.items()}


def order_from(source: Skeleton, target: Skeleton) -> tuple[int, ...]:
    """Return for every joint of `target` its index in `source`; the neck, which COCO does not have,
    follows the last of them."""
    places = {joint: place for place, joint in enumerate((*source.joints, "neck"))}
    return tuple(places[joint] for joint in target.joints)
