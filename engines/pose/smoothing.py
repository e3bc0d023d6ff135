"""Steadier joints: One-Euro filtering by track."""

import math
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ..errors import InputError
from ..sequence import state_type
from .poses import Poses
from .tracks import Tracks, by_track, to_poses

DIRECTIONS = ("causal", "both")
_SPEED_CUTOFF = 1.0  # Hz, of the filter on the speed, as published
_RESTART = 0.5  # s out of sight after which a joint begins anew


@state_type()
@dataclass(frozen=True)
class FilterState:
    """What a smoother knows at the end of a chunk; opaque, hand it to the next.

    ids [T]; points, speeds [T,K,2]; gone [T,K] frames since a joint was seen, inf = never; canvas
    and skeleton of the poses
    """

    ids: Tensor
    points: Tensor
    speeds: Tensor
    gone: Tensor
    canvas: tuple[int, int]
    skeleton: str


@dataclass
class Smoother:
    """One-Euro filter (Casiez et al. 2012) on every joint of every track of successive chunks.

    A joint at rest is held by a low cutoff; the faster it moves, the higher the cutoff and the
    less it lags. Speed counts in heights of the person's box a second, so that settings do not
    depend on how large people are. People without a track are left as they are.

    fps:        frames a second
    min_cutoff: Hz at rest; lower is steadier
    beta:       Hz more for each body height a second; higher follows faster
    direction:  causal, or both: there and back, which does not lag but needs the whole clip
    """

    fps: float = 16.0
    min_cutoff: float = 1.0
    beta: float = 20.0
    direction: str = "causal"
    state: FilterState | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("fps", "min_cutoff"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name}: expected more than 0, found {getattr(self, name)}")
        if self.beta < 0:
            raise InputError(f"beta: expected at least 0, found {self.beta}")
        if self.direction not in DIRECTIONS:
            raise InputError(
                f"direction: expected one of {', '.join(DIRECTIONS)}, found {self.direction!r}"
            )

    def reset(self) -> None:
        """Begin anew with the next chunk."""
        self.state = None

    def update(self, poses: Poses) -> Poses:
        """The next chunk, smoothed; confidences, boxes and scores stay.

        Raises `InputError` when canvas or skeleton change without a reset.
        """
        known = self.state
        if known is not None and (known.canvas, known.skeleton) != (poses.canvas, poses.skeleton):
            raise InputError(
                f"poses: {poses.skeleton} in {poses.canvas[1]}x{poses.canvas[0]}, but those before "
                f"were {known.skeleton} in {known.canvas[1]}x{known.canvas[0]}; disconnect or "
                "reset the state"
            )
        tracks = by_track(poses, self._ids(poses))
        if not len(poses):
            return poses
        points = self._filtered(tracks, poses)
        if self.direction == "both":
            back = replace(
                tracks,
                keypoints=tracks.keypoints.flip(0),
                confidence=tracks.confidence.flip(0),
                boxes=tracks.boxes.flip(0),
                present=tracks.present.flip(0),
            )
            points = (points + self._filtered(back, poses).flip(0)) / 2
        points = torch.where(tracks.seen[..., None], points, tracks.keypoints)
        return to_poses(replace(tracks, keypoints=points), poses)

    def _ids(self, poses: Poses) -> Tensor:
        now = poses.track_ids[poses.present & (poses.track_ids >= 0)]
        if self.state is not None:
            now = torch.cat([now, self.state.ids.to(now.device)])
        ids: Tensor = now.unique()
        return ids

    def _filtered(self, tracks: Tracks, poses: Poses) -> Tensor:
        """[F,T,K,2] px. A loop over frames, as each needs the one before; on the CPU, where small
        operations cost least."""
        seen = tracks.seen.cpu()
        points = tracks.keypoints.cpu().float()
        high = (tracks.boxes[..., 3] - tracks.boxes[..., 1]).cpu().clamp(min=1)[..., None, None]
        frames, people, joints = seen.shape
        last = torch.zeros(people, joints, 2)
        speed = torch.zeros(people, joints, 2)
        gone = torch.full((people, joints), math.inf)
        if self.state is not None:
            column = torch.searchsorted(tracks.ids.cpu(), self.state.ids)
            last[column], speed[column] = self.state.points, self.state.speeds
            gone[column] = self.state.gone
        out = torch.empty_like(points)
        for f in range(frames):
            now, here = points[f], seen[f][..., None]
            passed = (gone[..., None] + 1) / self.fps
            fresh = passed > _RESTART
            measured = (now - last) / passed.clamp(max=1e3)
            slow = _weight(torch.tensor(_SPEED_CUTOFF), passed)
            rate = torch.where(fresh, 0.0, slow * measured + (1 - slow) * speed)
            cutoff = self.min_cutoff + self.beta * rate.norm(dim=-1, keepdim=True) / high[f]
            part = torch.where(fresh, 1.0, _weight(cutoff, passed))
            smooth = torch.where(fresh, now, part * now + (1 - part) * last)
            last = torch.where(here, smooth, last)
            speed = torch.where(here, rate, speed)
            gone = torch.where(here[..., 0], 0.0, gone + 1)
            out[f] = last
        if self.direction == "causal":
            # a joint that begins anew needs no past
            here = (gone <= _RESTART * self.fps).any(1)
            self.state = FilterState(
                tracks.ids.cpu()[here],
                last[here],
                speed[here],
                gone[here],
                poses.canvas,
                poses.skeleton,
            )
        return out.to(tracks.keypoints.device, tracks.keypoints.dtype)


def _weight(cutoff: Tensor, seconds: Tensor) -> Tensor:
    """How much of a new value a low pass of `cutoff` Hz takes after `seconds`."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff * seconds))
