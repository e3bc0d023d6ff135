"""Training pairs for optical flow, made where they are used: two frames, and how every pixel of
the first one moves, also where it leaves the picture or is covered.

A pair shows layers before a camera: a background and cut-outs of many shapes, with textures from
photographs and made ones. The camera turns and moves, so that layers shift by their depth; objects
move by themselves; many bend smoothly. All motion is known in closed form, in both directions.
Light, blur, noise and compression then make frames of the pictures (`effects`).

A family of textures (`textures`), of shapes (`shapes`) and an effect are one file each, found from
the tree.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from ...errors import InputError
from ...geometry.placement import Size
from ..backgrounds import Backgrounds
from .bank import Bank
from .beside import beside
from .draw import drawn, on_device
from .effects import changed
from .plan import Plan

MOST_LAYERS = 16
_LEAST = 32  # px, sides of pictures
# Of all layers. One takes up to 100 bytes while it is drawn; on a CPU few keep near the caches.
_PIXELS_AT_ONCE = {"cpu": 2**22, "cuda": 2**27}
_OTHER_DEVICES = 2**24
# Of scikit-image: free of rights or CC0, and none of what flow is judged on.
PHOTOGRAPHS = (
    *("astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png"),
    *("grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "retina.jpg", "rocket.jpg"),
)


@dataclass(frozen=True)
class FlowPairs:
    """N pairs of frames.

    first, second: [N,3,H,W] float32 0..1
    flow:     [N,2,H,W] float32, px right and down from the first frame to the second one, for every
              pixel
    occluded: [N,1,H,W] bool, where the second frame does not show what the first one does: it lies
              outside of the picture, or something covers it
    """

    first: Tensor
    second: Tensor
    flow: Tensor
    occluded: Tensor


class FlowScenes:
    """Pairs by number. Pair i follows from the seed, i, the size and the settings, whatever is made
    before or beside it: on a CPU bit for bit, on a GPU up to the last bits.

    Motions, looks and layers are the same on every device; frames differ in the last bits.
    """

    def __init__(
        self,
        *,
        size: Size,
        seed: int,
        device: torch.device | str,
        layers: tuple[int, int] = (2, 10),
        motion: float = 1.0,
        photometric: float = 1.0,
        photographs: Backgrounds | None = None,
        textures: int = 320,
        shapes: int = 192,
        people: int = 192,
        side: int = 512,
    ) -> None:
        """Make the textures and shapes, on the device.

        size:        height and width of frames, px, at least 32
        seed:        0..2^31 - 1
        layers:      the fewest and the most of a pair, with the background
        motion:      factor of all motion; magnitudes are stated for 496x368 px and grow with the
                     root of the area
        photometric: 0..1, factor of the share of pairs that each effect changes; 0: none
        photographs: that textures are made of; None: 12 of scikit-image
        textures, shapes: how many there are, about
        people:      how many there are, in two poses each; 0: none, though preparing one costs more
                     than preparing a texture
        side:        px of a texture, at least 64

        Raises `InputError` for values out of range, and if scikit-image is needed and missing.
        """
        low, high = layers
        if not (1 <= low <= high <= MOST_LAYERS) or min(size) < _LEAST or side < 64:
            raise InputError(
                f"flow scenes: expected 1 to {MOST_LAYERS} layers, pictures of at least "
                f"{_LEAST}x{_LEAST} and textures of at least 64 px, found {low} to {high} layers, "
                f"{size[1]}x{size[0]} and {side} px"
            )
        if not (
            0 <= motion <= 4 and 0 <= photometric <= 1 and min(textures, shapes, people + 1) >= 1
        ):
            raise InputError(
                "flow scenes: expected motion in 0..4, photometric in 0..1, textures, shapes and "
                f"people from 0, found motion {motion}, photometric {photometric}, {textures} "
                f"textures, {shapes} shapes, {people} people"
            )
        self.size, self.seed, self.device = size, seed, torch.device(device)
        self.layers, self.motion, self.photometric = layers, motion, photometric
        pictures = photographs or Backgrounds.photographs(PHOTOGRAPHS)
        self.source = pictures.name
        with torch.no_grad():
            self._bank = Bank.made(
                textures=textures,
                shapes=shapes,
                people=people,
                motion=motion,
                side=side,
                photographs=pictures,
                seed=seed,
                device=self.device,
            )

    def __call__(self, indices: Tensor | Sequence[int]) -> FlowPairs:
        """Make the pairs with these numbers, each at least 0; at least one.

        With numbers on the CPU nothing waits for the device. Raises `InputError` for no numbers
        and for negative ones.
        """
        index = torch.as_tensor(indices, dtype=torch.int64).cpu()
        if index.ndim != 1 or not len(index) or int(index.min()) < 0:
            raise InputError(f"flow scenes: expected pairs numbered from 0, found {index.tolist()}")
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            parts = [self._made(part) for part in index.split(self._at_once())]
        return FlowPairs(
            first=torch.cat([part.first for part in parts]),
            second=torch.cat([part.second for part in parts]),
            flow=torch.cat([part.flow for part in parts]),
            occluded=torch.cat([part.occluded for part in parts]),
        )

    def _at_once(self) -> int:
        """Return how many pairs are drawn together."""
        area = self.size[0] * self.size[1] * self.layers[1]
        return max(1, _PIXELS_AT_ONCE.get(self.device.type, _OTHER_DEVICES) // area)

    def without_effects(self) -> "FlowScenes":
        """Return the same pairs as they are before light, blur, noise and compression."""
        plain = copy(self)
        plain.photometric = 0.0
        return plain

    def _made(self, index: Tensor) -> FlowPairs:
        plan = Plan.drawn(
            index,
            size=self.size,
            layers=self.layers,
            motion=self.motion,
            seed=self.seed,
            textures=len(self._bank.textures),
            shapes=len(self._bank.shapes),
            people=len(self._bank.people.looks),
            side=self._bank.textures.shape[-1],
        )
        pairs = drawn(on_device(plan, self.device), self._bank, self.size)
        frames = changed(pairs, index[plan.order], self._bank, self.seed, self.photometric)
        back = beside(plan.order.argsort(), self.device)
        first, second, flow, occluded = (
            values.index_select(0, back)
            for values in (frames[:, 0], frames[:, 1], pairs.flow, pairs.occluded)
        )
        return FlowPairs(first, second, flow, occluded)
