"""Hands and faces added to poses, which makes them whole bodies."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ..pose.arms import SIDES
from ..pose.hands import Hands, find_hands
from ..pose.poses import Poses
from ..runtime.engine import Engine
from .faces_of_people import Faces, faces_of_people
from .settings import frames_together


@dataclass(frozen=True)
class WholeBodies:
    """Poses with what was added to them.

    poses: with 133 joints, or 134 with OpenPose's body
    hands: None if they were not looked for
    faces: None if they were not looked for
    """

    poses: Poses
    hands: Hands | None
    faces: Faces | None


def add_hands_and_face(
    frames: Tensor,
    poses: Poses,
    *,
    hand_engine: Engine | None = None,
    face_engine: Engine | None = None,
    score_threshold: float = 0.5,
    plausible: bool = True,
    progress: Callable[[int], None] | None = None,
) -> WholeBodies:
    """Find the hands and faces of the people in `poses` in `frames` [F,H,W,3] 0..1.

    hand_engine: of a network for hands, see `find_hands`; None leaves hands as they are
    face_engine: of a network for faces, see `faces_of_people`; None leaves faces as they are
    progress:    called with the number of frames done since the last call, once for each engine

    Everything else, such as tracks, scores and feet, stays as it is. Raises as these functions do.
    """
    hands = faces = None
    whole = poses.whole()
    if hand_engine is not None:
        hands = find_hands(
            frames,
            poses,
            hand_engine,
            score_threshold=score_threshold,
            plausible=plausible,
            together=frames_together(hand_engine.device, poses.canvas),
            progress=progress,
        )
        for number, side in enumerate(SIDES):
            points, confidence = hands.points[:, :, number], hands.confidence[:, :, number]
            whole = whole.with_part(f"{side}_hand", points, confidence)
    if face_engine is not None:
        faces = faces_of_people(
            frames, poses, face_engine, score_threshold=score_threshold, progress=progress
        )
        whole = whole.with_part("face", faces.points, faces.confidence)
    return WholeBodies(whole, hands, faces)
