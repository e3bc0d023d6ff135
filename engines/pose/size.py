"""How a network looks at the frames of a clip: in which size, and in how many tiles."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..detections.detect import Looks, recommended_size
from ..errors import InputError
from ..geometry.boxes import coverage, sides
from ..geometry.views import tile_side, tiles_for
from ..runtime.engine import Engine
from .choices import TURNED
from .family import OneStage, whole_frame
from .one_stage import poses_in_frames
from .poses import Poses

_LOOKS = 4  # frames that are looked at
_INSIDE = 0.5  # part of a box that lies in another one of the same person
_SHORT = 0.25  # quantile of the heights: small people are the first to be missed
_TALL = 0.75  # quantile of the heights: if even these are small, everybody is
_ENOUGH = 0.9  # part of the height that people should have, in the largest size
_TILE = 4.0  # heights of people: the side of a tile, so that few are in it and most are whole
_MOST_TILES = 8  # along the longer side
_FAR = 4  # tiles that are looked at where nobody is found otherwise


def looks_for(
    frames: Tensor,
    engine: Engine,
    *,
    size: int = 0,
    tiles: int = 0,
    turned: str = "no",
    most: int = 6,
) -> Looks:
    """Return how to look at `frames` [F,H,W,3] 0..1.

    size:   longer side of the network's input; 0 = chosen
    tiles:  how many tiles lie along the longer side of the frames; 1 = none; 0 = chosen, unless
            there is a size
    turned: see `TURNED`
    most:   people per frame at most

    If the head of the network says how tall people should be (`SizeSearch`), a few frames are
    looked at: in the smallest size, which finds people who fill the frame, in the largest, which
    finds the others, and if they are small or nobody is found, in larger ones. The size follows
    from their height. People who are too small even in the largest size of all, and more people
    than the network can find at once, take tiles. If nobody is found, the size is the largest of
    `SizeSearch.sizes`. All other networks get the recommended size.
    """
    if turned not in TURNED:
        raise InputError(f"turned: expected one of {', '.join(TURNED)}, found {turned!r}")
    if tiles < 0:
        raise InputError(f"tiles: expected at least 0, found {tiles}")
    turns = TURNED[turned]
    search = None if size else _search(engine)
    if search is None:
        return Looks(size or recommended_size(engine), max(1, tiles), turns)
    head, sizes, larger = search
    assert head.size is not None
    tall = head.size.height
    source = (frames.shape[1], frames.shape[2])
    some = frames[looked_at(len(frames))]
    seen: list[Poses] = []

    def look(size: int, tiles: int) -> None:
        looks = Looks(size, tiles, turns)
        places = head.most * len(looks.views(source))
        seen.append(poses_in_frames(some, engine, head, looks=looks, exact=False, most=places))

    def wanted(part: float) -> float:
        """Return the size for the quantile `part` of the people's heights."""
        heights = _heights(seen)
        if not len(heights):
            return math.inf
        return tall * side / max(float(heights.quantile(part)), 1.0)

    count = max(1, tiles)
    side = tile_side(source, count)  # px of the longer side that the network is shown
    look(sizes[0], count)
    look(sizes[-1], count)
    beyond = [size for size in larger if size < side + engine.network.stride]
    if beyond and wanted(_TALL) * _ENOUGH > sizes[-1]:
        look(beyond[-1], count)
    full = any(int(poses.count.max()) >= head.most for poses in seen)
    if beyond == larger and not tiles and wanted(_TALL) == math.inf:
        look(sizes[-1], _FAR)
    if wanted(_TALL) == math.inf:
        return Looks(sizes[-1], count, turns)
    if wanted(_TALL) * _ENOUGH > sizes[-1]:
        sizes = [*sizes, *beyond]
    best = wanted(_SHORT)
    crowd = full and most > head.most
    if not tiles and (crowd or wanted(_TALL) * _ENOUGH > sizes[-1]):
        height = head.size.height * side / best
        count = min(max(2, tiles_for(source, _TILE * height)), _MOST_TILES)
        best = head.size.height * tile_side(source, count) / height
    return Looks(min(sizes, key=lambda size: abs(size - best)), count, turns)


def chooses_by_frames(engine: Engine) -> bool:
    """Return whether `looks_for` looks at the frames for this engine."""
    return _search(engine) is not None


def looked_at(frames: int) -> list[int]:
    """Return which of `frames` frames `looks_for` looks at, ascending."""
    indices: list[int] = torch.linspace(0, frames - 1, _LOOKS).round().long().unique().tolist()
    return indices


def _heights(seen: Sequence[Poses]) -> Tensor:
    """Return how tall the people of several looks at the same frames are, [N] px.

    A person within the box of an earlier look counts as the same one.
    """
    boxes = []
    for number, poses in enumerate(seen):
        new = poses.present
        for before in seen[:number]:
            inside = coverage(poses.boxes[:, :, None], before.boxes[:, None]) > _INSIDE
            new = new & ~(inside & before.present[:, None]).any(2)
        boxes.append(poses.boxes[new])
    heights: Tensor = sides(torch.cat(boxes).float()).amax(1)
    return heights


def _search(engine: Engine) -> tuple[OneStage, list[int], list[int]] | None:
    """Return the head, the sizes to choose from and the larger ones.

    None if the size does not depend on the frames.
    """
    head = whole_frame(engine.model)
    if not isinstance(head, OneStage) or head.size is None or engine.network.fixed is not None:
        return None
    low, high = engine.sizes
    sizes, larger = (
        [size for size in some if low <= size <= high]
        for some in (head.size.sizes, head.size.larger)
    )
    return (head, sizes, larger) if sizes else None
