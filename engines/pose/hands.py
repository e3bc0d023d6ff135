"""Hands of people: looked for at the ends of their forearms, believed only if they fit there."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import check_frames
from ..errors import InputError
from ..geometry.crops import batches
from ..geometry.fitted_regions import direction, regions_around
from ..geometry.turned_crops import Regions, crop_turned
from ..runtime.engine import Engine
from .arms import SIDES, Arms, arms_of
from .family import HandPoints, hand_points
from .poses import Poses

POINTS = 21

# Where a hand is looked for, in lengths of the forearm: a hand is 0.108 of the body's height long,
# a forearm 0.146 (Winter, see `arms`), and joints of bodies are off by up to a quarter of that.
_AHEAD, _SIDE = 0.35, 1.2
# Where it is looked for again: MediaPipe's rule. The box around the wrist and the lower parts of
# the fingers, doubled and moved by a tenth towards the fingertips.
_INNER = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)
_REACH, _SHIFT = 2.0, 0.1
_INDEX, _MIDDLE, _RING = 6, 10, 14  # the middle joints of these fingers

# What fits an arm, in lengths of the forearm. Of the hands of the annotated frames the root lies at
# most 0.24 from the body's wrist, and the farthest point 0.36 to 0.82 from the root.
_NEAR = 0.5
_SMALL, _LARGE = 0.2, 1.2
_KNUCKLE = 9  # root of the middle finger
_BENT = -0.3  # cosine of the largest angle between forearm and palm; a wrist bends by up to 80 deg
_SHOWN = 0.4  # of forearm and palm, below which their directions in the picture say nothing
_PALM = 0.38  # length of the palm
_INSIDE = 0.5  # part of the points that must lie in the frame
_SAME = 0.25  # distance (RMS) of the points of one hand that was found twice, in its own size


@dataclass(frozen=True)
class Hands:
    """What was found at the wrists of poses.

    points:     [F,P,2,21,2] px, by `SIDES`; the order is that of `skeletons`
    confidence: [F,P,2,21] 0..1; 0 where no hand was found, and for points beyond the frame
    looked:     how many wrists were looked at
    unlike:     how many of them showed nothing like a hand
    unfit:      how many showed a hand that does not fit the arm
    twice:      how many showed a hand that belongs to another arm
    """

    points: Tensor
    confidence: Tensor
    looked: int
    unlike: int
    unfit: int
    twice: int

    @property
    def found(self) -> int:
        """How many hands were found."""
        return self.looked - self.unlike - self.unfit - self.twice


def find_hands(
    frames: Tensor,
    poses: Poses,
    engine: Engine,
    *,
    score_threshold: float = 0.5,
    plausible: bool = True,
    together: int = 16,
    progress: Callable[[int], None] | None = None,
) -> Hands:
    """Find the hands of the people in `poses` in `frames` [F,H,W,3] 0..1, in batches.

    The network looks twice: at the end of each forearm, then at the hand that it found there.

    engine:          of a network that finds the points of a hand
    score_threshold: hands with at most this score are dropped
    plausible:       also drop hands that do not fit their arm by distance, size or direction, that
                     lie mostly beyond the frame, and that another arm has found, too
    together:        how many frames are looked at together
    progress:        called with the number of frames done since the last call

    Returns hands on the engine's device. Raises `InputError` for frames that are not RGB in 0..1 or
    not those of `poses`, for animals, and for an engine of another network.
    """
    check_frames("image", frames)
    poses.need_people("poses")
    poses.need_frames("poses", frames)
    if not 0 <= score_threshold <= 1:
        raise InputError(f"score_threshold: expected 0..1, found {score_threshold}")
    head = hand_points(engine.model)
    points = torch.zeros(*poses.scores.shape, len(SIDES), POINTS, 2, device=engine.device)
    confidence = torch.zeros(points.shape[:-1], device=engine.device)
    looked, counts = 0, torch.zeros(3, dtype=torch.int64)
    for start in range(0, len(frames), together):
        here = frames[start : start + together].to(engine.device, torch.float32)
        arms = arms_of(poses.slice(start, start + len(here)).to(engine.device))
        with torch.inference_mode():
            found, scores = _look(here, _at_ends(arms), engine, head)
            better, sure = _look(here, _around(found, arms.frame), engine, head)
        won = sure >= scores
        found = torch.where(won[:, None, None], better, found)
        scores = torch.where(won, sure, scores)
        alike = scores > score_threshold
        seen = poses.in_canvas(found)
        mostly = seen.float().mean(-1) >= _INSIDE
        fit = alike & mostly & _fits(found, arms) if plausible else alike
        kept = fit & ~_taken(found, arms, fit) if plausible else fit
        at = (arms.frame + start, arms.place, arms.side)
        points[at] = found * kept[:, None, None]
        confidence[at] = (kept * scores)[:, None] * seen
        looked += len(arms)
        counts += torch.stack([alike.sum(), fit.sum(), kept.sum()]).cpu()
        if progress is not None:
            progress(len(here))
    like, fitting, own = counts.tolist()
    return Hands(
        points=points,
        confidence=confidence,
        looked=looked,
        unlike=looked - like,
        unfit=like - fitting,
        twice=fitting - own,
    )


def _at_ends(arms: Arms) -> Regions:
    """Return where the hands of arms are looked for, with the fingers upwards."""
    centre = arms.wrist + arms.along * (_AHEAD * arms.length)[:, None]
    angle = torch.atan2(arms.along[:, 0], -arms.along[:, 1])
    return Regions(arms.frame, centre, _SIDE * arms.length, angle)


def _around(points: Tensor, frame: Tensor) -> Regions:
    """Return where hands [N,21,2] px on the frames [N] are looked for again."""
    fingers = (points[:, _INDEX] + points[:, _RING]) / 4 + points[:, _MIDDLE] / 2
    upright = direction(points[:, 0], fingers) + math.pi / 2
    return regions_around(points[:, _INNER], frame, upright, reach=_REACH, ahead=_SHIFT)


def _look(
    frames: Tensor, regions: Regions, engine: Engine, head: HandPoints
) -> tuple[Tensor, Tensor]:
    """Return the points [N,21,2] px of the hands in regions of frames, and their scores [N]."""
    points = frames.new_zeros(len(regions), POINTS, 2)
    scores = frames.new_zeros(len(regions))
    # On a CPU batches gain nothing, and the last bits of sums depend on what else is in them.
    most = 1 if frames.device.type == "cpu" else engine.batch_for(head.size, head.size)
    for part in batches(len(regions), most, frames.device):
        here = regions.at(part)
        found, scores[part] = head.decode(
            engine.infer(crop_turned(frames, here, head.size).clamp(0, 1))
        )
        points[part] = here.back(found, head.size)
    return points, scores


def _fits(points: Tensor, arms: Arms) -> Tensor:
    """Return which hands [N,21,2] px fit their arms by distance, size and direction, [N] bool."""
    root, palm = points[:, 0], points[:, _KNUCKLE] - points[:, 0]
    size = _sizes(points)
    near = (root - arms.wrist).norm(dim=-1) <= _NEAR * arms.length
    sized = (size >= _SMALL * arms.length) & (size <= _LARGE * arms.length)
    long = palm.norm(dim=-1)
    ahead = (palm * arms.along).sum(-1) >= _BENT * long
    flat = (arms.shown >= _SHOWN) & (long >= _SHOWN * _PALM * arms.length)
    fits: Tensor = near & sized & (ahead | ~flat)
    return fits


def _taken(points: Tensor, arms: Arms, fit: Tensor) -> Tensor:
    """Return which hands [N,21,2] px of those that `fit` [N] are another arm's, [N] bool.

    Of two arms that found the same hand, it belongs to the one whose wrist it is nearer to.
    """
    flat = points.flatten(1)
    apart = torch.cdist(flat, flat, compute_mode="donot_use_mm_for_euclid_dist")
    apart = apart / POINTS**0.5
    size = _sizes(points)
    same = (apart < _SAME * torch.minimum(size[:, None], size[None])) & fit[:, None] & fit[None]
    same &= arms.frame[:, None] == arms.frame[None]
    far = (points[:, 0] - arms.wrist).norm(dim=-1) / arms.length
    number = torch.arange(len(far), device=far.device)
    first = (far[None] < far[:, None]) | (
        (far[None] == far[:, None]) & (number[None] < number[:, None])
    )
    taken: Tensor = (same & first).any(1)
    return taken


def _sizes(points: Tensor) -> Tensor:
    """Return how far the farthest of each hand's points [N,21,2] is from its root, [N] px."""
    sizes: Tensor = (points - points[:, :1]).norm(dim=-1).amax(-1)
    return sizes
