"""Making the next batches while a step runs."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import torch
from torch import Tensor

Made = TypeVar("Made")


class Ahead(Generic[Made]):
    """Values by number, the next of which is made in a thread, on a stream of its own.

    make:    makes the value of a number, on the device
    tensors: returns a value's tensors
    device:  a GPU has threads and streams; elsewhere values are made when they are asked for
    """

    def __init__(
        self,
        make: Callable[[int], Made],
        tensors: Callable[[Made], list[Tensor]],
        device: torch.device,
    ) -> None:
        self._make, self._tensors, self._device = make, tensors, device
        self._held: tuple[int, Made] | None = None
        self._next: tuple[int, Future[tuple[Made, torch.cuda.Event]]] | None = None
        self._thread: ThreadPoolExecutor | None = None
        if device.type == "cuda":
            self._thread = ThreadPoolExecutor(1, "kinograph-ahead")
            self._stream = torch.cuda.Stream(device)

    def expect(self, number: int) -> None:
        """Begin to make a value, unless it is there or being made."""
        begun = self._next is not None and self._next[0] == number
        if self._thread is None or begun or (self._held is not None and self._held[0] == number):
            return
        # What values are made of may still be on its way.
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        self._next = (number, self._thread.submit(self._aside, number))

    def at(self, number: int) -> Made:
        """Return a value, made now if it was not expected; what makes it may raise."""
        if self._held is not None and self._held[0] == number:
            return self._held[1]
        if self._next is not None and self._next[0] == number:
            made, done = self._next[1].result()
            self._next = None
            now = torch.cuda.current_stream(self._device)
            now.wait_event(done)
            for tensor in self._tensors(made):
                tensor.record_stream(now)  # its memory is not used again before `now` is done
        else:
            made = self._make(number)
        self._held = (number, made)
        return made

    def _aside(self, number: int) -> tuple[Made, torch.cuda.Event]:
        with torch.cuda.device(self._device), torch.cuda.stream(self._stream):
            made = self._make(number)
            done = torch.cuda.Event()
            done.record(self._stream)
        return made, done
