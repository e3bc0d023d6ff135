"""Compact networks of Real-ESRGAN (SRVGG): a sequence of convolutions, at the size of the input.

Wang et al., arXiv:2107.10833; the weights of animevideov3 are included. The tensors' names are
those of published files; the code is our own. The network gives the difference to the input with
every pixel repeated; the pixels of the result are channels until the last step.
"""

from collections.abc import Mapping
from functools import partial
from math import isqrt
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from ...models.model import Model
from ...models.once import once
from ...models.tensors import fill, read_tensors
from ...runtime.network import Network
from .. import kernels
from ..family import Traits, UpscaleFamily
from ..files import is_compact, refuse
from ..network import OUTPUT, upscale_network

_TITLE = "a compact network"


class Compact(nn.Module):
    """images [B,3,H,W] RGB in 0..1 -> {"image": [B,3,H*scale,W*scale]}, about 0..1.

    features: channels of the layers between
    layers:   number of convolutions between the first and the last one
    plain:    never run the GPU kernels of our own
    """

    last_table: Tensor
    last_bias: Tensor

    def __init__(self, features: int, layers: int, scale: int, *, plain: bool = False):
        super().__init__()
        body: list[nn.Module] = [nn.Conv2d(3, features, 3, padding=1), nn.PReLU(features)]
        for _ in range(layers):
            body += [nn.Conv2d(features, features, 3, padding=1), nn.PReLU(features)]
        self.body = nn.Sequential(*body, nn.Conv2d(features, 3 * scale**2, 3, padding=1))
        self.scale = scale
        self.plain = plain or not kernels.takes(features, 3 * scale**2)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        if not self.plain and kernels.usable(images):
            return {OUTPUT: self._by_kernels(images)}
        repeated = F.interpolate(images, scale_factor=float(self.scale), mode="nearest")
        return {OUTPUT: F.pixel_shuffle(self.body(images), self.scale) + repeated}

    def fold(self) -> None:
        """Lay out the weights for the kernels, once they are there."""
        if self.plain:
            return
        *layers, last = (layer for layer in self.body if isinstance(layer, nn.Conv2d))
        for number, layer in enumerate(layers):
            self.register_buffer(f"table{number}", kernels.table(layer), persistent=False)
        table, bias = kernels.last_table(last, self.scale)
        self.register_buffer("last_table", table, persistent=False)
        self.register_buffer("last_bias", bias, persistent=False)

    def _by_kernels(self, images: Tensor) -> Tensor:
        tables = [value for name, value in self.named_buffers() if name.startswith("table")]
        *layers, _ = (layer for layer in self.body if isinstance(layer, nn.Conv2d))
        biases = [kernels.bias(layer) for layer in layers]
        slopes = [layer.weight for layer in self.body if isinstance(layer, nn.PReLU)]
        x = kernels.first(images, tables[0], biases[0], slopes[0])
        for table, bias, slope in zip(tables[1:], biases[1:], slopes[1:], strict=True):
            x = kernels.middle(x, table, bias, slope)
        return kernels.last(x, images, self.last_table, self.last_bias, self.scale)


def _shape(state: Mapping[str, Tensor]) -> tuple[int, int, int] | None:
    """Return features, layers and scale of a network, None for the weights of another one."""
    if not is_compact(state):
        return None
    first = state["body.0.weight"]
    convolutions = [name for name, value in state.items() if value.ndim == 4]
    last = state.get(f"body.{2 * len(convolutions) - 2}.weight")
    if last is None or last.ndim != 4 or first.shape[1] != 3 or last.shape[0] % 3:
        return None
    scale = isqrt(last.shape[0] // 3)
    if 3 * scale**2 != last.shape[0]:
        return None
    return first.shape[0], len(convolutions) - 2, scale


@once
def _shape_of(path: Path) -> tuple[int, int, int] | None:
    return _shape(read_tensors(path))


def _known(model: Model) -> tuple[int, int, int]:
    shape = _shape_of(model.path)
    if shape is None:
        raise refuse(model, _TITLE, read_tensors(model.path))
    return shape


def load(path: Path, *, shape: tuple[int, int, int], plain: bool = False) -> Compact:
    """Return the network with the weights of a .pth or .safetensors file.

    shape: features, layers and scale

    Raises `ModelError` for a file that cannot be read and for weights of another network.
    """
    module = Compact(*shape, plain=plain)
    state = {name: value.float() for name, value in read_tensors(path).items()}
    fill(module, state, path, _TITLE)
    module.eval().fold()
    return module


def network(model: Model) -> Network:
    """Return how a compact network is run.

    Raises `ModelError` for a file that cannot be read and for weights of another network.
    """
    shape = features, layers, scale = _known(model)
    plain = bool(model.options.get("plain"))
    return upscale_network(
        f"realesr_compact-{features}-{layers}-{scale}{'-plain' if plain else ''}",
        partial(load, shape=shape, plain=plain),
        scale,
        width=2 * features + 6 * scale**2,
    )


def traits(model: Model) -> Traits:
    """Return the scale of a compact network, and its radius: a pixel for each convolution."""
    _, layers, scale = _known(model)
    return Traits(scale, radius=layers + 2)


FAMILY = UpscaleFamily(
    name="realesr_compact",
    network=network,
    traits=traits,
    suffixes=(".pth", ".safetensors"),
    recommended_size=832,
    options=("plain",),
    order=300,
)
