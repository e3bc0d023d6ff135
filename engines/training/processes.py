"""Processes that train one network together, each on its part of every step."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ..errors import InputError

_PATIENCE = timedelta(minutes=60)  # for the first process to validate and to write


@dataclass(frozen=True)
class Processes:
    """This process among all.

    rank:   its number, from 0; the first one writes and reports
    count:  how many there are
    device: what the group's tensors have to be on
    """

    rank: int = 0
    count: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def first(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """Return the sums over all processes of values [N]."""
        if self.count == 1:
            return values
        total = values.to(self.device, copy=True)
        dist.all_reduce(total)
        return total

    def any(self, flag: bool) -> bool:
        """Return whether it is so in any process."""
        return flag if self.count == 1 else bool(self.sum(torch.tensor([float(flag)]))[0])

    def told(self, value: Any) -> Any:
        """Return what the first process has here, a plain value."""
        if self.count == 1:
            return value
        held = [value]
        dist.broadcast_object_list(held, src=0, device=self.device)
        return held[0]

    @torch.no_grad()
    def sum_gradients(self, module: nn.Module) -> None:
        """Add up the gradients of all processes, in one message.

        Every process divides its loss by what all of them see, so that the sum is the gradient of
        the whole step. A weight that no process has a gradient of keeps none.
        """
        if self.count == 1:
            return
        weights = [value for value in module.parameters() if value.requires_grad]
        there = self.sum(torch.tensor([float(value.grad is not None) for value in weights]))
        weights = [value for value, any_ in zip(weights, there.tolist(), strict=True) if any_]
        for value in weights:
            if value.grad is None:
                value.grad = torch.zeros_like(value)
        grads = [value.grad for value in weights if value.grad is not None]
        flat = torch.cat([grad.flatten() for grad in grads])
        dist.all_reduce(flat)
        parts = flat.split([grad.numel() for grad in grads])
        torch._foreach_copy_(grads, [p.view_as(g) for p, g in zip(parts, grads, strict=True)])

    @torch.no_grad()
    def share_buffers(self, module: nn.Module) -> None:
        """Give all processes the mean of their buffers, such as running means and variances."""
        if self.count == 1:
            return
        buffers = [value for value in module.buffers() if value.is_floating_point()]
        if not buffers:
            return
        flat = torch.cat([value.flatten() for value in buffers])
        dist.all_reduce(flat)
        parts = (flat / self.count).split([value.numel() for value in buffers])
        torch._foreach_copy_(buffers, [p.view_as(b) for p, b in zip(parts, buffers, strict=True)])


def is_launched() -> bool:
    """Return whether torchrun started this process."""
    return "WORLD_SIZE" in os.environ and "LOCAL_RANK" in os.environ


def own_device(device: str) -> str:
    """Return the device of this process among those that torchrun started: a GPU of its own.

    Raises `InputError` for the name of one GPU, as there is one for each process.
    """
    if device.startswith("cuda:"):
        raise InputError(
            f"device: expected cuda or cpu with several processes, each of which takes a GPU of "
            f"its own, found {device}"
        )
    if device == "cpu" or not torch.cuda.is_available():
        return device
    return f"cuda:{os.environ['LOCAL_RANK']}"


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Yield this process among those that torchrun started; alone if it did not start it.

    A group of processes that is there already is used, and left as it is.
    """
    if not is_launched():
        yield Processes()
        return
    if dist.is_initialized():
        yield Processes(dist.get_rank(), dist.get_world_size(), device)
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=_PATIENCE)
    try:
        yield Processes(dist.get_rank(), dist.get_world_size(), device)
    finally:
        dist.destroy_process_group()
