"""How a training runs, whatever is trained."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..errors import InputError

AMP = ("none", "fp16", "bf16")
OPTIMISERS = ("adamw", "sgd")
SCHEDULES = ("none", "cosine", "onecycle", "multistep", "wsd")
_CHOICES = {"amp": AMP, "optimiser": OPTIMISERS, "schedule": SCHEDULES}


@dataclass(frozen=True)
class Settings:
    """What decides every step, and is stored with a checkpoint.

    steps:         of the optimiser, in all
    batch:         examples that pass the network together, in each process
    accumulate:    batches per step, in each process
    lr:            learning rate after the warm-up
    weight_decay:  of weights, not of biases and norms
    warmup:        steps over which the learning rate grows from 0
    final:         part of `lr` that the schedule ends at
    clip:          longest gradient of all weights together; 0: any
    ema:           decay per step of the averaged weights, reached gradually; 0: no averaging
    amp:           mixed precision: none, fp16 with scaled gradients, or bf16
    seed:          of everything random
    deterministic: the same numbers in every run on the same machine, or an error
    optimiser:     adamw, or sgd with Nesterov's momentum
    schedule:      of the learning rate after the warm-up; see `schedule.rate`
    backbone_lr:   part of the learning rate that weights below `backbone` learn with
    processes:     that share every step
    validate_every: steps between two validations; 0: none
    patience:      validations without a better figure after which the training ends; 0: any
    least_gain:    what a figure has to be better by to count as better
    decay:         the last steps, over which the schedule wsd falls

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
    optimiser: str = "adamw"
    schedule: str = "cosine"
    backbone_lr: float = 1.0
    processes: int = 1
    validate_every: int = 0
    patience: int = 0
    least_gain: float = 0.0
    decay: int = 0

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
            "backbone_lr": (0.0, 1.0),
            "processes": (1, 2**16),
            "validate_every": (0, 10**9),
            "patience": (0, 10**9),
            "least_gain": (0.0, 1.0),
            "decay": (0, self.steps),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"{name}: expected {low:g}..{high:g}, found {value}")
        for name, known in _CHOICES.items():
            value = getattr(self, name)
            if value not in known:
                raise InputError(
                    f"{name}: expected one of {', '.join(known)}, found {value[:40]!r}"
                )
        if self.decay and self.schedule != "wsd":
            raise InputError(
                f"decay: expected 0 with the schedule {self.schedule}, found {self.decay}; choose "
                "wsd"
            )
        if self.patience and not self.validate_every:
            raise InputError(
                f"patience: expected validations to wait for, found {self.patience} of none; "
                "validate too, or give 0"
            )

    @property
    def examples(self) -> int:
        """How many examples a step sees in all processes."""
        return self.batch * self.accumulate * self.processes

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON holds them."""
        return asdict(self)

    def check_same(
        self, stored: Mapping[str, Any], source: str, free: Collection[str] = ()
    ) -> None:
        """Raise `InputError` that names every setting that differs from those of a checkpoint.

        free: names of those that may; one that a checkpoint lacks has its default there
        """
        ours = self.to_json()
        there = {field.name: field.default for field in fields(self)} | dict(stored)
        other = [
            f"{name} {there[name]} (now {ours.get(name)})"
            for name in sorted(there)
            if ours.get(name) != there[name] and name not in free
        ]
        if other:
            raise InputError(
                f"{source}: was trained with {', '.join(other)}; resume with the same settings, or "
                "start a new run"
            )
