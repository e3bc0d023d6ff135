"""Between a GPU and the host's memory, while the GPU goes on with the next pictures."""

import ctypes
import sys

import torch
from torch import Tensor

# Bytes of pinned memory, of which two hold what is under way. Pinning takes longer than copying,
# but PyTorch keeps pinned memory for the next time.
_PIECE = 2**26
_HUGE_PAGES = 14  # MADV_HUGEPAGE of Linux
_LEAST_HUGE = 2**24  # bytes; less is quickly there in any case


def host_empty(*shape: int) -> Tensor:
    """Return a tensor of fp32 on the CPU, for results, that nothing is written in yet.

    Its memory is there when it is first written. Linux is asked for pages of 2 MiB instead of
    4 KiB, which takes a third of the time; other systems choose themselves.
    """
    made = torch.empty(shape)
    size = made.numel() * made.element_size()
    if sys.platform == "linux" and size >= _LEAST_HUGE:
        start = -(-made.data_ptr() // 2**12) * 2**12
        length = (made.data_ptr() + size - start) // 2**12 * 2**12
        # A wish: where it is not granted, pages are small.
        ctypes.CDLL(None).madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), _HUGE_PAGES)
    return made


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """Return `values` as fp32 on `device`. On a GPU this does not wait for what it is doing."""
    if device.type == "cuda" and values.device.type == "cpu":
        values = values.pin_memory()
    return values.to(device, torch.float32, non_blocking=True)


class Arrival:
    """Values on their way from a device to the CPU.

    made: fp32, or uint8 as levels of 255, of any device
    into: of the same shape, fp32 on the CPU, contiguous; what it holds is undefined before `finish`
    """

    def __init__(self, made: Tensor, into: Tensor) -> None:
        self._into = into.view(-1).split(_PIECE // made.element_size())
        # Held until `finish`: the stream that copies is not the one that its memory belongs to.
        self._made = made.contiguous().view(-1).split(_PIECE // made.element_size())
        self._next = 0
        self._under_way: list[tuple[Tensor, Tensor, torch.cuda.Event]] = []
        self._stream: torch.cuda.Stream | None = None
        if made.device.type == "cuda":
            self._stream = torch.cuda.Stream(made.device)
            self._stream.wait_stream(torch.cuda.current_stream(made.device))
            for _ in range(2):
                self._send()

    def finish(self) -> None:
        """Wait until everything is on the CPU, as fp32."""
        if self._stream is None:
            for made, into in zip(self._made, self._into, strict=True):
                _written(made, into)
        while self._under_way:
            staged, into, arrived = self._under_way.pop(0)
            arrived.synchronize()
            _written(staged, into)
            self._send(staged)
        self._made = ()

    def _send(self, free: Tensor | None = None) -> None:
        """Start to copy the next piece, if there is one, into the memory of one that is done."""
        if self._stream is None or self._next == len(self._made):
            return
        made, into = self._made[self._next], self._into[self._next]
        self._next += 1
        staged = torch.empty_like(made, device="cpu", pin_memory=True) if free is None else free
        staged = staged[: len(made)]
        with torch.cuda.stream(self._stream):
            staged.copy_(made, non_blocking=True)
            self._under_way.append((staged, into, self._stream.record_event()))


def _written(values: Tensor, into: Tensor) -> None:
    into.copy_(values)
    if values.dtype == torch.uint8:
        into.div_(255)
