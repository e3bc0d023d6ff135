"""The convolutional backbone: feature maps at strides 8, 16 and 32."""

from torch import Tensor, nn

from .config import Config
from .layers import Conv, Residual


class Backbone(nn.Module):
    """Images [B,3,H,W] 0..1 to feature maps [B,C,H/s,W/s] at strides 8, 16 and 32."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.stem = Conv(3, config.stem, stride=2)
        before = (config.stem, *config.widths)
        self.stages = nn.ModuleList(
            nn.Sequential(Conv(inputs, width, stride=2), *(Residual(width) for _ in range(depth)))
            for inputs, width, depth in zip(before, config.widths, config.depths, strict=False)
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        x = self.stem(images * 2 - 1)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps[1:]
