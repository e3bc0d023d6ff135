"""SPyNet: dense optical flow by small networks, one per level of an image pyramid.

Ranjan and Black, CVPR 2017, arXiv:1611.00850. The tensors' names are those of the weights that come
with BasicVSR and its descendants, alone or inside such a model (`spynet.*`); the code is our own.
Each level upsamples the flow of the next coarser one, warps the second frame along it and adds the
residual that its network estimates. Convolutions run in the precision of the weights; coordinates,
flow and accumulations are always fp32.
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
from ..family import FlowFamily, with_options
from ..network import flow_network, no_warm_start

LEVELS = 6
STRIDE = 2 ** (LEVELS - 1)  # so that every level is exactly half the one below
LEAST = 2 * STRIDE
LARGEST = 2048
_CHANNELS = (8, 32, 64, 32, 16, 2)  # in: first frame, warped second frame, flow; out: flow
_PREFIX = "spynet."

# Mean and standard deviation of ImageNet, as in the weights of BasicVSR.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class SPyNet(nn.Module):
    """images [F,3,H,W] RGB in 0..1, sides multiples of 32 -> {"flow": [F-1,2,H,W] x, y in pixels}.

    Row i is the motion from frame i to frame i + 1.

    both: return "backward", too: row i is the motion from frame i + 1 to frame i
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
            moved = _warped(two, start).to(one.dtype)
            flow = start + level(torch.cat([one, moved, start.to(one.dtype)], 1)).float()
        assert flow is not None
        if not self.both:
            return {"flow": flow}
        forward, backward = flow.unflatten(0, (2, -1))
        return {"flow": forward, "backward": backward}

    def _pairs(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return first and second frames; those of the backward flow follow."""
        one, two = frames[:-1], frames[1:]
        return (torch.cat([one, two]), torch.cat([two, one])) if self.both else (one, two)


class _Level(nn.Module):
    """[B,8,h,w] -> [B,2,h,w] px: the residual of the coarser level's flow."""

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
    """Return a level's flow for the next finer one, corners aligned as in training."""
    return F.interpolate(flow, scale_factor=2.0, mode="bilinear", align_corners=True) * 2


def _warped(frames: Tensor, flow: Tensor) -> Tensor:
    """Return frames [B,3,h,w] sampled at the targets of the flow [B,2,h,w], in fp32.

    Beyond the edge, the edge pixels are repeated.
    """
    _, _, height, width = frames.shape
    x = torch.arange(width, device=flow.device, dtype=torch.float32) + flow[:, 0]
    y = torch.arange(height, device=flow.device, dtype=torch.float32)[:, None] + flow[:, 1]
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1)
    return F.grid_sample(frames.float(), grid, padding_mode="border", align_corners=False)


def load(path: Path, *, both: bool = False) -> SPyNet:
    """Return the network with the weights of a .pth or .safetensors file.

    The file may be that of SPyNet alone or of a model that contains it as `spynet`.

    Raises `ModelError` for a file that cannot be read and for weights of another network.
    """
    module = SPyNet(both=both)
    expected = module.state_dict()
    found = _own_tensors(read_tensors(path))
    # Files of SPyNet alone often lack mean and standard deviation.
    found = {name: expected[name] for name in ("mean", "std")} | found
    fill(module, found, path, "SPyNet")
    return module.eval()


def _own_tensors(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of SPyNet inside a larger model, or all of them if there are none."""
    inside = {
        name.removeprefix(_PREFIX): value
        for name, value in state.items()
        if name.startswith(_PREFIX)
    }
    return inside or dict(state)


def network(*, updates: int = 0, both: bool = False, warm: bool = False) -> Network:
    """Return how SPyNet is run.

    both: whether it returns the backward flow, too

    Raises `ModelError` for a number of updates, as each level runs once, and for a warm start.
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


FAMILY = FlowFamily(
    name="spynet",
    network=with_options(network),
    suffixes=(".pth", ".safetensors"),
    recommended_size=384,
    order=130,
)
