"""Where faces are looked for: squares of frames, from a detector or from the people's joints."""

import math

import torch
from torch import Tensor

from ..errors import InputError
from ..geometry import boxes as box
from ..geometry.crops import batches, crop, from_crops
from ..geometry.fitted_regions import direction, regions_around
from ..geometry.turned_crops import Regions
from ..pose.poses import Poses
from ..runtime.engine import Engine
from .family import FaceCandidates, FaceDetector, FaceMesh

_TILES = 4096  # whose faces are decoded together
_PER_TILE = 8  # most faces per tile, the most confident first
_FACE = 1 / 5  # of a tile: the smallest face that the detector finds in it reliably
_OVERLAP = 0.25  # of a tile's side: a face of up to this size lies whole in one of the tiles
_SAME = 0.3  # IoU of two boxes of the same face

# Sides of a face's region in distances of its joints. Across people the outer ends of the eyes are
# 6.3 cm apart (middle to middle), the ears 15 cm, nose and ear 12 cm; a region is 24 cm wide.
_PER_EYES, _PER_EARS, _PER_NOSE = 24 / 6.3, 24 / 15, 24 / 12


def tiles(canvas: tuple[int, int], smallest_face: int) -> Tensor:
    """Return the squares [T,3] x, y of the centre and side, px, that a detector looks at.

    canvas:        height and width
    smallest_face: px, height of the smallest face that is to be found; 0 = one square for the whole
                   frame

    The whole frame is one square; each further level has tiles of half the side.

    Raises `InputError` for a size below 0, and for one that needs more than 2,000 tiles.
    """
    if smallest_face < 0:
        raise InputError(f"smallest_face: expected at least 0 px, found {smallest_face}")
    height, width = canvas
    squares = [torch.tensor([[width / 2, height / 2, float(max(canvas))]])]
    side = max(canvas) / 2 if smallest_face else 0.0
    while side > smallest_face / _FACE / 2 > 0:
        side = max(side, smallest_face / _FACE)
        x, y = (_along(length, side) for length in (width, height))
        if len(x) * len(y) > 2000:
            raise InputError(
                f"smallest_face: {smallest_face} px in frames of {width}x{height} needs "
                f"{len(x) * len(y)} tiles; choose a larger face, or crop the frames"
            )
        grid = torch.cartesian_prod(x, y)
        squares.append(torch.cat([grid, torch.full((len(grid), 1), side)], 1))
        side /= 2
    return torch.cat(squares)


def _along(length: int, side: float) -> Tensor:
    """Return the centres of tiles of `side` along an axis, evenly, overlapping enough."""
    if side >= length:
        return torch.tensor([length / 2])
    count = math.ceil((length - side) / (side * (1 - _OVERLAP))) + 1
    return torch.linspace(side / 2, length - side / 2, count)


def detected_faces(
    frames: Tensor,
    engine: Engine,
    head: FaceDetector,
    *,
    above: float,
    most: int,
    smallest_face: int,
) -> tuple[FaceCandidates, Tensor]:
    """Return the faces [F,most] that a detector finds in `frames` [F,H,W,3] on its device, surest
    first, and how many there are [F]; boxes and points are in px of the frames.
    """
    count, canvas = len(frames), (frames.shape[1], frames.shape[2])
    squares = tiles(canvas, smallest_face).to(frames.device)
    each, size = len(squares), (head.size, head.size)
    half = squares[:, 2:] / 2
    tiled = torch.cat([squares[:, :2] - half, squares[:, :2] + half], 1).repeat(count, 1)
    frame = torch.arange(count, device=frames.device).repeat_interleave(each)
    # Once in the order that crops are sampled in: they are many, and would each copy the frames.
    planes = frames.movedim(-1, 1).contiguous().movedim(1, -1)
    boxes, scores, points = [], [], []
    for group in batches(count * each, _TILES, frames.device):
        outputs = [
            engine.infer(crop(planes, frame[part], tiled[part], size).clamp(0, 1))
            for part in group.split(engine.batch_for(*size))
        ]
        together = {name: torch.cat([some[name] for some in outputs]) for name in outputs[0]}
        found, _ = head.decode(together, above).best(_PER_TILE, above=above)
        here = tiled[group]
        corners = from_crops(box.corners(found.boxes).flatten(1, 2), here, size)
        boxes.append(corners.unflatten(1, (_PER_TILE, 2)).flatten(2))
        points.append(from_crops(found.points.flatten(1, 2), here, size).view_as(found.points))
        scores.append(found.scores)
    every = FaceCandidates(
        boxes=torch.cat(boxes).unflatten(0, (count, each)).flatten(1, 2),
        scores=torch.cat(scores).unflatten(0, (count, each)).flatten(1, 2),
        points=torch.cat(points).unflatten(0, (count, each)).flatten(1, 2),
    )
    if each > 1:
        every = every.suppressed(above=above, overlap=_SAME)
    return every.best(most, above=above)


def regions_of_faces(found: FaceCandidates, count: Tensor, reach: float) -> Regions:
    """Return the regions of faces [F,P] that a detector found, `count` [F] of them."""
    places = torch.arange(found.scores.shape[1], device=found.scores.device)
    frame, place = (places[None] < count[:, None]).nonzero(as_tuple=True)
    boxes = found.boxes[frame, place]
    eyes = found.points[frame, place]
    return Regions(
        frame,
        box.centres(boxes),
        reach * box.sides(boxes).amax(-1),
        direction(eyes[:, 0], eyes[:, 1]),
    )


def regions_of_points(points: Tensor, frame: Tensor, head: FaceMesh) -> Regions:
    """Return the regions of faces from their points [N,K,2 or 3] px, on the frames [N]."""
    flat = points[..., :2]
    first, second = (flat[:, number] for number in head.eyes)
    return regions_around(flat, frame, direction(first, second), reach=head.reach)


def regions_of_people(body: Poses) -> tuple[Regions, Tensor]:
    """Return the regions of the people's faces, and the place [N] of each person.

    From nose, eyes and ears, of which two must be seen.

    body: with COCO's joints; see `Poses.as_coco`
    """
    points, seen = body.keypoints[:, :, :5], body.confidence[:, :, :5] > 0
    usable = body.present & (seen.sum(-1) >= 2)
    frame, place = usable.nonzero(as_tuple=True)
    at, here = points[frame, place], seen[frame, place]
    nose, left_eye, right_eye, left_ear, right_ear = range(5)

    def apart(a: int, b: int) -> Tensor:  # [N] px, 0 unless both are seen
        distance: Tensor = (at[:, a] - at[:, b]).norm(dim=-1)
        return distance * (here[:, a] & here[:, b])

    side = torch.stack(
        [
            _PER_EYES * apart(left_eye, right_eye),
            _PER_EARS * apart(left_ear, right_ear),
            _PER_NOSE * torch.maximum(apart(nose, left_ear), apart(nose, right_ear)),
            _PER_EARS * torch.maximum(apart(left_eye, left_ear), apart(right_eye, right_ear)),
        ]
    ).amax(0)
    weight = here[..., None].float()
    middle = (at * weight).sum(1) / weight.sum(1).clamp(min=1)
    centre = torch.where(here[:, nose, None], (at[:, nose] + middle) / 2, middle)
    # The person's right side is at the left of the picture when they face the camera.
    by_eyes = direction(at[:, right_eye], at[:, left_eye])
    by_ears = direction(at[:, right_ear], at[:, left_ear])
    both_eyes = here[:, left_eye] & here[:, right_eye]
    both_ears = here[:, left_ear] & here[:, right_ear]
    angle = torch.where(both_eyes, by_eyes, torch.where(both_ears, by_ears, 0.0))
    sized = side > 1
    regions = Regions(frame, centre, side, angle)
    return regions.at(sized), place[sized]
