"""The gradients of a step from a CUDA graph: all its launches as one."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from ..errors import InputError

Judge = Callable[..., Mapping[str, Tensor]]
"""Takes tensors; returns scalars by name, of which "loss" is minimised."""

_WARM = 3  # passes that choose kernels and allocate what they keep, before the capture


class Captured:
    """Gradients of `judge` with regard to weights, captured once and replayed for each batch.

    judge:   has no branch that depends on a value of its inputs and copies nothing to the host
    weights: that receive the gradients, whose places in memory stay the same
    inputs:  an example of what `judge` takes, on a GPU; every later one has its shapes
    """

    def __init__(
        self, judge: Judge, weights: Sequence[nn.Parameter], inputs: Sequence[Tensor]
    ) -> None:
        self._weights = list(weights)
        self._inputs = [value.clone() for value in inputs]
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(_WARM):
                self._forget()
                torch.clear_autocast_cache()
                judge(*self._inputs)["loss"].backward()
        torch.cuda.current_stream().wait_stream(beside)
        self._forget()
        self._graph = torch.cuda.CUDAGraph()
        # Weights in half precision that autocast has kept would never change in the graph.
        torch.clear_autocast_cache()
        with torch.cuda.graph(self._graph):
            found = judge(*self._inputs)
            found["loss"].backward()
        torch.clear_autocast_cache()
        self._found = {name: value.detach() for name, value in found.items()}
        self._gradients = [weight.grad for weight in self._weights]
        self._forget()

    def __call__(self, *inputs: Tensor) -> dict[str, Tensor]:
        """Leave the gradients in the weights and return what `judge` does, without a graph.

        The gradients are overwritten by the next call. Raises `InputError` for inputs of other
        shapes and for weights that have gradients already.
        """
        for value, ours in zip(inputs, self._inputs, strict=True):
            if value.shape != ours.shape:
                raise InputError(
                    f"inputs: expected {list(ours.shape)}, as captured, found {list(value.shape)}"
                )
            ours.copy_(value)
        if any(weight.grad is not None for weight in self._weights):
            raise InputError("accumulate: expected 1 batch per step with a CUDA graph")
        self._graph.replay()
        for weight, gradient in zip(self._weights, self._gradients, strict=True):
            weight.grad = gradient
        return {name: value.clone() for name, value in self._found.items()}

    def _forget(self) -> None:
        for weight in self._weights:
            weight.grad = None
