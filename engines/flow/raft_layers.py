"""RAFT's layers as they are run: torchvision's, taken apart and put together for speed.

Every layer computes what torchvision's does. Differences are in what is computed once instead of in
every update (all that depends on the context only), and in widths: GPUs multiply matrices several
times as fast where channels are multiples of 8, better of 64.
"""

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from . import kernels
from .correlation import Lookup, Volume


class InstanceNorm(nn.Module):
    """nn.InstanceNorm2d without weights, for channels-last images; sums are fp32."""

    def __init__(self, eps: float):
        super().__init__()
        self.eps = eps

    def forward(self, images: Tensor) -> Tensor:
        exact = images.float()
        variance, mean = torch.var_mean(exact, (2, 3), correction=0, keepdim=True)
        return ((exact - mean) * torch.rsqrt(variance + self.eps)).to(images.dtype)


def prepared_encoder(source: nn.Module) -> nn.Module:
    """A copy of torchvision's encoder with batch norms folded into the convolutions before them."""
    encoder = copy.deepcopy(source).eval()
    for block in encoder.modules():
        if not isinstance(block, nn.Sequential) or len(block) < 2:
            continue
        conv, norm = block[0], block[1]
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            block[0], block[1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
        elif isinstance(norm, nn.InstanceNorm2d):
            block[1] = InstanceNorm(norm.eps)
    return encoder


class UpdateBlock(nn.Module):
    """One improvement of the flow: motion encoder, recurrent block, flow head.

    source: torchvision's; radius: of the look-ups
    """

    def __init__(self, source: Any, radius: int):
        super().__init__()
        motion, recurrent = source.motion_encoder, source.recurrent_block
        first = motion.convcorr1[0]
        self.lookup = Lookup(first.weight, first.bias, radius)
        self.correlation = motion.convcorr2  # the identity in raft_small
        self.flow = nn.Sequential(motion.convflow1, motion.convflow2)
        self.motion: nn.Conv2d = motion.conv[0]
        self.hidden_size = source.hidden_state_size
        moving = motion.out_channels
        second = recurrent.convgru2 if isinstance(recurrent.convgru2, nn.Module) else None
        self.units = nn.ModuleList(
            Unit(unit, self.hidden_size, moving)
            for unit in (recurrent.convgru1, second)
            if unit is not None
        )
        self.head = nn.Sequential(source.flow_head.conv1, nn.ReLU())
        self.delta = _widened(source.flow_head.conv2, outputs=8)

    def begun(self, context: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The hidden state at the start, and what the context adds to every update of each unit."""
        hidden = context[:, : self.hidden_size].tanh()
        context = context[:, self.hidden_size :].relu()
        return hidden, [unit.fixed(context) for unit in self.units]  # type: ignore[operator]

    def forward(
        self,
        volume: Volume,
        hidden: Tensor,
        fixed: list[Tensor],
        centres: Tensor,
        flow: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """The hidden state and the change of the flow [B,2,h,w] fp32."""
        seen = self.correlation(self.lookup(volume, centres))
        seen = torch.cat([seen, self.flow(flow.to(hidden.dtype))], 1)
        moved = F.conv2d(seen, self.motion.weight, padding=1)  # bias and ReLU follow in `joined`
        joined = self.units[0].joined(hidden, moved, self.motion.bias, flow)  # type: ignore[operator]
        for number, (unit, terms) in enumerate(zip(self.units, fixed, strict=True)):
            if number:
                joined = torch.cat([hidden, joined[:, self.hidden_size :]], 1)
            hidden = unit(hidden, joined, terms)
        delta: Tensor = self.delta(self.head(hidden))
        return hidden, delta[:, :2].float()


class Unit(nn.Module):
    """A convolutional GRU whose input is motion features, flow, and a context that never changes.

    source: torchvision's ConvGRU; hidden, moving: channels of the state, and of motion and flow
    """

    def __init__(self, source: Any, hidden: int, moving: int):
        super().__init__()
        # torchvision's order of channels: state, context, motion
        context = source.convz.in_channels - hidden - moving
        kept = [*range(hidden), *range(hidden + context, hidden + context + moving)]
        constant = [*range(hidden, hidden + context)]
        gates, candidate = [source.convz, source.convr], [source.convq]
        self.padding = -(hidden + moving) % 64
        self.gates = _joined(gates, kept, self.padding, bias=False)
        self.candidate = _joined(candidate, kept, self.padding, bias=False)
        self.context = _joined([*gates, *candidate], constant, 0, bias=True)
        self.hidden = hidden
        self.width = hidden + moving + self.padding

    def fixed(self, context: Tensor) -> Tensor:
        """What the context adds to the gates, the first two thirds, and to the candidate."""
        terms: Tensor = self.context(context)
        return terms

    def joined(self, state: Tensor, motion: Tensor, bias: Tensor, flow: Tensor) -> Tensor:
        """State, motion features after bias and ReLU, flow (fp32), and zeros, as one."""
        if kernels.usable(state):
            return kernels.unit_input(state, motion, bias, flow, self.width)
        empty = state.new_zeros(state.shape[0], self.padding, *state.shape[2:])
        motion = (motion + bias[:, None, None]).relu()
        return torch.cat([state, motion, flow.to(state.dtype), empty], 1)

    def forward(self, state: Tensor, joined: Tensor, terms: Tensor) -> Tensor:
        gates = self.gates(joined)
        if kernels.usable(state):
            candidate = self.candidate(kernels.with_reset(joined, gates, terms))
            return kernels.blended(state, gates, candidate, terms)
        size = self.hidden
        gates = torch.sigmoid(gates + terms[:, : 2 * size])
        update, reset = gates[:, :size], gates[:, size:]
        candidate = self.candidate(torch.cat([reset * state, joined[:, size:]], 1))
        return torch.lerp(state, torch.tanh(candidate + terms[:, 2 * size :]), update)


def _joined(sources: list[nn.Conv2d], inputs: list[int], padding: int, *, bias: bool) -> nn.Conv2d:
    """One convolution that gives the outputs of several, of some of their input channels and
    `padding` more that count for nothing."""
    first = sources[0]
    weight = torch.cat([source.weight.detach()[:, inputs] for source in sources])
    joined = nn.Conv2d(
        len(inputs) + padding,
        len(weight),
        first.kernel_size,  # type: ignore[arg-type]
        padding=first.padding,  # type: ignore[arg-type]
        bias=bias,
    )
    joined.weight = nn.Parameter(F.pad(weight, (0, 0, 0, 0, 0, padding)))
    if bias:
        biases = [source.bias.detach() for source in sources if source.bias is not None]
        joined.bias = nn.Parameter(torch.cat(biases))
    return joined


def _widened(source: nn.Conv2d, outputs: int) -> nn.Conv2d:
    """The convolution with more output channels, which are zero."""
    more = outputs - source.out_channels
    wide = nn.Conv2d(
        source.in_channels,
        outputs,
        source.kernel_size,  # type: ignore[arg-type]
        padding=source.padding,
    )
    assert source.bias is not None
    wide.weight = nn.Parameter(F.pad(source.weight.detach(), (0, 0, 0, 0, 0, 0, 0, more)))
    wide.bias = nn.Parameter(F.pad(source.bias.detach(), (0, more)))
    return wide


def bilinear_upsample(flow: Tensor) -> Tensor:
    """Eight times the size, bilinear with the corners in place, as torchvision's raft_small.

    On a GPU as two products of matrices: a compiler would compute the flow anew for every pixel.
    """
    if not flow.is_cuda:
        return F.interpolate(flow, scale_factor=8.0, mode="bilinear", align_corners=True) * 8
    rows, columns = (_weights(side, flow) for side in flow.shape[2:])
    return rows @ (flow * 8) @ columns.t()


def _weights(cells: int, like: Tensor) -> Tensor:
    """[8*cells,cells] how much of each cell is in each pixel."""
    pixel, cell = (
        torch.arange(n, device=like.device, dtype=like.dtype) for n in (8 * cells, cells)
    )
    place = pixel * ((cells - 1) / (8 * cells - 1))
    return (1 - (place[:, None] - cell).abs()).clamp(min=0)


def convex_upsample(flow: Tensor, weights: Tensor) -> Tensor:
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
