"""Layers that the parts of the network share."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_WAVELENGTH = 10_000.0  # of the slowest wave, in grid cells / 2 pi (Vaswani et al., 2017)


class Conv(nn.Sequential):
    """A convolution with batch normalisation and SiLU; it keeps the size at stride 1."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.SiLU(),
        )


class Residual(nn.Module):
    """Two 3x3 convolutions around which the input is added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(Conv(channels, channels), Conv(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = x + self.layers(x)
        return added


class MLP(nn.Sequential):
    """Linear layers with ReLU between them. sizes: channels of the input, inside, of the output."""

    def __init__(self, *sizes: int) -> None:
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        super().__init__(*layers[:-1])

    def last(self) -> nn.Linear:
        """Return the last linear layer."""
        layer = self[-1]
        assert isinstance(layer, nn.Linear)
        return layer


class Attention(nn.Module):
    """Multi-head self-attention of tokens [B,N,D]."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.queries_keys = nn.Linear(channels, 2 * channels)
        self.values = nn.Linear(channels, channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor, position: Tensor, hidden: Tensor | None = None) -> Tensor:
        """Return the attended tokens.

        position: [B or 1,N,D], added to queries and keys
        hidden:   [N,N] bool, True where row i may not look at column j
        """
        query, key = self.queries_keys(x + position).chunk(2, -1)
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (query, key, self.values(x))
        )
        mask = None if hidden is None else ~hidden
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        out: Tensor = self.out(seen.transpose(1, 2).flatten(2))
        return out


class Feedforward(nn.Module):
    """Two linear layers around which the input is added, then layer normalisation."""

    def __init__(self, channels: int, inside: int) -> None:
        super().__init__()
        self.layers = MLP(channels, inside, channels)
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(x + self.layers(x))
        return normed


def sine_positions(size: Sequence[int], channels: int) -> Tensor:
    """Return sines and cosines of the places of a grid (height, width): [H*W,channels].

    channels: a multiple of 4
    """
    height, width = size
    rates = _WAVELENGTH ** -torch.linspace(0, 1, channels // 4)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    waves = [axis.flatten()[:, None] * rates for axis in (x, y)]
    return torch.cat([part for wave in waves for part in (wave.sin(), wave.cos())], 1)


def prior(part: float) -> float:
    """Return the logit of a probability."""
    return math.log(part / (1 - part))


def to_logits(values: Tensor) -> Tensor:
    """Return the logits of values in 0..1, as float32; kept finite at both ends."""
    inside = values.float().clamp(1e-5, 1 - 1e-5)
    return torch.log(inside / (1 - inside))
