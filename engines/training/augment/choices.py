"""How much pictures are changed."""

from dataclasses import dataclass, fields

from ...errors import InputError


@dataclass(frozen=True)
class Choices:
    """Most that each picture is changed by; the values of the defaults change nothing.

    flip:       probability of a mirrored picture
    zoom:       least and largest factor; the camera moves closer to what it sees
    pan, tilt, roll: degrees that the camera turns by
    focal:      part that fx and fy, each, differ from what is told of the camera; see `k_delta`
    principal:  px of the input that cx and cy differ by
    mosaic:     probability of a picture made of four, each at half its size
    hue:        part of the circle of colours
    saturation, brightness, colours: parts; the last of each of red, green and blue
    hsv:        probability that a picture's hue, saturation and brightness change
    gray:       probability of a picture without colours
    blur:       probability of a blurred picture, and the largest standard deviation in px
    noise:      probability of a noisy picture, and the standard deviation for colours in 0..1

    Raises `InputError` for values out of range.
    """

    flip: float = 0.0
    zoom: tuple[float, float] = (1.0, 1.0)
    pan: float = 0.0
    tilt: float = 0.0
    roll: float = 0.0
    focal: tuple[float, float] = (0.0, 0.0)
    principal: tuple[float, float] = (0.0, 0.0)
    mosaic: float = 0.0
    hue: float = 0.0
    saturation: float = 0.0
    brightness: float = 0.0
    colours: float = 0.0
    hsv: float = 1.0
    gray: float = 0.0
    blur: tuple[float, float] = (0.0, 0.0)
    noise: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        limits = {
            **dict.fromkeys(("flip", "mosaic", "hsv", "gray"), (0.0, 1.0)),
            **dict.fromkeys(("saturation", "brightness", "colours"), (0.0, 0.99)),
            "hue": (0.0, 0.5),
            "zoom": (0.25, 4.0),
            **dict.fromkeys(("pan", "tilt"), (0.0, 30.0)),
            "roll": (0.0, 180.0),
            "focal": (0.0, 0.5),
            "principal": (0.0, 1e4),
            "blur": (0.0, 10.0),
            "noise": (0.0, 1.0),
        }
        for field in fields(self):
            value = getattr(self, field.name)
            low, high = limits[field.name]
            parts = value if isinstance(value, tuple) else (value,)
            if not all(low <= part <= high for part in parts):
                raise InputError(
                    f"{field.name}: expected {low:g}..{high:g}, found "
                    f"{' and '.join(f'{part:g}' for part in parts)}"
                )
        if self.zoom[0] > self.zoom[1]:
            raise InputError(
                f"zoom: expected the least factor first, found {self.zoom[0]:g}, {self.zoom[1]:g}"
            )

    @property
    def moves(self) -> bool:
        """Whether objects may be elsewhere in the picture afterwards, mosaics aside."""
        still = Choices(mosaic=self.mosaic)
        names = ("flip", "zoom", "pan", "tilt", "roll", "focal", "principal")
        return any(getattr(self, name) != getattr(still, name) for name in names)
