"""Smooth the poses and places of each track of bodies with One-Euro filters."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..geometry import rotations
from ..sequence import state_type
from ..tracking.columns import Columns, tracks_in
from ..tracking.filtered_parts import Part
from ..tracking.lag import lag_of_turns
from ..tracking.one_euro import Memory
from ..tracking.smoother import TurnSmoother
from ..tracking.spaces import ROTATIONS
from .bodies import Bodies


@state_type()
@dataclass(frozen=True)
class BodyFilterState:
    """What a smoother knows at the end of a chunk; opaque, to be handed to the next.

    ids [T]; of each the turns of its joints as quaternions, and the place of its pelvis in m; kind
    of the bodies
    """

    ids: Tensor
    rotation: Memory
    translation: Memory
    kind: tuple[tuple[int, int], str, int, int]


@dataclass
class BodySmoother(TurnSmoother[Bodies, BodyFilterState]):
    """One-Euro filters (Casiez et al. 2012) on every track of successive chunks.

    The turn of every joint is filtered on SO(3), by the way from one to the next in its tangent
    space. A body that is not seen, whose confidence is 0, keeps its last pose. Sizes and boxes are
    unchanged, and so are bodies without a track.

    fps:           frames per second
    min_cutoff:    Hz at rest; lower is steadier
    beta:          Hz more for each m per second of the pelvis
    beta_rotation: Hz more for each rad per second of a joint
    direction:     "causal", or "both": forward and backward, without lag, for whole clips only
    """

    min_cutoff: float = 1.7
    beta: float = 2.0
    beta_rotation: float = 0.3

    def _shot(self, bodies: Bodies) -> Bodies:
        known = self.state
        if known is not None:
            bodies.need_kind(known.kind)
        if not len(bodies):
            return bodies
        here = bodies.to("cpu")  # one step per frame: fastest there
        columns, turned, seen = turns_by_track(here, None if known is None else known.ids)
        out, kept = self._filtered(
            {
                "rotation": Part(
                    turned,
                    seen[..., None].expand(turned.shape[:-1]),
                    self.beta_rotation,
                    ROTATIONS,
                ),
                "translation": Part(columns.gather(here.translation.float()), seen, self.beta),
            },
            columns.ids,
        )
        if kept is not None:
            self.state = BodyFilterState(kept.ids, **kept.parts, kind=bodies.kind)
        # Before it was seen for the first time a body has nothing to keep.
        ever = seen.cummax(0).values if self.direction == "causal" else seen.any(0).expand_as(seen)
        if known is not None:
            ever = ever | torch.isin(columns.ids, known.ids)
        rotation = torch.where(
            ever[..., None, None, None],
            rotations.to_matrices(out["rotation"]),
            rotations.to_matrices(turned),
        )
        translation = torch.where(
            ever[..., None], out["translation"], columns.gather(here.translation.float())
        )
        return replace(
            here,
            rotation=columns.put(here.rotation, rotation),
            translation=columns.put(here.translation, translation),
        ).to(bodies.device)


def turns_by_track(bodies: Bodies, ids: Tensor | None) -> tuple[Columns, Tensor, Tensor]:
    """Return the tracks of bodies, their turns [F,T,J,4] as unit quaternions, and where they are
    seen [F,T].

    ids: [T] of tracks that get a column whether they occur or not
    """
    every = tracks_in(bodies.present, bodies.track_ids, ids)
    columns = Columns.of(bodies.present, bodies.track_ids, every, "bodies")
    turned = columns.gather(bodies.rotation.float(), torch.eye(3))
    seen = columns.gather(bodies.confidence.amax(-1)) > 0
    return columns, rotations.to_quaternions(turned), seen


def pose_change(bodies: Bodies) -> float:
    """Return by how many degrees joints turn per frame, on average over all tracks and the joints
    that are seen."""
    here = bodies.to("cpu")
    columns, turned, seen = turns_by_track(here, None)
    sure = columns.gather(here.confidence) > 0
    both = sure[1:] & sure[:-1] & (seen[1:] & seen[:-1])[..., None]
    way = rotations.between(turned[:-1], turned[1:]).norm(dim=-1).rad2deg()
    return float(way[both].mean()) if bool(both.any()) else 0.0


def lag(before: Bodies, after: Bodies) -> float | None:
    """Return by how many frames bodies lag behind the same bodies before they were smoothed.

    None if they hardly turn; see `lag_of_turns`.
    """
    columns, right, _ = turns_by_track(before.to("cpu"), None)
    _, smooth, _ = turns_by_track(after.to("cpu"), None)
    sure = columns.gather(before.to("cpu").confidence) > 0
    return lag_of_turns(right, smooth, sure)
