"""HRNet for classification (Wang et al., TPAMI 2020, arXiv:1908.07919), up to its features.

Four branches of halving resolution run side by side and exchange what they see; then each is made
wider and added to the next, down to one vector of features. Written from the paper; the names of
parameters are those of the published weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

_TIMES = 4  # how much wider a bottleneck's output is than its middle


@dataclass(frozen=True)
class Plan:
    """How large an HRNet is; the defaults are those of HRNet-W48.

    width:    channels of the first branch; each further one has twice as many
    modules:  how often two, three and four branches exchange what they see
    blocks:   of two convolutions in a branch of a module, and bottlenecks before the branches
    stem:     channels of the first two convolutions
    wider:    channels in the middle of the bottlenecks that follow the branches
    features: how many there are
    """

    width: int = 48
    modules: tuple[int, int, int] = (1, 4, 3)
    blocks: int = 4
    stem: int = 64
    wider: tuple[int, int, int, int] = (32, 64, 128, 256)
    features: int = 2048


W48 = Plan()


class HRNet(nn.Module):
    """images [N,3,H,W], normalised, sides multiples of 32 -> features [N,`plan.features`]."""

    def __init__(self, plan: Plan = W48):
        super().__init__()
        stem, widths = plan.stem, [plan.width * 2**branch for branch in range(4)]
        self.conv1 = _conv(3, stem, 3, stride=2)
        self.bn1 = nn.BatchNorm2d(stem)
        self.conv2 = _conv(stem, stem, 3, stride=2)
        self.bn2 = nn.BatchNorm2d(stem)
        self.layer1 = nn.Sequential(
            *(_Bottleneck(stem * _TIMES if block else stem, stem) for block in range(plan.blocks))
        )
        before = [stem * _TIMES]
        for number, modules in enumerate(plan.modules, 1):
            after = widths[: number + 1]
            self.add_module(f"transition{number}", _transition(before, after))
            stage = nn.Sequential(*(_Module(after, plan.blocks) for _ in range(modules)))
            self.add_module(f"stage{number + 1}", stage)
            before = after
        self.incre_modules = nn.ModuleList(
            nn.Sequential(_Bottleneck(width, middle))
            for width, middle in zip(widths, plan.wider, strict=True)
        )
        wide = [middle * _TIMES for middle in plan.wider]
        self.downsamp_modules = nn.ModuleList(
            _convolved(fine, coarse, stride=2, bias=True) for fine, coarse in pairwise(wide)
        )
        self.final_layer = _convolved(wide[-1], plan.features, size=1, bias=True)

    def forward(self, images: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(images)))
        branches = [self.layer1(F.relu(self.bn2(self.conv2(x))))]
        for number in (1, 2, 3):
            ways = getattr(self, f"transition{number}")
            # the new branch comes from the coarsest one before
            given = [*branches, *[branches[-1]] * (len(ways) - len(branches))]
            branches = [way(x) for way, x in zip(ways, given, strict=True)]
            branches = getattr(self, f"stage{number + 1}")(branches)
        wider = [wide(x) for wide, x in zip(self.incre_modules, branches, strict=True)]
        x = wider[0]
        for coarser, down in zip(wider[1:], self.downsamp_modules, strict=True):
            x = coarser + down(x)
        features: Tensor = self.final_layer(x).mean((2, 3))
        return features


def _conv(before: int, after: int, size: int, *, stride: int = 1, bias: bool = False) -> nn.Conv2d:
    return nn.Conv2d(before, after, size, stride, size // 2, bias=bias)


def _convolved(
    before: int,
    after: int,
    *,
    size: int = 3,
    stride: int = 1,
    bias: bool = False,
    then: Sequence[nn.Module] | None = None,
) -> nn.Sequential:
    """Return a convolution with its normalisation, and what follows: by default ReLU."""
    layers = [_conv(before, after, size, stride=stride, bias=bias), nn.BatchNorm2d(after)]
    return nn.Sequential(*layers, *([nn.ReLU()] if then is None else then))


def _transition(before: list[int], after: list[int]) -> nn.ModuleList:
    """Return what leads from branches with some widths to one more."""
    ways: list[nn.Module] = [
        nn.Identity() if old == new else _convolved(old, new)
        for old, new in zip(before, after, strict=False)
    ]
    ways.append(nn.Sequential(_convolved(before[-1], after[-1], stride=2)))
    return nn.ModuleList(ways)


class _Bottleneck(nn.Module):
    """Three convolutions around a shortcut: `middle` channels inside, four times as many after."""

    def __init__(self, before: int, middle: int):
        super().__init__()
        after = middle * _TIMES
        self.conv1 = _conv(before, middle, 1)
        self.bn1 = nn.BatchNorm2d(middle)
        self.conv2 = _conv(middle, middle, 3)
        self.bn2 = nn.BatchNorm2d(middle)
        self.conv3 = _conv(middle, after, 1)
        self.bn3 = nn.BatchNorm2d(after)
        self.downsample = (
            nn.Identity() if before == after else _convolved(before, after, size=1, then=())
        )

    def forward(self, x: Tensor) -> Tensor:
        inside = F.relu(self.bn1(self.conv1(x)))
        inside = F.relu(self.bn2(self.conv2(inside)))
        return F.relu(self.bn3(self.conv3(inside)) + self.downsample(x))


class _Block(nn.Module):
    """Two convolutions around a shortcut."""

    def __init__(self, width: int):
        super().__init__()
        self.conv1 = _conv(width, width, 3)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv(width, width, 3)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + x)


class _Module(nn.Module):
    """Blocks in every branch; then each branch is the sum of all, brought to its resolution."""

    def __init__(self, widths: list[int], blocks: int):
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(_Block(width) for _ in range(blocks))) for width in widths
        )
        numbers = range(len(widths))
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_exchange(widths, source, target) for source in numbers)
            for target in numbers
        )

    def forward(self, branches: list[Tensor]) -> list[Tensor]:
        inside = [branch(x) for branch, x in zip(self.branches, branches, strict=True)]
        fused = []
        for target in self.fuse_layers:
            assert isinstance(target, nn.ModuleList)
            first, *others = (way(x) for way, x in zip(target, inside, strict=True))
            fused.append(F.relu(sum(others, first)))
        return fused


def _exchange(widths: list[int], source: int, target: int) -> nn.Module:
    """Return what brings one branch to the width and the resolution of another."""
    if source == target:
        return nn.Identity()
    before, after = widths[source], widths[target]
    if source > target:
        larger = nn.Upsample(scale_factor=2 ** (source - target), mode="nearest")
        return _convolved(before, after, size=1, then=[larger])
    halved = [_convolved(before, before, stride=2) for _ in range(target - source - 1)]
    return nn.Sequential(*halved, _convolved(before, after, stride=2, then=()))
