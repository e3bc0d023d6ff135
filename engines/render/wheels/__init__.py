"""Colour wheels of optical flow, one file each."""

from ...discovery import ordered_values_of
from .wheel import Wheel

WHEELS = ordered_values_of(__name__, "WHEEL", Wheel)
