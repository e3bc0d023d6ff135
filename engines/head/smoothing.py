"""Smooth the poses, points and boxes of each track of heads with One-Euro filters."""

from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError
from ..geometry import rotations
from ..geometry.boxes import sides
from ..sequence import state_type
from ..tracking.columns import Columns
from ..tracking.filtered_parts import Part, Remembered, filter_parts
from ..tracking.one_euro import Memory, check_smoothing
from ..tracking.shots import by_shot
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
class HeadSmoother:
    """One-Euro filters (Casiez et al. 2012) on every track of successive chunks.

    Rotations are filtered on SO(3), by the way from one to the next in its tangent space. A low
    cutoff smooths heads at rest strongly; the faster they turn or move, the higher the cutoff and
    the less they lag. Speed counts in rad or in heights of the face per second. Heads without a
    track are left unchanged.

    fps:           frames per second
    min_cutoff:    Hz at rest; lower is steadier
    beta:          Hz more for each height of the face per second
    beta_rotation: Hz more for each rad per second
    direction:     "causal", or "both": forward and backward, without lag, for whole clips only
    """

    fps: float = 16.0
    min_cutoff: float = 1.0
    beta: float = 5.0
    beta_rotation: float = 4.0
    direction: str = "causal"
    state: HeadFilterState | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_smoothing(
            self.direction,
            fps=self.fps,
            min_cutoff=self.min_cutoff,
            beta=self.beta,
            beta_rotation=self.beta_rotation,
        )

    def reset(self) -> None:
        """Restart with the next chunk."""
        self.state = None

    def update(self, heads: Heads, cuts: Tensor | None = None) -> Heads:
        """Return the next chunk, smoothed; scores and tracks are unchanged.

        cuts: [F] bool, frames that begin a new shot; nothing is smoothed across them

        Raises `InputError` if canvas or landmarks change without a reset, or the number of cuts is
        not that of the frames.
        """
        return by_shot(heads, cuts, self._shot, self.reset)

    def _shot(self, heads: Heads) -> Heads:
        """Return the next frames of the same shot, smoothed."""
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
        ids = here.track_ids[here.present & (here.track_ids >= 0)]
        ids = torch.cat([ids, known.ids]).unique() if known is not None else ids.unique()
        columns = Columns.of(here.present, here.track_ids, ids, "heads")
        smooth = self._filtered(here, columns)
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

    def _filtered(self, heads: Heads, columns: Columns) -> dict[str, Tensor]:
        """Return what is filtered, by track [F,T,...], and keep what the next chunk needs."""
        corners = F.pad(heads.boxes.float().unflatten(2, (2, 2)), (0, 1))  # [F,P,2,3]
        turned = columns.gather(heads.rotation.float())
        empty = torch.eye(3).expand_as(turned)
        turned = torch.where(columns.present[..., None, None], turned, empty)
        values = {
            "rotation": rotations.to_quaternions(turned),
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
        known = None
        if self.state is not None:
            memories = {name: getattr(self.state, name) for name in _PARTS}
            known = Remembered(self.state.ids, memories)
        out, kept = filter_parts(
            parts,
            columns.ids,
            known,
            fps=self.fps,
            min_cutoff=self.min_cutoff,
            direction=self.direction,
        )
        if kept is not None:
            self.state = HeadFilterState(kept.ids, **kept.parts, kind=heads.kind)
        return out
