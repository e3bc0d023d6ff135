"""RRDBNet: residual blocks of densely connected convolutions, as in ESRGAN and Real-ESRGAN.

Wang et al., arXiv:1809.00219 and arXiv:2107.10833. The tensors' names are those of published files,
or those of the first ESRGAN files, which most networks trained by the community still have; the
code is our own.
"""

import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...models.model import Model
from ...models.once import once
from ...models.tensors import fill, read_tensors
from ...runtime.network import Network
from .. import kernels
from ..family import Traits, UpscaleFamily
from ..files import is_rrdb, refuse
from ..network import LEAST, OUTPUT, upscale_network

_TITLE = "an RRDBNet of twice or four times the size"
_SLOPE = 0.2  # of the leaky ReLUs
_PART = 0.2  # of what a block adds to its input
_IN_PLACE = "its GPU kernels write side by side into one buffer, which compiled code would copy"

# Parts of ESRGAN's own names -> of the present ones. %d stands for the number of blocks.
_OLD = {
    r"model\.0": "conv_first",
    r"model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0": r"body.\1.rdb\2.conv\3",
    r"model\.1\.sub\.\d+": "conv_body",
    r"model\.3": "conv_up1",
    r"model\.6": "conv_up2",
    r"model\.8": "conv_hr",
    r"model\.10": "conv_last",
}


@dataclass(frozen=True)
class Shape:
    """The sizes of an RRDBNet.

    features: channels of the layers
    growth:   channels that each dense layer adds
    blocks:   number of blocks
    folded:   pixels of the input in a row that are channels of one: 1, 2 or 4
    """

    features: int
    growth: int
    blocks: int
    folded: int

    @property
    def scale(self) -> int:
        """The scale of the whole."""
        return 4 // self.folded  # it is doubled twice


class RRDBNet(nn.Module):
    """images [B,3,H,W] RGB in 0..1 -> {"image": [B,3,H*scale,W*scale]}, about 0..1.

    H and W are multiples of `shape.folded`.

    plain: never run the GPU kernels of our own
    """

    slopes: Tensor
    dense_slopes: Tensor
    last_table: Tensor
    last_bias: Tensor

    def __init__(self, shape: Shape, *, plain: bool = False):
        super().__init__()
        features = self.features = shape.features
        self.folded = shape.folded
        self.conv_first = _conv(3 * shape.folded**2, features)
        self.body = nn.Sequential(*(_Block(features, shape.growth) for _ in range(shape.blocks)))
        self.conv_body = _conv(features, features)
        self.conv_up1 = _conv(features, features)
        self.conv_up2 = _conv(features, features)
        self.conv_hr = _conv(features, features)
        self.conv_last = _conv(features, 3)
        self.plain = plain or not kernels.takes_dense(features, shape.growth)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        x = F.pixel_unshuffle(images, self.folded) if self.folded > 1 else images
        x = self.conv_first(x)
        x = x + self.conv_body(self._blocks(x))
        for name in ("conv_up1", "conv_up2"):
            x = self._active(name, x, 2)
        x = self._active("conv_hr", x)
        if self.plain or not kernels.usable(x):
            return {OUTPUT: self.conv_last(x)}
        return {OUTPUT: kernels.last(x, None, self.last_table, self.last_bias, 1)}

    def _active(self, name: str, x: Tensor, up: int = 1) -> Tensor:
        """Return the leaky ReLU of a convolution that keeps the number of channels, of `x` with
        every pixel repeated `up` times in each direction."""
        layer: nn.Conv2d = getattr(self, name)
        if self.plain or not kernels.usable(x):
            x = F.interpolate(x, scale_factor=float(up), mode="nearest") if up > 1 else x
            return _leaky(layer(x))
        table: Tensor = getattr(self, f"{name}_table")
        return kernels.middle(x, table, kernels.bias(layer), self.slopes, up)

    def _blocks(self, x: Tensor) -> Tensor:
        if self.plain or not kernels.usable(x):
            found: Tensor = self.body(x)
            return found
        layers = [(part.table, part.bias) for part in self._dense]
        return kernels.dense(x, layers, self.dense_slopes, _PART)

    @property
    def _dense(self) -> list["_Dense"]:
        return [part for part in self.body.modules() if isinstance(part, _Dense)]

    def fold(self) -> None:
        """Lay out the weights for the kernels, once they are there."""
        if self.plain:
            return
        self.register_buffer("slopes", torch.full((self.features,), _SLOPE), persistent=False)
        for name in ("conv_up1", "conv_up2", "conv_hr"):
            found = kernels.table(getattr(self, name))
            self.register_buffer(f"{name}_table", found, persistent=False)
        table, bias = kernels.last_table(self.conv_last, 1)
        self.register_buffer("last_table", table, persistent=False)
        self.register_buffer("last_bias", bias, persistent=False)
        self.register_buffer("dense_slopes", kernels.dense_slopes(_SLOPE), persistent=False)
        for part in self._dense:
            table, bias = kernels.dense_table(part.layers)
            part.register_buffer("table", table, persistent=False)
            part.register_buffer("bias", bias, persistent=False)


class _Block(nn.Module):
    """[B,C,H,W] -> the same: three dense blocks, added to their input in part."""

    def __init__(self, features: int, growth: int):
        super().__init__()
        self.rdb1 = _Dense(features, growth)
        self.rdb2 = _Dense(features, growth)
        self.rdb3 = _Dense(features, growth)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.rdb3(self.rdb2(self.rdb1(x)))
        return x + found * _PART


class _Dense(nn.Module):
    """[B,C,H,W] -> the same: five convolutions, each of everything before it."""

    table: Tensor
    bias: Tensor

    def __init__(self, features: int, growth: int):
        super().__init__()
        self.growth = growth
        self.conv1 = _conv(features, growth)
        self.conv2 = _conv(features + growth, growth)
        self.conv3 = _conv(features + 2 * growth, growth)
        self.conv4 = _conv(features + 3 * growth, growth)
        self.conv5 = _conv(features + 4 * growth, features)

    @property
    def layers(self) -> tuple[nn.Conv2d, ...]:
        """The convolutions, in order."""
        return self.conv1, self.conv2, self.conv3, self.conv4, self.conv5

    def forward(self, x: Tensor) -> Tensor:
        known = x
        for layer in self.layers[:-1]:
            known = torch.cat([known, _leaky(layer(known))], 1)
        found: Tensor = self.conv5(known)
        return x + found * _PART


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, _SLOPE)


def _renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors under their present names, whichever they have."""
    if "conv_first.weight" in state:
        return dict(state)
    found = {}
    for name, value in state.items():
        stem, _, kind = name.rpartition(".")
        for old, new in _OLD.items():
            if re.fullmatch(old, stem):
                stem = re.sub(old, new, stem)
                break
        found[f"{stem}.{kind}"] = value
    return found


def _shape(state: Mapping[str, Tensor]) -> Shape | None:
    """Return the sizes of a network, None for the weights of another one."""
    if not is_rrdb(state):
        return None
    state = _renamed(state)
    first, grown = state.get("conv_first.weight"), state.get("body.0.rdb1.conv1.weight")
    last = state.get("conv_last.weight")
    if first is None or grown is None or last is None:
        return None
    folded = {3: 1, 12: 2, 48: 4}.get(first.shape[1])
    if folded is None or last.shape[0] != 3 or "conv_up2.weight" not in state:
        return None
    blocks = {name.split(".")[1] for name in state if name.startswith("body.")}
    return Shape(first.shape[0], grown.shape[0], len(blocks), folded)


@once
def _shape_of(path: Path) -> Shape | None:
    return _shape(read_tensors(path))


def _known(model: Model) -> Shape:
    shape = _shape_of(model.path)
    if shape is None:
        raise refuse(model, _TITLE, read_tensors(model.path))
    return shape


def load(path: Path, *, shape: Shape, plain: bool = False) -> RRDBNet:
    """Return the network with the weights of a .pth or .safetensors file.

    Raises `ModelError` for a file that cannot be read and for weights of another network.
    """
    module = RRDBNet(shape, plain=plain)
    state = {name: value.float() for name, value in _renamed(read_tensors(path)).items()}
    fill(module, state, path, _TITLE)
    module.eval().fold()
    return module


def network(model: Model) -> Network:
    """Return how an RRDBNet is run.

    Raises `ModelError` for a file that cannot be read and for weights of another network.
    """
    shape = _known(model)
    plain = bool(model.options.get("plain"))
    sizes = "-".join(map(str, astuple(shape)))
    return upscale_network(
        f"rrdbnet-{sizes}{'-plain' if plain else ''}",
        partial(load, shape=shape, plain=plain),
        shape.scale,
        # The layers behind the blocks, at the full size, hold the most: three maps at once.
        width=3 * shape.features * shape.scale**2,
        stride=shape.folded,
        least=LEAST,
        left_out={} if plain else {"torch_compiled": _IN_PLACE},
    )


def traits(model: Model) -> Traits:
    """Return the scale of an RRDBNet, and its radius."""
    shape = _known(model)
    blocks = (15 * shape.blocks + 2) * shape.folded  # the layers at the size of the input
    return Traits(shape.scale, radius=blocks + 3 * shape.folded)


FAMILY = UpscaleFamily(
    name="rrdbnet",
    network=network,
    traits=traits,
    suffixes=(".pth", ".safetensors"),
    recommended_size=512,
    options=("plain",),
    order=310,
)
