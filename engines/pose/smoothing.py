"""Smooth the joints of each track with One-Euro filters."""

import itertools
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ..errors import InputError
from ..geometry.boxes import sides
from ..sequence import state_type
from ..tracking.one_euro import Memory, OneEuro
from ..video.cuts import check_cuts
from .choices import SMOOTHINGS
from .poses import Poses
from .tracks import Tracks, by_track, to_poses


@state_type()
@dataclass(frozen=True)
class FilterState:
    """What a smoother knows at the end of a chunk; opaque, to be handed to the next.

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

    A low cutoff smooths still joints strongly; the faster a joint moves, the higher the cutoff and
    the less it lags. Speed counts in heights of the person's box per second, so that settings do
    not depend on how large people are. People without a track are left unchanged.

    fps:        frames per second
    min_cutoff: Hz at rest; lower is steadier
    beta:       Hz more for each body height per second; higher follows faster
    direction:  "causal", or "both": forward and backward, without lag, for whole clips only
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
        if self.direction not in SMOOTHINGS:
            raise InputError(
                f"direction: expected one of {', '.join(SMOOTHINGS)}, found {self.direction!r}"
            )

    def reset(self) -> None:
        """Restart with the next chunk."""
        self.state = None

    def update(self, poses: Poses, cuts: Tensor | None = None) -> Poses:
        """Return the next chunk, smoothed; confidences, boxes and scores are unchanged.

        cuts: [F] bool, frames that begin a new shot; nothing is smoothed across them

        Raises `InputError` if canvas or skeleton change without a reset, or the number of cuts is
        not that of the frames.
        """
        check_cuts(cuts, len(poses))
        starts = [] if cuts is None else cuts.nonzero().flatten().tolist()
        if not starts:
            return self._shot(poses)
        shots = []
        for start, stop in itertools.pairwise(sorted({0, *starts, len(poses)})):
            if start in starts:
                self.reset()
            shots.append(self._shot(poses.slice(start, stop)))
        return Poses.cat(shots)

    def _shot(self, poses: Poses) -> Poses:
        """Return the next frames of the same shot, smoothed."""
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
            points = (points + self._filtered(tracks.flipped(), poses).flip(0)) / 2
        points = torch.where(tracks.seen[..., None], points, tracks.keypoints)
        return to_poses(replace(tracks, keypoints=points), poses)

    def _ids(self, poses: Poses) -> Tensor:
        now = poses.track_ids[poses.present & (poses.track_ids >= 0)]
        if self.state is not None:
            now = torch.cat([now, self.state.ids.to(now.device)])
        ids: Tensor = now.unique()
        return ids

    def _filtered(self, tracks: Tracks, poses: Poses) -> Tensor:
        """Return the filtered joints [F,T,K,2] px, computed on the CPU."""
        seen = tracks.seen.cpu()
        points = tracks.keypoints.cpu().float()
        height = sides(tracks.boxes)[..., 1].cpu().clamp(min=1)[..., None]  # [F,T,1]
        memory = Memory.empty(points.new_zeros(points.shape[1:]))
        if self.state is not None:
            column = torch.searchsorted(tracks.ids.cpu(), self.state.ids)
            memory.values[column], memory.speeds[column] = self.state.points, self.state.speeds
            memory.gone[column] = self.state.gone
        one_euro = OneEuro(self.fps, self.min_cutoff, self.beta)
        out, memory = one_euro.run(points, seen, memory, unit=height)
        if self.direction == "causal":
            here = one_euro.is_remembered(memory).any(1)  # a joint that restarts needs no past
            self.state = FilterState(
                tracks.ids.cpu()[here],
                memory.values[here],
                memory.speeds[here],
                memory.gone[here],
                poses.canvas,
                poses.skeleton,
            )
        return out.to(tracks.keypoints.device, tracks.keypoints.dtype)
