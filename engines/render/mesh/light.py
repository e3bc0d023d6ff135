"""What shines on meshes: light from everywhere, and from one direction."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import InputError

RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Light:
    """Light that multiplies the colours of a surface, as they are displayed.

    A surface with the unit normal n has its colour times ambient + directional * max(0, n . l),
    held at 1.

    ambient:     red, green, blue of the light from everywhere
    directional: red, green, blue of the light from one direction
    towards:     the direction towards that light, any length, in the axes of the camera

    With `ambient` 1 and `directional` 0 a texture is shown as it is. Raises `InputError` for
    negative light, and for values that are not finite.
    """

    ambient: RGB = (0.6, 0.6, 0.6)
    directional: RGB = (0.45, 0.45, 0.45)
    towards: RGB = (0.25, 0.45, 1.0)

    def __post_init__(self) -> None:
        colours = (*self.ambient, *self.directional)
        if not all(map(math.isfinite, (*colours, *self.towards))) or min(colours) < 0:
            raise InputError(
                "light: expected finite colours of at least 0, found ambient "
                f"{self.ambient}, directional {self.directional}, towards {self.towards}"
            )

    def on(self, normals: Tensor) -> Tensor:
        """Return the factors [3,H] of colours of surfaces with unit normals [3,H]."""
        towards = F.normalize(torch.tensor(self.towards, dtype=normals.dtype), dim=0)
        parts = torch.stack([towards, *map(towards.new_tensor, (self.ambient, self.directional))])
        towards, ambient, directional = parts.to(normals.device)[..., None]  # one copy
        facing = (towards * normals).sum(0).clamp_(min=0)
        return torch.addcmul(ambient, directional, facing).clamp_(max=1)
