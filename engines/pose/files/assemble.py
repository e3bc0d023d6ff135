"""Convert between people as files list them and `Poses`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...document import Value
from ...errors import InputError
from ...words import counted
from ..poses import Poses
from ..skeletons import SKELETONS

_MOST = 2**28  # joints of all places of all frames: 3 GiB


@dataclass(frozen=True)
class Person:
    """One person in one frame, as a file has them.

    joints: x, y, c of each joint, flat; c = 0: not seen
    score:  None: the mean confidence of the joints that are seen
    box:    x0, y0, x1, y1; None: the bounding box of the joints that are seen
    track:  -1 = no track
    """

    frame: int
    joints: Sequence[float]
    score: float | None = None
    box: Sequence[float] | None = None
    track: int = -1


def assemble(
    people: Sequence[Person],
    *,
    frames: int,
    canvas: tuple[int, int],
    skeleton: str,
    source: str,
    scale: tuple[float, float] = (1.0, 1.0),
) -> Poses:
    """Return the poses of `people`, those of a frame by descending score, otherwise in the order
    given.

    scale: pixels by which the files' x and y are multiplied

    Joints that are not seen lie at (0, 0). People with neither a visible joint nor a box are
    left out. There is at least one place per frame. Raises `InputError` for too many people.
    """
    people = [p for p in people if p.box is not None or any(p.joints[2::3])]
    joints, n = len(SKELETONS[skeleton]), len(people)
    most = Counter(p.frame for p in people).most_common(1)
    places = most[0][1] if most else 1
    if frames * places * joints > _MOST:
        raise InputError(
            f"{source}: {frames} frames with up to {places} people are too many for one set of "
            "poses; check the frame numbers, or cut the file into parts"
        )
    frame = torch.tensor([p.frame for p in people], dtype=torch.int64)
    # Exact for float32 in, float32 out: the products are taken in float64.
    flat = torch.tensor([p.joints for p in people], dtype=torch.float64).view(n, joints, 3)
    confidence = flat[..., 2].clamp(max=1).float()
    seen = confidence > 0
    factor = torch.tensor(scale, dtype=torch.float64)
    keypoints = torch.where(seen[..., None], flat[..., :2] * factor, 0)

    known = torch.tensor([p.box is not None for p in people], dtype=torch.bool)
    boxes = torch.tensor([p.box or (0, 0, 0, 0) for p in people], dtype=torch.float64)
    boxes = boxes.view(n, 4) * factor.repeat(2)
    boxes = torch.where(known[:, None], boxes, _bounds(keypoints, seen))

    told = torch.tensor([p.score is not None for p in people], dtype=torch.bool)
    scores = torch.tensor([p.score or 0.0 for p in people], dtype=torch.float32)
    mean = (confidence * seen).sum(1) / seen.sum(1).clamp(min=1)
    scores = torch.where(told, scores, mean)
    tracks = torch.tensor([p.track for p in people], dtype=torch.int64)

    order = scores.argsort(descending=True, stable=True)
    order = order[frame[order].argsort(stable=True)]
    count = torch.bincount(frame, minlength=frames)
    row = frame[order]
    place = torch.arange(n) - (count.cumsum(0) - count)[row]

    def placed(values: Tensor, empty: int = 0) -> Tensor:  # [N,...] -> [F,P,...]
        whole = values.new_full((frames, places, *values.shape[1:]), empty)
        whole[row, place] = values[order]
        return whole

    return Poses(
        keypoints=placed(keypoints.float()),
        confidence=placed(confidence),
        boxes=placed(boxes.float()),
        scores=placed(scores),
        track_ids=placed(tracks, -1),
        count=count,
        canvas=canvas,
        skeleton=skeleton,
    )


def _bounds(keypoints: Tensor, seen: Tensor) -> Tensor:
    """Return the bounding boxes [N,4] of the joints that are seen; zero if none is."""
    inside = seen[..., None]
    low = torch.where(inside, keypoints, torch.inf).amin(1)
    high = torch.where(inside, keypoints, -torch.inf).amax(1)
    return torch.where(seen.any(1)[:, None], torch.cat([low, high], 1), 0)


def settled(poses: Poses) -> Poses:
    """Return the same poses on the CPU as files hold them: joints that are not seen at (0, 0).

    Raises `InputError` for people with NaN or infinity.
    """
    here = poses.to("cpu")
    seen = here.confidence > 0
    keypoints = torch.where(seen[..., None], here.keypoints, 0)
    present = here.present
    parts = {"keypoints": keypoints, "confidence": here.confidence}
    parts |= {"boxes": here.boxes, "scores": here.scores[..., None]}
    for name, values in parts.items():
        bad = present & ~values.isfinite().flatten(2).all(2)
        if bad.any():
            first = int(bad.nonzero()[0, 0])
            raise InputError(
                f"Poses.{name}: expected finite numbers, found NaN or infinity in frame {first}"
            )
    return replace(here, keypoints=keypoints)


def triples(poses: Poses) -> Tensor:
    """Return x, y, confidence of settled poses, [F,P,K,3]."""
    return torch.cat([poses.keypoints, poses.confidence[..., None]], -1)


def frame_count(document: Value, found: int, frames: int | None) -> int:
    """Return how many frames there are: `found` in the document, or `frames`, the last of them
    empty.

    Raises `InputError` when the document has more.
    """
    if frames is None:
        return found
    if frames < found:
        raise InputError(
            f"{document.source}: expected poses for {counted(frames, 'frame')}, found "
            f"{counted(found, 'frame')}; "
            "check that the file belongs to this clip"
        )
    return frames


def need_canvas(document: Value, canvas: tuple[int, int] | None, format: str) -> tuple[int, int]:
    """Raise `InputError` without a canvas, which `format` does not hold."""
    if canvas is None:
        raise InputError(
            f"{document.source}: {format} does not say the size of the frames; "
            "connect the frames to image (in Python: canvas=)"
        )
    return canvas
