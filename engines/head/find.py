"""From frames to heads, with whichever kind of network."""

from collections.abc import Callable

from torch import Tensor

from ..detections.detect import letterbox_for, recommended_size
from ..errors import InputError
from ..geometry.placement import Size
from ..pose.poses import Poses
from ..runtime.engine import Engine
from ..runtime.included import included_beside
from .choices import FOV
from .detect import detect_heads
from .family import FaceMesh, HeadFinder, HeadRotation, face_detector, head_of
from .heads import Heads
from .rotation_in_crops import heads_in_crops
from .settings import frames_together
from .whole_frame import heads_in_frames

DETECTOR = "mediapipe_face_detector"


def needs_detector(engine: Engine, poses: Poses | None) -> bool:
    """Return whether faces have to be found before the engine can look at them."""
    return poses is None and not isinstance(head_of(engine.model), HeadFinder)


def included_detector(engine: Engine) -> Engine:
    """Return an engine of the included face detector, for an engine that has none; see
    `included_beside`."""
    return included_beside(engine, DETECTOR)


def frames_at_once(engine: Engine, source: Size) -> int:
    """Return how many frames of `source` (height, width) are looked at together: what is found in
    a frame depends in its last bits on those beside it."""
    if isinstance(head_of(engine.model), HeadFinder):
        return engine.batch_for(*letterbox_for(engine, source, recommended_size(engine)).target)
    return frames_together(engine.device, source)


def unused(
    engine: Engine, *, fov: float, smallest_face: int, second_pass: bool, from_joints: bool = False
) -> list[str]:
    """Return warnings of settings of `find_heads` that the engine's network does not use."""
    head, name = head_of(engine.model), engine.model.name
    found = []
    if isinstance(head, HeadFinder) and fov != FOV:
        found.append(f"fov: {name} assumes its own camera; {fov:g} is not used")
    if isinstance(head, HeadFinder) and smallest_face:
        found.append(f"smallest_face: {name} looks at whole frames; {smallest_face} is not used")
    if second_pass and not isinstance(head, FaceMesh):
        found.append(f"second_pass: {name} finds no points of faces; it is not used")
    if from_joints and not isinstance(head, FaceMesh):
        found.append(f"from_joints: {name} finds no points of faces; it is not used")
    return found


def find_heads(
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
    """Find the heads in `frames` [F,H,W,3] 0..1 and how they are turned, in batches.

    engine:          of a network for heads: the points of a face, heads with their poses, or how
                     the head in a crop is turned
    detector:        of a network that finds faces; None: the included one where it is needed
    poses:           the people of the same frames, whose faces are looked at instead; their tracks
                     are kept
    fov:             vertical field of view of the camera, degrees; networks that find heads with
                     their poses assume their own
    score_threshold: heads with at most this score are dropped
    max_heads:       most heads per frame, the most confident first
    smallest_face:   px; smaller faces need not be found, see `regions.tiles`
    second_pass:     find the points again, in regions around those of the first pass
    from_joints:     of people whose faces the network of a face's points does not see, fit the
                     heads to nose, eyes and ears; see `detect_heads`
    progress:        called with the number of frames done since the last call

    Returns heads in px of the frames, on the engine's device; frames without a face have none.
    Raises `InputError` for frames that are not RGB in 0..1 or not those of `poses`, for settings
    out of range, for engines of other networks, and for a detector or poses that the engine does
    not use.
    """
    head = head_of(engine.model)
    if isinstance(head, HeadFinder):
        for name, value in (("detector", detector), ("poses", poses)):
            if value is not None:
                raise InputError(
                    f"{name}: {engine.model.name} finds heads itself and takes none; disconnect "
                    f"{name}"
                )
        return heads_in_frames(
            frames,
            engine,
            head,
            score_threshold=score_threshold,
            max_heads=max_heads,
            progress=progress,
        )
    if detector is not None:
        face_detector(detector.model)
    elif poses is None:
        detector = included_detector(engine)
    if isinstance(head, HeadRotation):
        return heads_in_crops(
            frames,
            engine,
            head,
            detector,
            poses=poses,
            fov=fov,
            score_threshold=score_threshold,
            max_heads=max_heads,
            smallest_face=smallest_face,
            progress=progress,
        )
    return detect_heads(
        frames,
        engine,
        detector,
        poses=poses,
        fov=fov,
        score_threshold=score_threshold,
        max_heads=max_heads,
        smallest_face=smallest_face,
        second_pass=second_pass,
        from_joints=from_joints,
        progress=progress,
    )
