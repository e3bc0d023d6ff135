"""The One-Euro filter (Casiez et al., CHI 2012), for vectors and rotations."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from ..sequence import state_type
from .choices import SMOOTHINGS
from .spaces import VECTORS, Space

_SPEED_CUTOFF = 1.0  # Hz, of the filter on the speed, as published
_RESTART = 0.5  # s after which a value that was not seen restarts
_LONGEST = 1e3  # s, so that a value that was never seen divides by a number


@state_type("FilterMemory")
@dataclass(frozen=True)
class Memory:
    """What a filter knows of its values at the end of a chunk.

    values: [...,D]; speeds: [...,T] per second; gone: [...] frames since each was seen, inf = never
    """

    values: Tensor
    speeds: Tensor
    gone: Tensor

    @classmethod
    def empty(cls, like: Tensor, space: Space = VECTORS) -> "Memory":
        """Return the memory of values such as `like` [...,D] that were never seen."""
        tangent = like.shape[-1] if space.tangent is None else space.tangent
        return cls(
            torch.zeros_like(like),
            like.new_zeros(*like.shape[:-1], tangent),
            like.new_full(like.shape[:-1], math.inf),
        )

    def put(self, index: Tensor, known: "Memory") -> None:
        """Take over what is known of the values at `index` [N] of the first axis, in place."""
        self.values[index], self.speeds[index] = known.values, known.speeds
        self.gone[index] = known.gone

    def at(self, index: Tensor) -> "Memory":
        """Return what is known of the values at `index`, a mask or numbers of the first axis."""
        return Memory(self.values[index], self.speeds[index], self.gone[index])


@dataclass(frozen=True)
class OneEuro:
    """A low-pass filter whose cutoff rises with the speed.

    fps:        frames per second
    min_cutoff: Hz at rest; lower is smoother
    beta:       Hz per unit of speed; higher follows faster
    space:      what the values are; speeds of `ROTATIONS` are in rad per second
    """

    fps: float
    min_cutoff: float = 1.0
    beta: float = 0.0
    space: Space = VECTORS

    def run(
        self, values: Tensor, seen: Tensor, memory: Memory, *, unit: Tensor | None = None
    ) -> tuple[Tensor, Memory]:
        """Filter values [F,...,D] of successive frames.

        seen: [F,...] bool; what is not seen keeps its last filtered value, zero if there is none
        unit: [F,...] the unit of speed in each frame, such as the size of the object, so that
              `beta` does not depend on it; broadcast to `seen`; None = 1

        Returns the filtered values and the memory for the frames that follow. Frames depend on one
        another: one step per frame for all values at once, fastest on the CPU.
        """
        last, speed, gone = memory.values, memory.speeds, memory.gone
        out = torch.empty_like(values)
        for f in range(len(values)):
            now, here = values[f], seen[f][..., None]
            passed = (gone[..., None] + 1) / self.fps
            fresh = passed > _RESTART
            measured = self.space.difference(last, now) / passed.clamp(max=_LONGEST)
            slow = _weight(torch.tensor(_SPEED_CUTOFF), passed)
            rate = torch.where(fresh, 0.0, slow * measured + (1 - slow) * speed)
            length = rate.norm(dim=-1, keepdim=True)
            rise = self.beta * length if unit is None else self.beta * length / unit[f][..., None]
            part = torch.where(fresh, 1.0, _weight(self.min_cutoff + rise, passed))
            smooth = torch.where(fresh, now, self.space.mix(last, now, part))
            last = torch.where(here, smooth, last)
            speed = torch.where(here, rate, speed)
            gone = torch.where(here[..., 0], 0.0, gone + 1)
            out[f] = last
        return out, Memory(last, speed, gone)

    def run_both(self, values: Tensor, seen: Tensor, *, unit: Tensor | None = None) -> Tensor:
        """Filter a whole clip forward and backward, and return the mean of both: there is no lag.

        For the arguments see `run`.
        """
        memory = Memory.empty(values.new_zeros(values.shape[1:]), self.space)
        forward, _ = self.run(values, seen, memory, unit=unit)
        flipped = None if unit is None else unit.flip(0)
        backward, _ = self.run(values.flip(0), seen.flip(0), memory, unit=flipped)
        return self.space.mix(forward, backward.flip(0), values.new_tensor([0.5]))

    def is_remembered(self, memory: Memory) -> Tensor:
        """Return which values [...] bool the next frame does not restart."""
        return memory.gone <= _RESTART * self.fps


def check_smoothing(direction: str, *, fps: float, min_cutoff: float, **betas: float) -> None:
    """Raise `InputError` for an unknown direction and settings out of range.

    betas: settings that must not be below 0, by name
    """
    for name, value in (("fps", fps), ("min_cutoff", min_cutoff)):
        if not value > 0:
            raise InputError(f"{name}: expected more than 0, found {value}")
    for name, value in betas.items():
        if not value >= 0:
            raise InputError(f"{name}: expected at least 0, found {value}")
    if direction not in SMOOTHINGS:
        raise InputError(f"direction: expected one of {', '.join(SMOOTHINGS)}, found {direction!r}")


def _weight(cutoff: Tensor, seconds: Tensor) -> Tensor:
    """Return the part of a new value that a low-pass filter of `cutoff` Hz takes in `seconds`."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff * seconds))
