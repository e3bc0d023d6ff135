"""Colour wheels of optical flow, one file each."""

from ...discovery import values_of
from .wheel import Wheel

WHEELS: dict[str, Wheel] = {
    wheel.name: wheel
    for wheel in sorted(values_of(__name__, "WHEEL", Wheel), key=lambda w: (w.order, w.name))
}
