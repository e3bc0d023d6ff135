"""What the loop needs to know about what is trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from torch import Tensor, nn

Batch = TypeVar("Batch")


@dataclass(frozen=True)
class Judged:
    """The loss of a batch.

    total: what is minimised, a scalar; without a graph where its gradients are in the weights
           already
    terms: what it is made of, and what else is recorded, scalars by name
    """

    total: Tensor
    terms: Mapping[str, Tensor]


class Task(Protocol, Generic[Batch]):
    """A network with examples to learn from.

    module: the network, on the device that it is trained on
    count:  of examples; 0: without end, each is seen once

    Random numbers are those of torch, which the loop seeds for every batch.
    """

    @property
    def module(self) -> nn.Module: ...

    @property
    def count(self) -> int: ...

    @property
    def config(self) -> Mapping[str, Any]:
        """The architecture and what else a checkpoint needs to be used, as plain values."""

    def expect(self, examples: Tensor) -> None:
        """Be told the examples [N] int64 of the next step, which may be fetched meanwhile."""

    def batch(self, examples: Tensor) -> Batch:
        """Return the examples [N] int64, on the device."""

    def weight(self, batch: Batch) -> int:
        """Return how much there is to learn from a batch, such as its objects."""

    def judge(self, batch: Batch, weight: float) -> Judged:
        """Return the loss of a batch as its part in a step that sees `weight` in all."""
