"""What smoothers of things that turn and move share, such as those of heads and bodies."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from torch import Tensor

from ..sequence import FrameSequence
from .filtered_parts import Part, Remembered, filter_parts
from .one_euro import check_smoothing
from .shots import by_shot

Some = TypeVar("Some", bound=FrameSequence)


class FilterState(Protocol):
    """What a smoother knows at the end of a chunk: the ids [T] of tracks, and the `Memory` of each
    part under its name."""

    @property
    def ids(self) -> Tensor: ...


State = TypeVar("State", bound=FilterState)


@dataclass
class TurnSmoother(ABC, Generic[Some, State]):
    """One-Euro filters (Casiez et al. 2012) on every track of successive chunks.

    fps:           frames per second
    min_cutoff:    Hz at rest; lower is steadier
    beta:          Hz more for each unit of speed
    beta_rotation: Hz more for each rad per second
    direction:     "causal", or "both": forward and backward, without lag, for whole clips only
    state:         at the end of the chunk before; None: the next one is the first
    """

    fps: float = 16.0
    min_cutoff: float = 1.0
    beta: float = 1.0
    beta_rotation: float = 1.0
    direction: str = "causal"
    state: State | None = field(default=None, repr=False)

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

    def update(self, clip: Some, cuts: Tensor | None = None) -> Some:
        """Return the next chunk, smoothed.

        cuts: [F] bool, frames that begin a new shot; nothing is smoothed across them

        Raises `InputError` if what the chunks of a clip share, their `kind`, changes without a
        reset, or the number of cuts is not that of the frames.
        """
        return by_shot(clip, cuts, self._shot, self.reset)

    @abstractmethod
    def _shot(self, clip: Some) -> Some:
        """Return the next frames of the same shot, smoothed, and keep the state."""

    def _filtered(
        self, parts: Mapping[str, Part], ids: Tensor
    ) -> tuple[dict[str, Tensor], Remembered | None]:
        """Return what `filter_parts` returns with these settings after the state.

        ids: [T] int64 of the tracks, ascending; those of the state are among them
        """
        state = self.state
        known = None
        if state is not None:
            known = Remembered(state.ids, {name: getattr(state, name) for name in parts})
        return filter_parts(
            parts,
            ids,
            known,
            fps=self.fps,
            min_cutoff=self.min_cutoff,
            direction=self.direction,
        )
