"""SPyNet: dense optical flow by small networks, one for each level of a pyramid of the frames.

Ranjan and Black, CVPR 2017, arXiv:1611.00850. The tensors' names are those of the weights that come
with BasicVSR and its descendants, alone or inside such a model (`spynet.*`); the code is our own.
A level takes the flow of the next smaller one at twice its size, moves the second frame back along
it and adds what its network finds to be missing. Convolutions run in the precision of the weights;
coordinates, flow and sums are fp32 in any.
"""

from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...errors import ModelError
from ...models.tensors import fill, read_tensors
from ...runtime.network import Network
from ..network import flow_network, no_warm_start

LEVELS = 6
STRIDE = 2 ** (LEVELS - 1)  # so that every level is exactly half the one below
LEAST = 2 * STRIDE
LARGEST = 2048
_CHANNELS = (8, 32, 64, 32, 16, 2)  # in: first frame, moved second frame, flow; out: flow
_PREFIX = "spynet."

# Mean and standard deviation of ImageNet's pictures, as in the weights of BasicVSR.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class SPyNet(nn.Module):
    """images [F,3,H,W] RGB in 0..1, sides multiples of 32 -> {"flow": [F-1,2,H,W] x, y in pixels}.

    Row i is the motion from frame i to frame i + 1.

    both: give "backward", too: row i is the motion from frame i + 1 to frame i
    """

    mean: Tensor
    std: Tensor

    def __init__(self, *, both: bool = False):
        super().__init__()
        self.basic_module = nn.ModuleList([_Level() for _ in range(LEVELS)])
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1))
        self.both = both

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        pyramid = [(images - self.mean) / self.std]
        for _ in range(LEVELS - 1):
            pyramid.append(F.avg_pool2d(pyramid[-1], 2))
        flow: Tensor | None = None
        for frames, level in zip(reversed(pyramid), self.basic_module, strict=True):
            one, two = self._pairs(frames)
            start = torch.zeros_like(one[:, :2]).float() if flow is None else _doubled(flow)
            moved = _moved(two, start).to(one.dtype)
            flow = start + level(torch.cat([one, moved, start.to(one.dtype)], 1)).float()
        assert flow is not None
        if not self.both:
            return {"flow": flow}
        forward, backward = flow.unflatten(0, (2, -1))
        return {"flow": forward, "backward": backward}

    def _pairs(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """First and second frames; those of the way back follow."""
        one, two = frames[:-1], frames[1:]
        return (torch.cat([one, two]), torch.cat([two, one])) if self.both else (one, two)


class _Level(nn.Module):
    """[B,8,h,w] -> [B,2,h,w] px: what the flow of the smaller level lacks."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inner, outer in pairwise(_CHANNELS):
            layers += [nn.Conv2d(inner, outer, 7, padding=3), nn.ReLU(inplace=True)]
        self.basic_module = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.basic_module(x)
        return found


def _doubled(flow: Tensor) -> Tensor:
    """A level's flow for the next larger one, corner on corner, as the weights were trained."""
    return F.interpolate(flow, scale_factor=2.0, mode="bilinear", align_corners=True) * 2


def _moved(frames: Tensor, flow: Tensor) -> Tensor:
    """[B,3,h,w] looked up at where the flow [B,2,h,w] leads, in fp32; beyond the edge the edge."""
    _, _, height, width = frames.shape
    x = torch.arange(width, device=flow.device, dtype=torch.float32) + flow[:, 0]
    y = torch.arange(height, device=flow.device, dtype=torch.float32)[:, None] + flow[:, 1]
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1)
    return F.grid_sample(frames.float(), grid, padding_mode="border", align_corners=False)


def load(path: Path, *, both: bool = False) -> SPyNet:
    """The network with the weights of a .pth or .safetensors file, of SPyNet alone or of a model
    that holds it as `spynet`.

    Raises `ModelError` for a file that cannot be read and for weights of another network.
    """
    module = SPyNet(both=both)
    expected = module.state_dict()
    found = _own_tensors(read_tensors(path))
    # Files of SPyNet alone often lack what the colours are normalised by.
    found = {name: expected[name] for name in ("mean", "std")} | found
    fill(module, found, path, "SPyNet")
    return module.eval()


def _own_tensors(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those of SPyNet, where it is part of a larger model; all where it is not."""
    inside = {
        name.removeprefix(_PREFIX): value
        for name, value in state.items()
        if name.startswith(_PREFIX)
    }
    return inside or dict(state)


def network(*, updates: int = 0, both: bool = False, warm: bool = False) -> Network:
    """How SPyNet is run; `both` is fixed when it is built.

    Raises `ModelError` for a number of updates, as each of its levels runs once, and for a warm
    start.
    """
    no_warm_start("SPyNet", warm)
    if updates:
        raise ModelError(f"updates: expected 0, as SPyNet has none, found {updates}")
    return flow_network(
        f"spynet{'-both' if both else ''}",
        partial(load, both=both),
        both=both,
        stride=STRIDE,
        sizes=(LEAST, LARGEST),
    )
