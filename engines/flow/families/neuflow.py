"""NeuFlow v2: dense optical flow by one global match and a few cheap refinements.

Zhang, Gupta, Jiang and Singh, IROS 2025, arXiv:2408.10161. Layers carry the names of the tensors in
the authors' weights (Apache-2.0); the code is our own. It takes a whole clip and encodes each frame
once. At 1/16 of the size the two frames of a pair attend to each other, each cell moves to the
expected value of its matches, and the flow is refined once; at 1/8 it is refined eight times.
Convolutions run in the precision of the weights; coordinates, flow and accumulations are always
fp32.
"""

from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ...models.tensors import fill, read_tensors
from ...runtime.network import Network
from ..family import FlowFamily, with_options
from ..network import flow_network, no_warm_start, updates_of
from ..raft.layers import convex_upsample

STRIDE = 16
LEAST = 64  # four cells a side at 1/16
LARGEST = 1280  # the correlation of all pairs of cells grows with its fourth power
UPDATES = 8  # at 1/8 of the size
_RADIUS = 4
_SIDE = 2 * _RADIUS + 1
_CONTEXT, _FEATURES, _HIDDEN = 64, 128, 64
_COARSE = 1  # updates at 1/16 of the size


class NeuFlow(nn.Module):
    """images [F,3,H,W] RGB in 0..1, sides multiples of 16 -> {"flow": [F-1,2,H,W] x, y in pixels}.

    Row i is the motion from frame i to frame i + 1.

    updates: how often the flow is refined at 1/8 of the size
    both:    return "backward", too: row i is the motion from frame i + 1 to frame i
    """

    def __init__(self, *, updates: int = UPDATES, both: bool = False):
        super().__init__()
        self.backbone = _Backbone()
        self.cross_attn_s16 = _Exchange(_CONTEXT + _FEATURES, layers=2)
        self.merge_s8 = _merge(_FEATURES)
        self.context_merge_s8 = _merge(_CONTEXT)
        self.refine_s16 = _Update(width=128)
        self.refine_s8 = _Update(width=96)
        self.conv_s8 = _Block(3, _FEATURES, kernel=8, stride=8, padding=0)
        self.upsample_s8 = _Weights()
        self.updates = updates
        self.both = both

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        fine, coarse = self.backbone(images)  # [F,192,h,w], [F,192,h/2,w/2]
        context, features = _split(self.cross_attn_s16(_pairs(coarse)))
        context = (context if self.both else _halves(context)[0]).relu()
        volume = self._volume(features)
        flow = volume.match()
        flow = self._corrected(self.refine_s16, volume, context, flow, _COARSE)

        fine_context, fine_features = _split(fine)
        fine_context = self._sources(fine_context).relu()
        context = self.context_merge_s8(torch.cat([fine_context, _doubled(context, fine)], 1))
        features = torch.cat([_pairs(fine_features), _doubled(features, fine)], 1)
        volume = self._volume(self.merge_s8(features))
        flow = _doubled(flow, fine) * 2
        flow = self._corrected(self.refine_s8, volume, context, flow, self.updates)

        shown = self._sources(self.conv_s8(images))
        up = convex_upsample(flow, self.upsample_s8(shown, flow.to(shown.dtype)).float())
        if not self.both:
            return {"flow": up}
        forward, backward = _halves(up)
        return {"flow": forward, "backward": backward}

    def _sources(self, frames: Tensor) -> Tensor:
        """Return the frames of [F,...] in which a flow starts, pair by pair."""
        return _pairs(frames) if self.both else frames[:-1]

    def _volume(self, features: Tensor) -> "_Volume":
        """Return the correlation of the first and second frames' features [2P,C,h,w]."""
        one, two = _halves(features)
        return _Volume(features, torch.cat([two, one])) if self.both else _Volume(one, two)

    @staticmethod
    def _corrected(
        update: "_Update", volume: "_Volume", context: Tensor, flow: Tensor, times: int
    ) -> Tensor:
        hidden, fixed = torch.zeros_like(context), update.fixed(context)
        for _ in range(times):
            found = volume.round(flow).to(context.dtype)
            hidden, delta = update(found, hidden, flow.to(context.dtype), fixed)
            flow = flow + delta.float()
        return flow

    def fold(self) -> None:
        """Fold every batch norm that follows a convolution into the convolution's weights."""
        for block in self.modules():
            if isinstance(block, _Block):
                block.conv1 = _folded(block.conv1, block.norm1)
                block.conv2 = _folded(block.conv2, block.norm2)
                block.norm1, block.norm2 = nn.Identity(), nn.Identity()
        for merge in (self.merge_s8, self.context_merge_s8):
            merge[2], merge[3] = _folded(merge[2], merge[3]), nn.Identity()


class _Block(nn.Module):
    """Two convolutions; the second keeps the size."""

    conv1: nn.Conv2d
    conv2: nn.Conv2d
    norm1: nn.Module
    norm2: nn.Module

    def __init__(self, inner: int, outer: int, kernel: int, stride: int, padding: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inner, outer, kernel, stride, padding, bias=False)
        self.conv2 = nn.Conv2d(outer, outer, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outer)
        self.norm2 = nn.BatchNorm2d(outer)

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.norm1(self.conv1(x)), 0.1)
        return F.leaky_relu(self.norm2(self.conv2(x)), 0.1)


class _Backbone(nn.Module):
    """images [F,3,H,W] -> context and features [F,192,H/8,W/8] and [F,192,H/16,W/16].

    The last two channels of the second are y and x of the cell, in cells from the centre.
    """

    def __init__(self) -> None:
        super().__init__()
        whole = _CONTEXT + _FEATURES
        self.block_8_1 = _Block(3, 2 * _FEATURES, kernel=8, stride=4, padding=2)
        self.block_8_2 = _Block(3, _FEATURES, kernel=6, stride=2, padding=2)
        self.block_cat_8 = _Block(3 * _FEATURES, whole, kernel=3, stride=1, padding=1)
        self.block_16_1 = _Block(3, _FEATURES, kernel=6, stride=2, padding=2)
        self.block_8_16 = _Block(whole, _FEATURES, kernel=6, stride=2, padding=2)
        self.block_cat_16 = _Block(2 * _FEATURES, whole - 2, kernel=3, stride=1, padding=1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        half = F.avg_pool2d(images, 2)
        quarter = F.avg_pool2d(half, 2)
        eighth = F.avg_pool2d(quarter, 2)
        fine = torch.cat([self.block_8_1(half), self.block_8_2(quarter)], 1)
        fine = self.block_cat_8(fine)
        coarse = torch.cat([self.block_16_1(eighth), self.block_8_16(fine)], 1)
        coarse = self.block_cat_16(coarse)
        x, y = _grid(coarse).unbind(1)
        place = torch.stack([y - coarse.shape[2] / 2, x - coarse.shape[3] / 2], 1)
        place = place.to(coarse.dtype).expand(coarse.shape[0], -1, -1, -1)
        return fine, torch.cat([coarse, place], 1)


class _Exchange(nn.Module):
    """Cross-attention between the frames of each pair: [2P,C,h,w], as of `_pairs` -> the same."""

    def __init__(self, channels: int, layers: int):
        super().__init__()
        self.layers = nn.ModuleList([_CrossAttention(channels) for _ in range(layers)])
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, frames: Tensor) -> Tensor:
        cells = frames.flatten(2).transpose(1, 2).unflatten(0, (2, -1))  # [2,P,hw,C]
        for layer in self.layers:
            cells = layer(cells, cells.flip(0))
        frames = cells.flatten(0, 1).transpose(1, 2).reshape(frames.shape)
        exchanged: Tensor = self.norm(frames)
        return exchanged


class _CrossAttention(nn.Module):
    """One transformer layer with one head: [...,L,C] and the cells attended to -> [...,L,C]."""

    def __init__(self, channels: int):
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.merge = (
            nn.Linear(channels, channels) for _ in range(4)
        )
        self.norm1 = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(
            nn.Linear(2 * channels, 2 * channels, bias=False),
            nn.GELU(),
            nn.Linear(2 * channels, channels, bias=False),
        )
        self.norm2 = nn.LayerNorm(channels)

    def forward(self, cells: Tensor, others: Tensor) -> Tensor:
        seen = F.scaled_dot_product_attention(
            self.q_proj(cells), self.k_proj(others), self.v_proj(others)
        )
        message = self.norm1(self.merge(seen))
        message = self.mlp(torch.cat([cells, message], -1))
        changed: Tensor = cells + self.norm2(message)
        return changed


class _Update(nn.Module):
    """Correlation around the flow, context, hidden state and flow -> hidden state, correction."""

    def __init__(self, width: int):
        super().__init__()
        state = _CONTEXT + _HIDDEN
        self.conv1 = _Convolution(_SIDE**2 + state + 2 + 1, state)
        self.conv2 = _Convolution(state, width)
        self.conv_layers = nn.ModuleList([_Convolution(width, width) for _ in range(5)])
        self.conv3 = nn.Conv2d(width, 2 + _HIDDEN, 3, padding=1)

    def fixed(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """Return the first layer's output for the context, and its weights for the other inputs."""
        sizes = [_SIDE**2, _CONTEXT, _HIDDEN + 2, 1]  # the last: the radius, a constant
        near, constant, moving, radius = self.conv1.conv.weight.split(sizes, 1)
        weight = torch.cat([constant, radius * _RADIUS], 1)
        inputs = torch.cat([context, torch.ones_like(context[:, :1])], 1)
        return F.conv2d(inputs, weight, padding=1), torch.cat([near, moving], 1)

    def forward(
        self, found: Tensor, hidden: Tensor, flow: Tensor, fixed: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        known, weight = fixed
        x = F.conv2d(torch.cat([found, hidden, flow], 1), weight, padding=1) + known
        x = self.conv2(F.leaky_relu(x, 0.1))
        for layer in self.conv_layers:
            x = layer(x)
        delta, hidden = self.conv3(x).split([2, _HIDDEN], 1)
        return hidden.clamp(-4, 4), delta


class _Convolution(nn.Module):
    def __init__(self, inner: int, outer: int):
        super().__init__()
        self.conv = nn.Conv2d(inner, outer, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.conv(x), 0.1)


class _Weights(nn.Module):
    """Features [B,128,h,w] and flow [B,2,h,w] -> weights of the upsampling [B,9*64,h,w]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2 + _FEATURES, 256, 3, padding=1)
        self.conv2 = nn.Conv2d(256, 512, 3, padding=1)
        self.conv3 = nn.Conv2d(512, 9 * 64, 1)

    def forward(self, features: Tensor, flow: Tensor) -> Tensor:
        x = self.conv1(torch.cat([flow, features], 1)).relu()
        weights: Tensor = self.conv3(self.conv2(x).relu())
        return weights


class _Volume:
    """Dot products of all pairs of cells of two feature maps [B,C,h,w], and look-ups in them."""

    def __init__(self, one: Tensor, two: Tensor):
        # Scaled before the product, whose sum would overflow in fp16.
        one = one * one.shape[1] ** -0.5
        self.rows = torch.bmm(one.flatten(2).transpose(1, 2), two.flatten(2))  # [B,hw,hw]
        self.grid = _grid(one)
        # Made on the device: a copy from the host could not be captured in a CUDA graph.
        self.steps = torch.arange(-_RADIUS, _RADIUS + 2, dtype=torch.float32, device=one.device)

    def match(self) -> Tensor:
        """Return the flow [P,2,h,w] from every cell to the expected value of its matches.

        Sums over rows and columns replace a matrix product, which may run in TF32.
        """
        _, _, height, width = self.grid.shape
        shares = self.rows.float().softmax(-1).unflatten(-1, (height, width))  # [P,hw,h,w]
        x = (shares.sum(-2) * self.grid[0, 0, 0]).sum(-1)
        y = (shares.sum(-1) * self.grid[0, 1, :, 0]).sum(-1)
        cells: Tensor = torch.stack([x, y], 1).unflatten(-1, (height, width))
        return cells - self.grid

    def round(self, flow: Tensor) -> Tensor:
        """Return the correlation around the targets of `flow` [P,2,h,w]: [P,81,h,w].

        Bilinear between cells, zero outside; x is the slower of the two offsets. All points around
        a centre have the same fraction, so a patch one cell larger is gathered and blended with
        four weights.
        """
        height, width = flow.shape[2:]
        centres = (self.grid + flow).permute(0, 2, 3, 1).flatten(1, 2)  # [P,hw,2]
        wide = torch.full_like(centres[..., :1], width)
        high = torch.full_like(wide, height)
        # Beyond this everything is zero; a distant centre must not overflow the index.
        size = torch.cat([wide, high], -1)
        centres = torch.minimum(centres, size + _SIDE).clamp(min=-_SIDE - 1)
        corner = centres.floor()
        fraction = centres - corner
        x, y = (corner[..., i, None] + self.steps for i in range(2))  # [P,hw,10]
        near_x, near_y = (
            torch.minimum(v, most - 1).clamp(min=0) for v, most in ((x, wide), (y, high))
        )
        inside = (near_x == x)[..., :, None] & (near_y == y)[..., None, :]
        # Whole numbers below 2^24: exact in fp32.
        index = near_y[..., None, :] * wide[..., None] + near_x[..., :, None]  # [P,hw,x,y]
        patch = self.rows.gather(2, index.flatten(2).long()).float().view_as(index) * inside
        fx, fy = (fraction[..., i, None, None] for i in range(2))
        across = torch.lerp(patch[..., :-1, :], patch[..., 1:, :], fx)
        blended = torch.lerp(across[..., :-1], across[..., 1:], fy)
        found: Tensor = blended.flatten(2).transpose(1, 2).unflatten(2, (height, width))
        return found


def _merge(channels: int) -> nn.Sequential:
    """Return the layers that merge features of 1/8 and 1/16 of the size."""
    return nn.Sequential(
        nn.Conv2d(2 * channels, channels, 3, padding=1, bias=False),
        nn.GELU(),
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
    )


def _folded(conv: nn.Module, norm: nn.Module) -> nn.Conv2d:
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    return fuse_conv_bn_eval(conv, norm)


def _pairs(frames: Tensor) -> Tensor:
    """Return the first frames of all pairs of [F,...], then the second ones: [2P,...]."""
    return torch.cat([frames[:-1], frames[1:]])


def _halves(x: Tensor) -> list[Tensor]:
    """Return both halves [P,...] of [2P,...]."""
    return list(x.unflatten(0, (2, x.shape[0] // 2)).unbind())


def _split(x: Tensor) -> list[Tensor]:
    """Return context and features."""
    return list(x.split([_CONTEXT, _FEATURES], 1))


def _doubled(x: Tensor, like: Tensor) -> Tensor:
    """Return `x` at twice the size, which is that of `like`, each cell repeated four times."""
    return F.interpolate(x, like.shape[2:], mode="nearest")


def _grid(like: Tensor) -> Tensor:
    """Return [1,2,h,w] x, y of every cell of `like` [...,h,w]."""
    height, width = like.shape[-2:]
    y, x = (torch.arange(n, device=like.device, dtype=torch.float32) for n in (height, width))
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)])[None]


def load(path: Path, *, updates: int = UPDATES, both: bool = False) -> NeuFlow:
    """Return the network with the authors' weights, from their .safetensors or .pth file.

    Raises `ModelError` for a file that cannot be read and for weights of another network.
    """
    module = NeuFlow(updates=updates, both=both)
    fill(module, read_tensors(path), path, "NeuFlow v2")
    module.eval().fold()
    return module


def network(*, updates: int = 0, both: bool = False, warm: bool = False) -> Network:
    """Return how NeuFlow v2 is run.

    updates: how often the flow is refined at 1/8 of the size; 0 = 8
    both:    whether it returns the backward flow, too

    Raises `ModelError` for a number of updates out of range and for a warm start.
    """
    no_warm_start("NeuFlow v2", warm)
    updates = updates_of(updates, UPDATES)
    return flow_network(
        f"neuflow_v2-{updates}{'-both' if both else ''}",
        partial(load, updates=updates, both=both),
        both=both,
        stride=STRIDE,
        sizes=(LEAST, LARGEST),
        gpu_bytes=partial(_volume_bytes, ways=1 + both),
    )


def _volume_bytes(height: int, width: int, number: int, *, ways: int) -> int:
    """Return the bytes of a pair's correlation at 1/8 of its size, at `number` bytes per value."""
    return ways * number * (height // 8 * (width // 8)) ** 2


FAMILY = FlowFamily(
    name="neuflow_v2",
    network=with_options(network),
    suffixes=(".pth", ".safetensors"),
    recommended_size=768,
    order=120,
)
