"""How a training runs, whatever is trained."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..errors import InputError

AMP = ("none", "fp16", "bf16")


@dataclass(frozen=True)
class Settings:
    """What decides every step, and is stored with a checkpoint.

    steps:         of the optimiser, in all
    batch:         examples that pass the network together
    accumulate:    batches per step
    lr:            learning rate after the warm-up
    weight_decay:  of weights, not of biases and norms
    warmup:        steps over which the learning rate grows from 0
    final:         part of `lr` that the cosine ends at
    clip:          longest gradient of all weights together; 0: any
    ema:           decay per step of the averaged weights, reached gradually; 0: no averaging
    amp:           mixed precision: none, fp16 with scaled gradients, or bf16
    seed:          of everything random
    deterministic: the same numbers in every run on the same machine, or an error

    Raises `InputError` for values out of range.
    """

    steps: int
    batch: int = 16
    accumulate: int = 1
    lr: float = 1e-3
    weight_decay: float = 1e-4
    warmup: int = 50
    final: float = 0.01
    clip: float = 1.0
    ema: float = 0.999
    amp: str = "none"
    seed: int = 0
    deterministic: bool = False

    def __post_init__(self) -> None:
        limits = {
            "steps": (1, 10**9),
            "batch": (1, 2**16),
            "accumulate": (1, 2**16),
            "lr": (1e-9, 10.0),
            "weight_decay": (0.0, 10.0),
            "warmup": (0, 10**9),
            "final": (0.0, 1.0),
            "clip": (0.0, 1e9),
            "ema": (0.0, 0.999999),
            "seed": (0, 2**31 - 1),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"{name}: expected {low:g}..{high:g}, found {value}")
        if self.amp not in AMP:
            raise InputError(f"amp: expected one of {', '.join(AMP)}, found {self.amp[:40]!r}")

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON holds them."""
        return asdict(self)

    def check_same(self, stored: Mapping[str, Any], source: str) -> None:
        """Raise `InputError` that names every setting that differs from those of a checkpoint."""
        ours = self.to_json()
        names = sorted({field.name for field in fields(self)} | set(stored))
        other = [
            f"{name} {stored.get(name)} (now {ours.get(name)})"
            for name in names
            if ours.get(name) != stored.get(name)
        ]
        if other:
            raise InputError(
                f"{source}: was trained with {', '.join(other)}; resume with the same settings, or "
                "start a new run"
            )
