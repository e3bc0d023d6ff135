"""The convolutional backbones: feature maps at strides 8, 16 and 32."""

from torch import Tensor, nn

from ...models.registry import resolve
from ...pose.families import movenet
from .config import Config
from .layers import Conv, Residual

_STAGES = (2, 4, 6)  # of MoveNet, after which a map has the stride 8, 16 or 32
_EMBEDDED = "movenet_multipose"


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


class MoveNetBackbone(nn.Module):
    """The same of MoveNet's MobileNetV2, which has no batch normalisation any more."""

    def __init__(self) -> None:
        super().__init__()
        whole = movenet.MoveNetMultiPose()
        self.stem, self.stages = whole.stem, whole.stages

    def forward(self, images: Tensor) -> list[Tensor]:
        x = self.stem(images * 2 - 1)
        maps = []
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if number in _STAGES:
                maps.append(x)
        return maps

    def load_embedded(self) -> None:
        """Load the weights that the pack ships. Raises `ModelError` for a damaged file."""
        path = resolve(_EMBEDDED).path
        trained = movenet.load(path)
        for ours, theirs in ((self.stem, trained.stem), (self.stages, trained.stages)):
            ours.load_state_dict(theirs.state_dict())


def backbone_for(config: Config) -> nn.Module:
    """Return the backbone of a network, new."""
    return MoveNetBackbone() if config.backbone == "movenet" else Backbone(config)


def load_pretrained(backbone: nn.Module) -> bool:
    """Load the weights that a backbone comes with; return whether there are any."""
    if not isinstance(backbone, MoveNetBackbone):
        return False
    backbone.load_embedded()
    return True
