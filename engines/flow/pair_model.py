"""Optical flow as a module of a pair of pictures: the model that ComfyUI's OPTICAL_FLOW holds."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..runtime.engine import Engine
from .estimate import estimate_flow


class PairFlow(nn.Module):
    """Estimate the flow from one picture to another, called as torchvision's RAFT is.

    engine: of a flow model; None = OpenCV's DIS, on the CPU
    size:   longer side of the pictures in the computation, px; 0 = the model's recommendation
    preset: of DIS
    before: called before each pair, such as to bring the engine into memory

    The module has no weights of its own: the engine keeps them, where it computes.
    """

    def __init__(
        self,
        engine: Engine | None = None,
        *,
        size: int = 0,
        preset: str = "medium",
        before: Callable[[], None] = lambda: None,
    ):
        super().__init__()
        self._engine = engine
        self._size = size
        self._preset = preset
        self._before = before

    def forward(self, one: Tensor, two: Tensor) -> list[Tensor]:
        """Return the refinements of the flow [B,2,H,W] px from `one` to `two`, of which this is the
        only one, on the pictures' device.

        one, two: [B,3,H,W] RGB in -1..1; each pair by itself, and none taken for a cut

        Raises `InputError` for pictures of another shape.
        """
        if one.ndim != 4 or one.shape[1] != 3 or one.shape != two.shape:
            raise InputError(
                "optical flow model: expected two pictures [B,3,H,W] of one size, found "
                f"{list(one.shape)} and {list(two.shape)}"
            )
        self._before()
        frames = torch.stack([one, two], 1).flatten(0, 1)  # [2B,3,H,W]
        frames = (frames.float().movedim(1, -1) / 2 + 0.5).clamp(0, 1)
        flow = estimate_flow(
            frames, self._engine, size=self._size, preset=self._preset, across_cuts=True
        ).forward
        assert flow is not None  # asked for
        return [flow[::2].to(one.device)]  # not those between two pairs
