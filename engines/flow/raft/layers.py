"""RAFT's layers as they are run: torchvision's, taken apart and put together for speed.

Every layer computes what torchvision's does. Differences are in what is computed once instead of in
every update (all that depends on the context only), and in widths: GPUs multiply matrices several
times as fast where channels are multiples of 8, better of 64.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import kernels
from .correlation import Lookup, Volume


class UpdateBlock(nn.Module):
    """One refinement of the flow: motion encoder, recurrent block, flow head.

    source: torchvision's; radius: of the look-ups
    """

    def __init__(self, source: Any, radius: int):
        super().__init__()
        motion, recurrent = source.motion_encoder, source.recurrent_block
        first = motion.convcorr1[0]
        self.lookup = Lookup(first.weight, first.bias, radius)
        self.correlation = motion.convcorr2  # the identity in raft_small
        self.flow = FlowFeatures(motion.convflow1[0])
        self.flow_second: nn.Conv2d = motion.convflow2[0]
        self.motion: nn.Conv2d = motion.conv[0]
        self.hidden_size = source.hidden_state_size
        moving = motion.out_channels
        second = recurrent.convgru2 if isinstance(recurrent.convgru2, nn.Module) else None
        self.units = nn.ModuleList(
            Unit(unit, self.hidden_size, moving)
            for unit in (recurrent.convgru1, second)
            if unit is not None
        )
        self.head = FlowHead(source.flow_head)

    def begun(self, context: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the first hidden state, and what the context adds to every update of each unit."""
        rows = context.permute(0, 2, 3, 1)  # keeps the layout, which a compiler would transpose
        hidden = rows[..., : self.hidden_size].tanh().contiguous().permute(0, 3, 1, 2)
        context = rows[..., self.hidden_size :].relu().contiguous().permute(0, 3, 1, 2)
        return hidden, [unit.fixed(context) for unit in self.units]  # type: ignore[operator]

    def forward(
        self,
        volume: Volume,
        hidden: Tensor,
        fixed: list[Tensor],
        centres: Tensor,
        flow: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Return the hidden state and the change of the flow [B,2,h,w] fp32."""
        # Biases and ReLUs follow where the next kernel reads its input.
        features, bias = _bare(self.flow_second, self.flow(flow))
        if isinstance(self.correlation, nn.Identity):
            seen = self.lookup(volume, centres, (features, bias))
        else:
            seen = self.correlation(self.lookup(volume, centres))
            seen = torch.cat([seen, (features + bias[:, None, None]).relu()], 1)
        moved, bias = _bare(self.motion, seen)
        joined = self.units[0].joined(hidden, moved, bias, flow)  # type: ignore[operator]
        for number, (unit, terms) in enumerate(zip(self.units, fixed, strict=True)):
            if number:
                joined = torch.cat([hidden, joined[:, self.hidden_size :]], 1)
            hidden = unit(hidden, joined, terms)
        return hidden, self.head(hidden)


class FlowFeatures(nn.Module):
    """A convolution of 7x7 from the flow [B,2,h,w] fp32, and a ReLU."""

    def __init__(self, conv: nn.Conv2d):
        super().__init__()
        self.conv = conv
        wide = F.pad(conv.weight.detach(), (0, 1, 0, 1)).permute(1, 2, 3, 0)
        self.register_buffer("table", wide.flatten(0, 2).contiguous(), persistent=False)

    def forward(self, flow: Tensor) -> Tensor:
        table, bias = self.table, self.conv.bias
        assert isinstance(table, Tensor)
        assert bias is not None
        if kernels.usable(flow):
            return kernels.flow_features(flow, table, bias)
        found: Tensor = self.conv(flow.to(table.dtype))
        return found.relu()


class FlowHead(nn.Module):
    """The change of the flow [B,2,h,w] fp32, from the state: two convolutions.

    source: torchvision's
    """

    def __init__(self, source: Any):
        super().__init__()
        self.first: nn.Conv2d = source.conv1
        self.second: nn.Conv2d = source.conv2
        weight = self.second.weight.detach().permute(1, 2, 3, 0).flatten(1)  # [C,18]
        self.register_buffer("table", F.pad(weight, (0, 14)).contiguous(), persistent=False)

    def forward(self, state: Tensor) -> Tensor:
        features, bias = _bare(self.first, state)
        table, more = self.table, self.second.bias
        assert isinstance(table, Tensor)
        assert more is not None
        if kernels.usable(features):
            return kernels.delta(features, bias, table, more)
        change: Tensor = self.second((features + bias[:, None, None]).relu())
        return change.float()


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
        """Return what the context adds to the gates, the first two thirds, and to the candidate."""
        terms, bias = _bare(self.context, context)
        rows = terms.permute(0, 2, 3, 1) + bias  # a compiler would lay a sum out the other way
        return rows.permute(0, 3, 1, 2)

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
    """Return one convolution with the outputs of several, of some of their input channels and
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


def _bare(conv: nn.Conv2d, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the convolution's output before its bias, and the bias."""
    assert conv.bias is not None
    return F.conv2d(images, conv.weight, None, conv.stride, conv.padding), conv.bias


def bilinear_upsample(flow: Tensor) -> Tensor:
    """Eight times the size, bilinear with the corners in place, as torchvision's raft_small.

    On a GPU as two products of matrices: a compiler would recompute the flow for every pixel.
    """
    if not flow.is_cuda:
        return F.interpolate(flow, scale_factor=8.0, mode="bilinear", align_corners=True) * 8
    rows, columns = (upsampling(side, flow) for side in flow.shape[2:])
    return rows @ (flow * 8) @ columns.t()


def upsampling(cells: int, like: Tensor) -> Tensor:
    """Return [8*cells,cells], how much of each cell is in each pixel of `bilinear_upsample`."""
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
