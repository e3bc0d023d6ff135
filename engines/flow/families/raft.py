"""RAFT: dense optical flow by iterative look-ups in the correlation of all pairs of pixels.

Teed and Deng, ECCV 2020, arXiv:2003.12039. Layers and weights are torchvision's (raft_small and
raft_large, BSD-3); the forward pass is our own. It takes a whole clip and encodes each frame once,
for both directions, too; what all updates share is computed once, and only the last update is
upsampled. It can be exported, compiled and captured in a CUDA graph. Convolutions run in the
precision of the weights; coordinates, flow and accumulations are always fp32.
"""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...models.tensors import fill, read_tensors
from ...runtime.network import Network
from ...runtime.probe import smooth_noise
from ...runtime.tensor_spec import BATCH, HEIGHT, WIDTH, TensorSpec
from ..family import FlowFamily, Reference, with_options
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
    updates: how often the flow is refined
    both:    return "backward", too: row i is the motion from frame i + 1 to frame i
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
        """Return the flow of each pair of neighbouring frames.

        start: [F-1,2,H/8,W/8] flow to start from, in pixels of that size; None = zero. With `both`,
               that of the backward flow follows in rows F-1 to 2F-3
        """
        features, contexts = self.encoders(images)
        one, two, context = features[:-1], features[1:], contexts[:-1]
        if self.both:  # the backward volume is the transposed one
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
        """Return the result of `_updated`, for all pairs at once or, where their correlation volume
        is too large, for a few at a time."""
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
        """Return the flow [B,2,h,w] fp32 and the hidden state after all updates."""
        hidden, fixed = self.update.begun(context)
        grid = _grid(context)
        flow = torch.zeros_like(grid) if start is None else start.float()
        for _ in range(self.updates):
            hidden, delta = self.update(volume, hidden, fixed, grid + flow, flow)
            flow = flow + delta
        return flow, hidden


def _grid(features: Tensor) -> Tensor:
    """Return [B,2,h,w] x, y of every cell."""
    pairs, _, height, width = features.shape
    y, x = (torch.arange(n, device=features.device, dtype=torch.float32) for n in (height, width))
    shape = (pairs, height, width)
    return torch.stack([x.expand(shape), y[:, None].expand(shape)], 1)


def torchvisions(*, large: bool) -> nn.Module:
    """Return torchvision's own network with random weights."""
    from torchvision.models.optical_flow import raft_large, raft_small

    module: nn.Module = (raft_large if large else raft_small)(weights=None)
    return module


def with_weights(path: Path, *, large: bool) -> nn.Module:
    """Return torchvision's own network with weights from a .pth or .safetensors file.

    Raises `ModelError` for a file that cannot be read and for weights of another network.
    """
    source = torchvisions(large=large)
    fill(source, read_tensors(path), path, f"torchvision's raft_{'large' if large else 'small'}")
    return source


def load(path: Path, *, large: bool, updates: int = UPDATES, both: bool = False) -> RAFT:
    """Return the network with torchvision's weights. Raises as `with_weights` does."""
    return RAFT(with_weights(path, large=large), updates=updates, both=both).eval()


def network(*, large: bool, updates: int = 0, both: bool = False, warm: bool = False) -> Network:
    """Return how RAFT is run.

    updates: how often the flow is refined; 0 = 12
    both:    whether it returns the backward flow, too
    warm:    whether it takes a flow to start from

    Raises `ModelError` for a number of updates out of range.
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
        optional=(_start(1 + both),) if warm else (),
        left_out={"torch_compiled": "torch_cudagraph is no slower here and has nothing to build"},
    )


def _start(ways: int) -> TensorSpec:
    """Return the input of a flow to start from, in pixels of its size; zero by default."""
    return TensorSpec(
        "start",
        "float32",
        ((BATCH - 1) * ways, 2, HEIGHT // STRIDE, WIDTH // STRIDE),
        default=0.0,
        example=lambda shape: 4 * smooth_noise(shape) - 2,
        hint="keep size, direction and engine from chunk to chunk, or reset the state",
    )


def _run_torchvisions(module: nn.Module, frames: Tensor, updates: int) -> object:
    """Run torchvision's network on the F - 1 pairs of frames [F,3,H,W] in 0..1."""
    scaled = frames * 2 - 1
    return module(scaled[:-1], scaled[1:], num_flow_updates=updates)


def _reference(*, large: bool, encode: float, update: float, correlate: float) -> Reference:
    return Reference(
        make=partial(torchvisions, large=large),
        call=_run_torchvisions,
        updates=UPDATES,
        encode=encode,
        update=update,
        correlate=correlate,
    )


FAMILIES = (
    FlowFamily(
        name="raft_small",
        network=with_options(network, large=False),
        suffixes=(".pth", ".safetensors"),
        recommended_size=640,
        order=110,
        reference=_reference(large=False, encode=2 * 0.82 + 0.83, update=3.59, correlate=2.15),
    ),
    FlowFamily(
        name="raft_large",
        network=with_options(network, large=True),
        suffixes=(".pth", ".safetensors"),
        recommended_size=640,
        order=110,
        reference=_reference(large=True, encode=3 * 17.8, update=12.8, correlate=4.29),
    ),
)
