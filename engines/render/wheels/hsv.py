"""Hue for the direction, saturation for the speed, value 1; down is 90°, left 180° and up 270°."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .wheel import CORNERS, Wheel

if TYPE_CHECKING:
    from torch import Tensor


def _corners() -> Tensor:
    import torch

    return torch.tensor([*CORNERS, CORNERS[0]], dtype=torch.float32)


WHEEL = Wheel("hsv", _corners, order=20)
