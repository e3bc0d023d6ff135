"""Smooth the poses, points and boxes of each track of heads with One-Euro filters."""

from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError
from ..geometry import rotations
from ..geometry.boxes import sides
from ..sequence import state_type
from ..tracking.columns import Columns, tracks_in
from ..tracking.filtered_parts import Part
from ..tracking.one_euro import Memory
from ..tracking.smoother import TurnSmoother
from ..tracking.spaces import ROTATIONS, VECTORS
from .heads import Heads

_FACE = 17.7  # cm, the height of the canonical face
_PARTS = ("rotation", "translation", "points")


@state_type()
@dataclass(frozen=True)
class HeadFilterState:
    """What a smoother knows at the end of a chunk; opaque, to be handed to the next.

    ids [T]; of each the rotation as a quaternion, the translation in cm, the landmarks and the
    corners of the box in px; canvas and number of landmarks of the heads
    """

    ids: Tensor
    rotation: Memory
    translation: Memory
    points: Memory
    kind: tuple[tuple[int, int], int]


@dataclass
class HeadSmoother(TurnSmoother[Heads, HeadFilterState]):
    """One-Euro filters (Casiez et al. 2012) on every track of successive chunks.

    Rotations are filtered on SO(3), by the way from one to the next in its tangent space. A low
    cutoff smooths heads at rest strongly; the faster they turn or move, the higher the cutoff and
    the less they lag. Speed counts in rad or in heights of the face per second. Scores and tracks
    are unchanged, and so are heads without a track.

    fps:           frames per second
    min_cutoff:    Hz at rest; lower is steadier
    beta:          Hz more for each height of the face per second
    beta_rotation: Hz more for each rad per second
    direction:     "causal", or "both": forward and backward, without lag, for whole clips only
    """

    min_cutoff: float = 1.0
    beta: float = 5.0
    beta_rotation: float = 4.0

    def _shot(self, heads: Heads) -> Heads:
        known = self.state
        if known is not None and known.kind != heads.kind:
            ((high, wide), points), ((before_high, before_wide), before) = heads.kind, known.kind
            raise InputError(
                f"heads: with {points} landmarks in {wide}x{high}, but those before had {before} "
                f"in {before_wide}x{before_high}; disconnect or reset the state"
            )
        if not len(heads):
            return heads
        here = heads.to("cpu")  # one step per frame: fastest there
        ids = tracks_in(here.present, here.track_ids, None if known is None else known.ids)
        columns = Columns.of(here.present, here.track_ids, ids, "heads")
        smooth = self._by_track(here, columns)
        count = here.landmarks.shape[2]
        made = {
            "rotation": rotations.to_matrices(smooth["rotation"]),
            "translation": smooth["translation"],
            "landmarks": smooth["points"][:, :, :count],
            "boxes": smooth["points"][:, :, count:, :2].flatten(2),
        }
        changed: dict[str, Any] = {
            name: columns.put(getattr(here, name), value) for name, value in made.items()
        }
        return replace(here, **changed).to(heads.device)

    def _by_track(self, heads: Heads, columns: Columns) -> dict[str, Tensor]:
        """Return what is filtered, by track [F,T,...], and keep what the next chunk needs."""
        corners = F.pad(heads.boxes.float().unflatten(2, (2, 2)), (0, 1))  # [F,P,2,3]
        values = {
            "rotation": rotations.to_quaternions(
                columns.gather(heads.rotation.float(), torch.eye(3))
            ),
            "translation": columns.gather(heads.translation.float()),
            "points": columns.gather(torch.cat([heads.landmarks.float(), corners], 2)),
        }
        height = sides(columns.gather(heads.boxes.float()))[..., 1].clamp(min=1)
        seen = dict.fromkeys(_PARTS, columns.present)
        seen["points"] = columns.present[..., None].expand(values["points"].shape[:3])
        units = {
            "rotation": None,
            "translation": torch.full_like(height, _FACE),
            "points": height[..., None],
        }
        parts = {
            name: Part(
                values[name],
                seen[name],
                self.beta_rotation if name == "rotation" else self.beta,
                ROTATIONS if name == "rotation" else VECTORS,
                units[name],
            )
            for name in _PARTS
        }
        out, kept = self._filtered(parts, columns.ids)
        if kept is not None:
            self.state = HeadFilterState(kept.ids, **kept.parts, kind=heads.kind)
        return out
