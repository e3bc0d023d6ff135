"""`Camera`: a pinhole camera without distortion."""

import math
from dataclasses import dataclass

from ..errors import InputError


@dataclass(frozen=True)
class Camera:
    """A pinhole camera that looks along -z, with x to the right and y up.

    focal:     fx, fy in px
    principal: cx, cy in px from the canvas's top left corner

    A point (x, y, z) with z < 0 is seen at (cx - fx x / z, cy + fy y / z).

    Raises `InputError` for a focal length that is not above 0.
    """

    focal: tuple[float, float]
    principal: tuple[float, float]

    def __post_init__(self) -> None:
        if not min(self.focal) > 0:
            raise InputError(f"camera: expected a focal length above 0 px, found {self.focal}")

    @classmethod
    def of_fov(cls, canvas: tuple[int, int], fov: float) -> "Camera":
        """Return the camera of a canvas (height, width) whose vertical field of view is `fov`
        degrees; the principal point is the centre.

        Raises `InputError` unless the field of view is in 1..170.
        """
        if not 1 <= fov <= 170:
            raise InputError(f"fov: expected 1 to 170 degrees, found {fov:g}")
        height, width = canvas
        focal = height / 2 / math.tan(math.radians(fov) / 2)
        return cls((focal, focal), (width / 2, height / 2))
