"""Hue for the direction, saturation for the speed, value 1; down is 90°, left 180° and up 270°."""

import torch

from .wheel import CORNERS, Wheel

WHEEL = Wheel("hsv", torch.tensor([*CORNERS, CORNERS[0]], dtype=torch.float32), order=20)
