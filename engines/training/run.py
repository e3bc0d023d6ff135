"""A training: steps of the optimiser over batches, stored so that it can go on from any of them."""

from collections.abc import Collection, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import InputError, ModelError, TrainingError
from ..models import checkpoint
from .ema import Average
from .optimiser import optimiser_for
from .order import examples
from .processes import Processes
from .randomness import seed_for
from .schedule import rate
from .settings import Settings
from .standing import Standing
from .task import Batch, Task

_AMP = {"fp16": torch.float16, "bf16": torch.bfloat16}
_SKIPS = 20  # steps in a row that fp16 may lose while it looks for its scale


class Run:
    """A training between two steps.

    step:     how many steps are done
    seen:     how many examples they took
    average:  the averaged weights, or None
    standing: of the validations so far
    """

    def __init__(
        self, task: Task[Batch], settings: Settings, processes: Processes | None = None
    ) -> None:
        """Begin a training; the weights of `task.module` are as they are, the same in all
        processes.

        Raises `InputError` for settings of another number of processes.
        """
        self.processes = Processes() if processes is None else processes
        if settings.processes != self.processes.count:
            raise InputError(
                f"processes: expected {settings.processes}, found {self.processes.count}"
            )
        self.task: Task[Any] = task
        self.settings = settings
        self.step = 0
        self.seen = 0
        self.standing = Standing()
        self.device = next(task.module.parameters()).device
        self.optimiser = optimiser_for(task.module, settings)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=settings.amp == "fp16")
        self.average = Average(task.module, settings.ema) if settings.ema else None
        self._skipped = 0

    @property
    def best(self) -> nn.Module:
        """The module to predict with: the averaged one, if there is one."""
        return self.task.module if self.average is None else self.average.module

    def advance(self) -> dict[str, float]:
        """Do one step and return what is recorded of it: loss, its terms, gradient, lr, weight.

        Raises `TrainingError` that names the step for a loss or a gradient that is not finite.
        """
        lr = rate(self.settings, self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = lr * group["scale"]
        found, weight = self._gradients()
        self.scaler.unscale_(self.optimiser)
        length = self._clipped()
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.processes.share_buffers(self.task.module)
        if self.average is not None:
            self.average.update(self.task.module, self.step)
        self.step += 1
        self.seen += self.settings.examples
        # Parts of a step's loss add up.
        values = self.processes.sum(torch.stack([*found.values()]))
        recorded = torch.cat([values, length[None].to(values)]).tolist()
        return {
            **dict(zip([*found, "gradient"], recorded, strict=True)),
            "lr": lr,
            "weight": weight,
        }

    def check_repeats(self) -> None:
        """Raise `TrainingError` if two passes over the next step's batches do not give the same
        gradients, bit for bit; the training stays where it is."""
        module = self.task.module
        before = {name: value.clone() for name, value in module.named_buffers()}
        passes = []
        for _ in range(2):
            self._gradients()
            grads = {n: w.grad for n, w in module.named_parameters() if w.grad is not None}
            passes.append({name: value.clone() for name, value in grads.items()})
            with torch.no_grad():
                for name, value in module.named_buffers():
                    value.copy_(before[name])
        for name, value in passes[0].items():
            if not torch.equal(value, passes[1][name]):
                raise TrainingError(
                    f"deterministic: gradient of {name}: two passes over the same batches gave "
                    "different numbers; train without deterministic"
                )

    def _gradients(self) -> tuple[dict[str, Tensor], float]:
        """Leave the gradients of the next step in the weights; return what is recorded of this
        process's part, and how much all see."""
        settings, task, processes = self.settings, self.task, self.processes
        whole, own = settings.examples, settings.batch * settings.accumulate
        at = self.seen
        chosen = examples(task.count, settings.seed, at, at + whole)
        mine = chosen[processes.rank * own :][:own]
        places = [processes.rank * settings.accumulate + n for n in range(settings.accumulate)]
        batches = []
        for place, part in zip(places, mine.split(settings.batch), strict=True):
            seed_for(settings.seed, self.step, place, 0)
            batches.append(task.batch(part))
        if self.step + 1 < settings.steps:
            later = examples(task.count, settings.seed, at + whole, at + 2 * whole)
            task.expect(later[processes.rank * own :][:own])
        seen = torch.tensor([float(sum(task.weight(batch) for batch in batches))])
        weight = float(processes.sum(seen)[0])
        task.module.train()
        self.optimiser.zero_grad(set_to_none=True)
        terms: dict[str, list[Tensor]] = {}
        failure: TrainingError | None = None
        for place, batch in zip(places, batches, strict=True):
            seed_for(settings.seed, self.step, place, 1)
            try:
                with self._autocast():
                    judged = task.judge(batch, weight)
            except TrainingError as error:
                failure = error
                break
            if judged.total.requires_grad:
                self.scaler.scale(judged.total).backward()
            for name, value in {"loss": judged.total, **judged.terms}.items():
                terms.setdefault(name, []).append(value.detach().float())
        failed = processes.any(failure is not None)
        if failure is not None:
            raise TrainingError(f"step {self.step + 1}: {failure}") from failure
        if failed:
            raise TrainingError(f"step {self.step + 1}: another process could not go on")
        processes.sum_gradients(task.module)
        return {name: torch.stack(values).sum() for name, values in terms.items()}, weight

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
        """Return everything that the next steps depend on, as a checkpoint holds it.

        It is the same in all processes.
        """
        return {
            "config": checkpoint.check_json(self.task.config, "config"),
            "settings": self.settings.to_json(),
            "step": self.step,
            "seen": self.seen,
            "weights": self.task.module.state_dict(),
            "average": {} if self.average is None else self.average.module.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "standing": self.standing.to_json(),
        }

    def restore(self, content: Mapping[str, Any], source: str, free: Collection[str] = ()) -> None:
        """Go on from a checkpoint: the next steps are those that would have followed.

        source: the file, for errors
        free:   names of settings that may differ from those of the checkpoint

        Raises `InputError` for other settings, `ModelError` for weights of another network or a
        file that lacks something.
        """
        self.settings.check_same(checkpoint.member(content, "settings", dict, source), source, free)
        checkpoint.load_weights(
            self.task.module, checkpoint.member(content, "weights", dict, source), source
        )
        if self.average is not None:
            averaged = checkpoint.member(content, "average", dict, source)
            checkpoint.load_weights(self.average.module, averaged, source)
        try:
            self.optimiser.load_state_dict(checkpoint.member(content, "optimiser", dict, source))
            self.scaler.load_state_dict(checkpoint.member(content, "scaler", dict, source))
        except (KeyError, ValueError, RuntimeError, TypeError) as error:
            raise ModelError(f"{source}: the state of the training is damaged ({error})") from error
        standing = checkpoint.member(content, "standing", dict, source)
        self.standing = Standing.from_json(standing, source)
        self.step = checkpoint.member(content, "step", int, source)
        # Older checkpoints do not say it; their batches had one size.
        content = {"seen": self.step * self.settings.examples, **content}
        self.seen = checkpoint.member(content, "seen", int, source)
