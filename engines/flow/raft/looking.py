"""Looking up the correlation in a training, with one gradient for all updates."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from . import kernels
from .correlation import Volume, neighbourhoods


class Looking:
    """The neighbourhoods of each cell's centre, [B,h,w,width], filled up with zeros.

    volume: of products; radius: of the neighbourhoods; width: of what is returned

    Added up by PyTorch, the gradient of every update would take the memory of the whole volume,
    most of it zeros. On a GPU, where triton is installed, all updates add theirs to one.
    """

    def __init__(self, volume: Volume, radius: int, width: int) -> None:
        self._rows = volume.whole()
        self._size, self._radius, self._width = volume.size, radius, width
        self._shared: _Shared | None = None
        if kernels.usable(self._rows):
            self._shared = _Shared(self._rows.detach(), radius, volume.size, width)
            self._token: Tensor = _Opened.apply(self._rows, self._shared)

    def __call__(self, centres: Tensor) -> Tensor:
        """Look at `centres` [B,2,h,w] x, y in cells of the second map, in the volume's type."""
        if self._shared is not None:
            found: Tensor = _Seen.apply(self._token, self._shared, centres)
            return found
        seen = neighbourhoods(self._rows, centres, self._radius, self._size).to(self._rows.dtype)
        return F.pad(seen, (0, self._width - seen.shape[-1]))


class _Shared:
    """The rows that all updates read, and their gradient so far."""

    def __init__(self, rows: Tensor, radius: int, size: tuple[int, int], width: int) -> None:
        self.rows, self.radius, self.size, self.width = rows, radius, size, width
        self.gradient: Tensor | None = None
        self.nothing = rows.new_zeros(())


class _Opened(torch.autograd.Function):
    """Stands for the rows: its gradient is due when all look-ups have added theirs."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, shared: _Shared) -> Tensor:
        ctx.shared = shared
        return shared.nothing.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        shared: _Shared = ctx.shared
        total, shared.gradient = shared.gradient, None
        return torch.zeros_like(shared.rows) if total is None else total, None


class _Seen(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, token: Tensor, shared: _Shared, centres: Tensor) -> Tensor:
        from . import kernels_learning  # heavy

        ctx.shared = shared
        ctx.save_for_backward(centres)
        return kernels_learning.see(shared.rows, centres, shared.radius, shared.size, shared.width)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        from . import kernels_learning

        shared: _Shared = ctx.shared
        if shared.gradient is None:
            shared.gradient = torch.zeros_like(shared.rows)
        (centres,) = ctx.saved_tensors
        kernels_learning.learn(gradients[0], centres, shared.gradient, shared.radius, shared.size)
        return shared.nothing, None, None
