"""RAFT: dense optical flow by repeated look-ups in the correlation of all pairs of pixels.

Teed and Deng, ECCV 2020, arXiv:2003.12039. Layers and weights are torchvision's (raft_small and
raft_large, BSD-3); the forward pass is our own: a clip goes in at once and each frame is encoded
once, only the last update is brought to full size, and the look-up gathers whole neighbourhoods
instead of sampling a grid, so that it can be exported, compiled and captured in a CUDA graph.
Convolutions run in the precision of the weights; coordinates, flow and sums are fp32 in any.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from ..runtime.network import Network

STRIDE = 8
LEAST = 128  # the coarsest of the four levels of correlation must have two cells a side
UPDATES = 12
_LEVELS = 4


class RAFT(nn.Module):
    """images [F,3,H,W] RGB in 0..1, sides multiples of 8 -> {"flow": [F-1,2,H,W] x, y in pixels}.

    Row i is the motion from frame i to frame i + 1.
    """

    def __init__(self, *, large: bool, updates: int = UPDATES):
        super().__init__()
        from torchvision.models.optical_flow import raft_large, raft_small

        self.raft = (raft_large if large else raft_small)(weights=None)
        self.radius = 4 if large else 3
        self.updates = updates

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        raft: Any = self.raft
        scaled = images * 2 - 1  # what the weights were trained on
        features = raft.feature_encoder(scaled)
        one, two = features[:-1], features[1:]
        context = raft.context_encoder(scaled[:-1])
        hidden_size = raft.update_block.hidden_state_size
        hidden, context = context[:, :hidden_size].tanh(), context[:, hidden_size:].relu()
        correlations = _Correlations(one, two, self.radius)
        grid = _grid(one)
        flow = torch.zeros_like(one[:, :2], dtype=torch.float32)
        for _ in range(self.updates):
            found = correlations.round(grid + flow).to(one.dtype)
            hidden, delta = raft.update_block(hidden, context, found, flow.to(one.dtype))
            flow = flow + delta.float()
        if raft.mask_predictor is None:
            up = F.interpolate(flow, scale_factor=8.0, mode="bilinear", align_corners=True) * 8
        else:
            up = _convex_upsample(flow, raft.mask_predictor(hidden).float())
        return {"flow": up}


class _Correlations:
    """Dot products of all cells of two feature maps [B,C,h,w], and look-ups among them.

    The second map is pooled to 1, 1/2, 1/4 and 1/8 of its size. All levels lie in one tensor, one
    row for each cell of the first map, so that a look-up is one gather.
    """

    def __init__(self, one: Tensor, two: Tensor, radius: int):
        _, channels, height, width = one.shape
        volume = one.flatten(2).transpose(1, 2) @ two.flatten(2)  # [B,hw,hw]
        level = (volume.float() / channels**0.5).reshape(-1, 1, height, width)
        levels = [level]
        for _ in range(_LEVELS - 1):
            level = F.avg_pool2d(level, 2)
            levels.append(level)
        self.rows = torch.cat([level.flatten(1) for level in levels], 1)  # [Bhw,L]
        # Numbers made on the device: a copy from the host could not be captured.
        count = partial(torch.arange, dtype=torch.float32, device=one.device)
        self.scale = torch.exp2(count(_LEVELS))[:, None]  # [4,1]
        whole = torch.stack([torch.full_like(self.scale, n) for n in (width, height)], -1)
        self.size = (whole[:, 0] / self.scale).floor()  # [4,2] x, y
        cells = self.size.prod(1)
        self.start = (cells.cumsum(0) - cells)[:, None, None]
        self.steps = count(-radius, radius + 2)
        self.side = 2 * radius + 1

    def round(self, centres: Tensor) -> Tensor:
        """The neighbourhoods of `centres` [B,2,h,w] at every level: [B,4*side^2,h,w].

        Bilinear between cells, zero outside; x is the slower of the two offsets, as in
        torchvision. All points round a centre have the same fraction, so a patch one cell larger
        is gathered and blended with four weights.
        """
        pairs, _, height, width = centres.shape
        at = centres.permute(0, 2, 3, 1).reshape(-1, 1, 2) / self.scale  # [Bhw,4,2]
        # Further out all is zero; a far centre must not overflow the index.
        at = torch.minimum(at, self.size + self.side).clamp(min=-self.side - 1)
        corner = at.floor()
        fraction = at - corner
        x, y = (corner[..., i, None] + self.steps for i in range(2))  # [Bhw,4,side+1]
        wide, high = self.size[:, 0, None], self.size[:, 1, None]
        near_x, near_y = (
            torch.minimum(v, most - 1).clamp(min=0) for v, most in ((x, wide), (y, high))
        )
        inside = (near_x == x)[..., :, None] & (near_y == y)[..., None, :]
        # Whole numbers below 2^24: exact in fp32.
        index = (
            self.start + near_y[..., None, :] * wide[..., None] + near_x[..., :, None]
        )  # [Bhw,4,x,y]
        patch = self.rows.gather(1, index.long().flatten(1)).view_as(index) * inside
        fx, fy = (fraction[..., i, None, None] for i in range(2))
        across = torch.lerp(patch[..., :-1, :], patch[..., 1:, :], fx)
        blended = torch.lerp(across[..., :-1], across[..., 1:], fy)
        return blended.reshape(pairs, height, width, -1).permute(0, 3, 1, 2)


def _grid(features: Tensor) -> Tensor:
    """[B,2,h,w] x, y of every cell."""
    pairs, _, height, width = features.shape
    y, x = (torch.arange(n, device=features.device, dtype=torch.float32) for n in (height, width))
    shape = (pairs, height, width)
    return torch.stack([x.expand(shape), y[:, None].expand(shape)], 1)


def _convex_upsample(flow: Tensor, weights: Tensor) -> Tensor:
    """Eight times the size: every pixel a mean of its cell and the eight round it, with weights
    [B,9*64,h,w] that the network gives (section 3.3 of the paper)."""
    pairs, _, height, width = flow.shape
    shares = weights.view(pairs, 1, 9, 8, 8, height, width).softmax(2)
    padded = F.pad(flow * 8, (1, 1, 1, 1))
    round_it = torch.stack(
        [padded[:, :, y : y + height, x : x + width] for y in range(3) for x in range(3)], 2
    )  # [B,2,9,h,w]
    up = (shares * round_it[:, :, :, None, None]).sum(2)  # [B,2,8,8,h,w]
    return up.permute(0, 1, 4, 2, 5, 3).reshape(pairs, 2, height * 8, width * 8)


def load(path: Path, *, large: bool, updates: int = UPDATES) -> RAFT:
    """The network with torchvision's weights, from its .pth file or the same as safetensors."""
    state: Mapping[str, Tensor]
    if path.suffix == ".safetensors":
        state = load_file(path)
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)
    module = RAFT(large=large, updates=updates)
    module.raft.load_state_dict(state)
    return module.eval()


def _network(name: str, large: bool) -> Network:
    return Network(
        name=name,
        load=partial(load, large=large),
        outputs={"flow": 2},
        stride=STRIDE,
        sizes=(LEAST, 1024),
        max_people=0,
        pixel_bytes=4 * 64,
        min_batch=2,
        min_side=LEAST,
    )


SMALL = _network("raft_small", large=False)
LARGE = _network("raft_large", large=True)
