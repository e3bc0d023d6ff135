"""Smooth the joints of each track with One-Euro filters."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ..errors import InputError
from ..geometry.boxes import sides
from ..sequence import state_type
from ..tracking.columns import tracks_in
from ..tracking.one_euro import Memory, OneEuro, check_smoothing
from ..tracking.shots import by_shot
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
        check_smoothing(self.direction, fps=self.fps, min_cutoff=self.min_cutoff, beta=self.beta)

    def reset(self) -> None:
        """Restart with the next chunk."""
        self.state = None

    def update(self, poses: Poses, cuts: Tensor | None = None) -> Poses:
        """Return the next chunk, smoothed; confidences, boxes and scores are unchanged.

        cuts: [F] bool, frames that begin a new shot; nothing is smoothed across them

        Raises `InputError` if canvas or skeleton change without a reset, or the number of cuts is
        not that of the frames.
        """
        return by_shot(poses, cuts, self._shot, self.reset)

    def _shot(self, poses: Poses) -> Poses:
        """Return the next frames of the same shot, smoothed."""
        known = self.state
        if known is not None and (known.canvas, known.skeleton) != (poses.canvas, poses.skeleton):
            raise InputError(
                f"poses: {poses.skeleton} in {poses.canvas[1]}x{poses.canvas[0]}, but those before "
                f"were {known.skeleton} in {known.canvas[1]}x{known.canvas[0]}; disconnect or "
                "reset the state"
            )
        ids = tracks_in(poses.present, poses.track_ids, None if known is None else known.ids)
        tracks = by_track(poses, ids)
        if not len(poses):
            return poses
        points = self._filtered(tracks, poses)
        points = torch.where(tracks.seen[..., None], points, tracks.keypoints)
        return to_poses(replace(tracks, keypoints=points), poses)

    def _filtered(self, tracks: Tracks, poses: Poses) -> Tensor:
        """Return the filtered joints [F,T,K,2] px, computed on the CPU."""
        seen = tracks.seen.cpu()
        points = tracks.keypoints.cpu().float()
        height = sides(tracks.boxes)[..., 1].cpu().clamp(min=1)[..., None]  # [F,T,1]
        one_euro = OneEuro(self.fps, self.min_cutoff, self.beta)
        if self.direction == "both":
            out = one_euro.run_both(points, seen, unit=height)
            return out.to(tracks.keypoints.device, tracks.keypoints.dtype)
        memory = Memory.empty(points.new_zeros(points.shape[1:]))
        if self.state is not None:
            known = Memory(self.state.points, self.state.speeds, self.state.gone)
            memory.put(torch.searchsorted(tracks.ids.cpu(), self.state.ids), known)
        out, memory = one_euro.run(points, seen, memory, unit=height)
        here = one_euro.is_remembered(memory).any(1)  # a joint that restarts needs no past
        known = memory.at(here)
        self.state = FilterState(
            tracks.ids.cpu()[here],
            known.values,
            known.speeds,
            known.gone,
            poses.canvas,
            poses.skeleton,
        )
        return out.to(tracks.keypoints.device, tracks.keypoints.dtype)
