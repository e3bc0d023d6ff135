"""A training: steps of the optimiser over batches, stored so that it can go on from any of them."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ModelError, TrainingError
from ..models import checkpoint
from . import randomness
from .ema import Average
from .order import examples
from .schedule import rate
from .settings import Settings
from .task import Batch, Task

_AMP = {"fp16": torch.float16, "bf16": torch.bfloat16}
_SKIPS = 20  # steps in a row that fp16 may lose while it looks for its scale


class Run:
    """A training between two steps.

    step:    how many steps are done
    average: the averaged weights, or None
    """

    def __init__(self, task: Task[Batch], settings: Settings) -> None:
        """Begin a training; the weights of `task.module` are as they are."""
        self.task: Task[Any] = task
        self.settings = settings
        self.step = 0
        self.device = next(task.module.parameters()).device
        self.optimiser = torch.optim.AdamW(
            _groups(task.module, settings.weight_decay), lr=settings.lr
        )
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=settings.amp == "fp16")
        self.average = Average(task.module, settings.ema) if settings.ema else None
        self._skipped = 0
        randomness.seed_all(settings.seed)

    @property
    def best(self) -> nn.Module:
        """The module to predict with: the averaged one, if there is one."""
        return self.task.module if self.average is None else self.average.module

    def advance(self) -> dict[str, float]:
        """Do one step and return what is recorded of it: loss, its terms, gradient, lr, weight.

        Raises `TrainingError` that names the step for a loss or a gradient that is not finite.
        """
        settings, task = self.settings, self.task
        size = settings.batch * settings.accumulate
        chosen = examples(task.count, settings.seed, self.step * size, (self.step + 1) * size)
        batches = [task.batch(part) for part in chosen.split(settings.batch)]
        weight = sum(task.weight(batch) for batch in batches)
        for group in self.optimiser.param_groups:
            group["lr"] = rate(settings, self.step)
        task.module.train()
        self.optimiser.zero_grad(set_to_none=True)
        terms: dict[str, list[Tensor]] = {}
        try:
            for batch in batches:
                with self._autocast():
                    judged = task.judge(batch, weight)
                self.scaler.scale(judged.total).backward()
                for name, value in {"loss": judged.total, **judged.terms}.items():
                    terms.setdefault(name, []).append(value.detach().float())
        except TrainingError as error:
            raise TrainingError(f"step {self.step + 1}: {error}") from error
        self.scaler.unscale_(self.optimiser)
        length = self._clipped()
        self.scaler.step(self.optimiser)
        self.scaler.update()
        if self.average is not None:
            self.average.update(task.module, self.step)
        self.step += 1
        # Parts of a step's loss add up.
        found = {name: torch.stack(values).sum() for name, values in terms.items()}
        values = torch.stack([*found.values(), length]).tolist()
        recorded = dict(zip([*found, "gradient"], values, strict=True))
        return {**recorded, "lr": rate(settings, self.step - 1), "weight": float(weight)}

    def _autocast(self) -> Any:
        if self.settings.amp == "none":
            return nullcontext()
        return torch.autocast(self.device.type, _AMP[self.settings.amp])

    def _clipped(self) -> Tensor:
        """Shorten the gradient and return how long it was."""
        weights = [value for value in self.task.module.parameters() if value.grad is not None]
        length = torch.nn.utils.clip_grad_norm_(weights, self.settings.clip or float("inf"))
        if bool(length.isfinite()):
            self._skipped = 0
            return length
        self._skipped += 1
        if self.scaler.is_enabled() and self._skipped <= _SKIPS:
            return length  # the scaler leaves this step out and tries a smaller scale
        name = next(
            name
            for name, value in self.task.module.named_parameters()
            if value.grad is not None and not bool(value.grad.isfinite().all())
        )
        raise TrainingError(
            f"step {self.step + 1}: gradient of {name}: found NaN or infinity; lower the learning "
            "rate, or train in bf16 or without mixed precision"
        )

    def content(self) -> dict[str, Any]:
        """Return everything that the next steps depend on, as a checkpoint holds it."""
        return {
            "config": checkpoint.check_json(self.task.config, "config"),
            "settings": self.settings.to_json(),
            "step": self.step,
            "weights": self.task.module.state_dict(),
            "average": {} if self.average is None else self.average.module.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "random": randomness.state(self.device),
        }

    def restore(self, content: Mapping[str, Any], source: str) -> None:
        """Go on from a checkpoint: the next steps are those that would have followed.

        source: the file, for errors

        Raises `InputError` for other settings, `ModelError` for weights of another network or a
        file that lacks something.
        """
        self.settings.check_same(checkpoint.member(content, "settings", dict, source), source)
        checkpoint.load_weights(
            self.task.module, checkpoint.member(content, "weights", dict, source), source
        )
        if self.average is not None:
            averaged = checkpoint.member(content, "average", dict, source)
            checkpoint.load_weights(self.average.module, averaged, source)
        try:
            self.optimiser.load_state_dict(checkpoint.member(content, "optimiser", dict, source))
            self.scaler.load_state_dict(checkpoint.member(content, "scaler", dict, source))
            randomness.restore(checkpoint.member(content, "random", dict, source), self.device)
        except (KeyError, ValueError, RuntimeError, TypeError) as error:
            raise ModelError(f"{source}: the state of the training is damaged ({error})") from error
        self.step = checkpoint.member(content, "step", int, source)


def _groups(module: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Return the weights in two groups: matrices, which decay, and biases and norms."""
    named = [value for value in module.parameters() if value.requires_grad]
    return [
        {"params": [value for value in named if value.ndim > 1], "weight_decay": decay},
        {"params": [value for value in named if value.ndim <= 1], "weight_decay": 0.0},
    ]
