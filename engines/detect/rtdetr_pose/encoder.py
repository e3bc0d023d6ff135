"""The hybrid encoder: attention on the coarsest map, then fusion of the three."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import Config
from .layers import Attention, Conv, Feedforward, Residual, sine_positions


class _Fusion(nn.Sequential):
    """Two maps of one size, concatenated, to one."""

    def __init__(self, channels: int) -> None:
        super().__init__(Conv(2 * channels, channels, kernel=1), Residual(channels))


class Encoder(nn.Module):
    """Feature maps at strides 8, 16 and 32 to the same with `hidden` channels each.

    Attention where it costs least, on the coarsest map; then from coarse to fine and back.
    """

    positions: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        hidden = config.hidden
        self.inputs = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, hidden, 1, bias=False), nn.BatchNorm2d(hidden))
            for width in config.maps
        )
        positions = sine_positions(config.levels[-1], hidden)
        self.register_buffer("positions", positions, persistent=False)
        self.attention = Attention(hidden, config.heads)
        self.norm = nn.LayerNorm(hidden)
        self.feedforward = Feedforward(hidden, config.feedforward)
        self.lateral = nn.ModuleList(Conv(hidden, hidden, kernel=1) for _ in range(2))
        self.finer = nn.ModuleList(_Fusion(hidden) for _ in range(2))
        self.down = nn.ModuleList(Conv(hidden, hidden, stride=2) for _ in range(2))
        self.coarser = nn.ModuleList(_Fusion(hidden) for _ in range(2))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        fine, middle, coarse = (layer(x) for layer, x in zip(self.inputs, maps, strict=True))
        tokens = coarse.flatten(2).transpose(1, 2)
        tokens = self.norm(tokens + self.attention(tokens, self.positions.to(tokens.dtype)))
        tokens = self.feedforward(tokens)
        coarse = self.lateral[0](tokens.transpose(1, 2).unflatten(2, coarse.shape[2:]))
        middle = self.lateral[1](self.finer[0](_both(_twice(coarse), middle)))
        fine = self.finer[1](_both(_twice(middle), fine))
        middle = self.coarser[0](_both(self.down[0](fine), middle))
        coarse = self.coarser[1](_both(self.down[1](middle), coarse))
        return [fine, middle, coarse]


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def _both(a: Tensor, b: Tensor) -> Tensor:
    return torch.cat([a, b], 1)
