"""RAFT: dense optical flow by repeated look-ups in the correlation of all pairs of pixels.

Teed and Deng, ECCV 2020, arXiv:2003.12039. Layers and weights are torchvision's (raft_small and
raft_large, BSD-3); the forward pass is our own: a clip goes in at once and each frame is encoded
once, also for both directions; what stays the same in every update is computed once; only the last
update is brought to full size. It can be exported, compiled and captured in a CUDA graph.
Convolutions run in the precision of the weights; coordinates, flow and sums are fp32 in any.
"""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...models.tensors import fill, read_tensors
from ...runtime.network import Network
from ..network import flow_network, updates_of
from ..raft.correlation import Volume, rows_at_once, volume_bytes
from ..raft.encoder import Encoders
from ..raft.layers import UpdateBlock, bilinear_upsample, convex_upsample

STRIDE = 8
LEAST = 128  # the coarsest of the four levels of correlation must have two cells a side
LARGEST = 2048
UPDATES = 12


class RAFT(nn.Module):
    """images [F,3,H,W] RGB in 0..1, sides multiples of 8 -> {"flow": [F-1,2,H,W] x, y in pixels}.

    Row i is the motion from frame i to frame i + 1.

    source:  torchvision's network with its weights
    updates: how often the flow is improved
    both:    give "backward", too: row i is the motion from frame i + 1 to frame i
    """

    def __init__(self, source: nn.Module, *, updates: int = UPDATES, both: bool = False):
        super().__init__()
        theirs: Any = source
        self.encoders = Encoders(theirs.feature_encoder, theirs.context_encoder)
        self.update = UpdateBlock(theirs.update_block, theirs.corr_block.radius)
        self.weighting: nn.Module | None = theirs.mask_predictor
        self.updates = updates
        self.both = both

    def forward(self, images: Tensor, start: Tensor | None = None) -> dict[str, Tensor]:
        """start: [F-1,2,H/8,W/8] flow to begin with, in pixels of that size; None = none. With
        `both`, that of the backward flow follows in rows F-1 to 2F-3."""
        features, contexts = self.encoders(images)
        one, two, context = features[:-1], features[1:], contexts[:-1]
        if self.both:  # the volume of the way back is the transposed one
            one, two = torch.cat([one, two]), torch.cat([two, one])
            context = torch.cat([context, contexts[1:]])
        flow, hidden = self._in_turn(one, two, context, start)
        if self.weighting is None:
            up = bilinear_upsample(flow)
        else:
            up = convex_upsample(flow, self.weighting(hidden).float())
        pairs = images.shape[0] - 1
        return {"flow": up[:pairs], "backward": up[pairs:]} if self.both else {"flow": up}

    def _in_turn(
        self, one: Tensor, two: Tensor, context: Tensor, start: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """As `_updated`, of the volume of all or, where that is too large, of one after another."""
        rows, step = one.shape[0], rows_at_once(one)
        if step == rows:
            return self._updated(Volume(one, two), context, start)
        found = [
            self._updated(
                Volume(one[row], two[row]), context[row], None if start is None else start[row]
            )
            for row in (slice(i, i + step) for i in range(0, rows, step))
        ]
        flows, states = zip(*found, strict=True)
        return torch.cat(flows), torch.cat(states)

    def _updated(
        self, volume: Volume, context: Tensor, start: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Flow [B,2,h,w] fp32 and the hidden state, after all updates."""
        hidden, fixed = self.update.begun(context)
        grid = _grid(context)
        flow = torch.zeros_like(grid) if start is None else start.float()
        for _ in range(self.updates):
            hidden, delta = self.update(volume, hidden, fixed, grid + flow, flow)
            flow = flow + delta
        return flow, hidden


def _grid(features: Tensor) -> Tensor:
    """[B,2,h,w] x, y of every cell."""
    pairs, _, height, width = features.shape
    y, x = (torch.arange(n, device=features.device, dtype=torch.float32) for n in (height, width))
    shape = (pairs, height, width)
    return torch.stack([x.expand(shape), y[:, None].expand(shape)], 1)


def load(path: Path, *, large: bool, updates: int = UPDATES, both: bool = False) -> RAFT:
    """The network with torchvision's weights, from its .pth file or the same as safetensors.

    Raises `ModelError` for a file of something else.
    """
    from torchvision.models.optical_flow import raft_large, raft_small

    source = (raft_large if large else raft_small)(weights=None)
    fill(source, read_tensors(path), path, f"torchvision's raft_{'large' if large else 'small'}")
    return RAFT(source, updates=updates, both=both).eval()


def network(*, large: bool, updates: int = 0, both: bool = False, warm: bool = False) -> Network:
    """How RAFT is run; `updates` (0 = 12), `both`, and with `warm` whether it is given a flow to
    begin with, are fixed when it is built.

    Raises `ModelError` for a number of updates that makes no sense.
    """
    updates = updates_of(updates, UPDATES)
    name = f"raft_{'large' if large else 'small'}-{updates}{'-both' if both else ''}"
    name += "-warm" if warm else ""
    return flow_network(
        name,
        partial(load, large=large, updates=updates, both=both),
        both=both,
        stride=STRIDE,
        sizes=(LEAST, LARGEST),
        gpu_bytes=partial(volume_bytes, ways=1 + both),
        start=partial(_start, ways=1 + both) if warm else None,
        left_out={"torch_compiled": "torch_cudagraph is no slower here and has nothing to build"},
    )


def _start(images: Tensor, *, ways: int) -> Tensor:
    """No flow to begin with, of the shape that images [F,3,H,W] ask for."""
    frames, _, high, wide = images.shape
    shape = (ways * (frames - 1), 2, high // STRIDE, wide // STRIDE)
    return torch.zeros(shape, dtype=torch.float32, device=images.device)
