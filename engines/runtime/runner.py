"""The one interface through which every backend runs a network."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from ..errors import DeviceMemoryError, EngineError


class Runner(ABC):
    """A network that is loaded and ready to run.

    backend:   name of the backend
    device:    where it runs; inputs must be on it, outputs are on it
    precision: "fp32", "fp16" or "bf16": of weights and activations
    bytes:     memory that it holds on the device between calls, approximately
    """

    backend: str
    device: torch.device
    precision: str
    bytes: int
    _closed = False

    def infer(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Return the outputs by name. The inputs are complete and are left unchanged.

        Raises `EngineError` if the runner was closed, `DeviceMemoryError` if the device runs out of
        memory.
        """
        if self._closed:
            raise EngineError("the engine was closed; run Build Engine again")
        try:
            return self._infer(inputs)
        except torch.OutOfMemoryError as error:
            raise DeviceMemoryError(
                f"{self.device}: out of memory with {_amount(inputs)}; lower max_batch in Build "
                "Engine or the size of the computation"
            ) from error

    def close(self) -> None:
        """Free the network's memory. Closing twice is fine; inference after it is an error."""
        if not self._closed:
            self._closed = True
            self._close()

    @abstractmethod
    def _infer(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Run the network; see `infer`."""

    @abstractmethod
    def _close(self) -> None:
        """Drop whatever holds memory; called once."""


def _amount(inputs: Mapping[str, Tensor]) -> str:
    """Return how large the first input is, in words."""
    name, first = next(iter(inputs.items()))
    if first.ndim != 4:
        return f"{name} of shape {list(first.shape)}"
    count, _, height, width = first.shape
    return f"{count} {'frame' if count == 1 else 'frames'} of {width}x{height}"
