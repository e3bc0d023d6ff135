"""The one interface behind which every backend runs a network."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor


class Runner(ABC):
    """A network that is loaded and ready to answer.

    backend:   name of the backend, as in `ladder.BACKENDS`
    device:    where it runs; inputs must lie there, outputs come from there
    precision: "fp32", "fp16" or "bf16": of weights and activations
    bytes:     memory that it holds on the device between calls, about
    """

    backend: str
    device: torch.device
    precision: str
    bytes: int

    @abstractmethod
    def infer(self, images: Tensor, start: Tensor | None = None) -> Mapping[str, Tensor]:
        """Images [N,3,H,W] float32 -> outputs by name. The caller keeps `images` unchanged.

        start: the second input of a network that has one (`Network.start`)
        """

    @abstractmethod
    def close(self) -> None:
        """Free the network's memory. Closing twice is fine; inference after it is an error."""
