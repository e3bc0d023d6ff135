"""RAFT small as it is trained: a flow after every update, all of it differentiable.

The parts that inference runs (`families.raft.RAFT`) are copies in other shapes, and its GPU kernels
have no gradients. This computes the same from torchvision's own weights, which stay where they are.
As in inference, what depends on the context alone is computed once, gates are one convolution, and
channels are filled up to multiples of 64.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .correlation import LEVELS, Volume
from .layers import upsampling
from .looking import Looking

_LOOKED = 8  # what a GPU reads of a row of weights at once comes in multiples of it
_WIDTH = 64

Compile = Callable[[Callable[..., Any]], Callable[..., Any]]


class Unrolled:
    """Two batches of frames -> the flow after each update.

    source:   torchvision's raft_small, whose weights are used and receive the gradients
    compiled: makes the parts quicker, as `torch.compile` does; None: they run as they are
    """

    def __init__(self, source: nn.Module, compiled: Compile | None = None) -> None:
        compiled = compiled or (lambda part: part)
        theirs: Any = source
        self.source = theirs
        self._features = compiled(theirs.feature_encoder)
        self._context = compiled(theirs.context_encoder)
        self._updated = compiled(_updated)

    def __call__(self, first: Tensor, second: Tensor, updates: int) -> Tensor:
        """Return flows [U,B,2,H/8,W/8] fp32 in cells of 8 px, of frames [B,3,H,W] in 0..1.

        Sides are multiples of 8. Convolutions run in the precision of autocast, if it is on;
        coordinates and flow are fp32. An update does not learn through the flow that it starts
        from (section 3.3 of the paper).
        """
        kind = first.device.type
        half = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else first.dtype
        first, second = first * 2 - 1, second * 2 - 1  # what torchvision's weights expect
        both = _as_gpus_multiply(torch.cat([first, second]))
        one, two = self._features(both).chunk(2)
        context = self._context(both[: len(first)])
        with torch.autocast(kind, enabled=False):
            volume = Volume(one.to(half), two.to(half))
            return self._flows(volume, context.to(half), updates)

    def _flows(self, volume: Volume, context: Tensor, updates: int) -> Tensor:
        weights = _Weights.of(self.source.update_block, context.dtype)
        size = weights.hidden
        hidden, context = context[:, :size].tanh(), context[:, size:].relu()
        fixed = F.conv2d(context, *weights.context, padding=1)
        height, width = context.shape[2:]
        y, x = (torch.arange(n, device=context.device).float() for n in (height, width))
        grid = torch.stack([x.expand(height, width), y[:, None].expand(height, width)])[None]
        flow = context.new_zeros(len(context), 2, height, width, dtype=torch.float32)
        flow = _as_gpus_multiply(flow)
        flows = []
        look = Looking(volume, self.source.corr_block.radius, weights.tensors[0].shape[1])
        for _ in range(updates):
            flow = flow.detach()
            seen = look(grid + flow)
            hidden, change = self._updated(weights.tensors, hidden, fixed, seen, flow)
            flow = flow + change
            flows.append(flow)
        return torch.stack(flows)


class _Weights:
    """The weights of an update, in the shapes and the precision that it runs in.

    hidden:  channels of the state
    context: weight and bias of what the context adds to the gates and to the candidate
    tensors: weight and bias of each of the other convolutions, in the order of `_updated`
    """

    def __init__(self, hidden: int, context: tuple[Tensor, Tensor], tensors: tuple[Tensor, ...]):
        self.hidden = hidden
        self.context = context
        self.tensors = tensors

    @classmethod
    def of(cls, block: Any, dtype: torch.dtype) -> "_Weights":
        motion, unit, head = block.motion_encoder, block.recurrent_block.convgru1, block.flow_head
        hidden, moving = block.hidden_state_size, motion.out_channels
        look: nn.Conv2d = motion.convcorr1[0]
        side = round((look.in_channels / LEVELS) ** 0.5)
        # torchvision's offsets have x as the slower one.
        table = look.weight.reshape(-1, LEVELS, side, side).transpose(2, 3).flatten(1)
        table = F.pad(table, (0, -table.shape[1] % _LOOKED))[..., None, None]
        # torchvision's order of a unit's channels: state, context, motion
        gates = torch.cat([unit.convz.weight, unit.convr.weight])
        candidate = unit.convq.weight
        joined = torch.cat([gates, candidate])
        context = joined[:, hidden:-moving]
        biases = torch.cat([unit.convz.bias, unit.convr.bias, unit.convq.bias])
        convolutions = [
            (table, look.bias),
            (motion.convflow1[0].weight, motion.convflow1[0].bias),
            (motion.convflow2[0].weight, motion.convflow2[0].bias),
            (motion.conv[0].weight, motion.conv[0].bias),
            (_without(gates, hidden, moving), None),
            (_without(candidate, hidden, moving), None),
            (head.conv1.weight, head.conv1.bias),
            (head.conv2.weight, head.conv2.bias),
        ]
        return cls(
            hidden,
            (_as_gpus_multiply(context.to(dtype)), biases.to(dtype)),
            tuple(
                _as_gpus_multiply(v.to(dtype))
                for pair in convolutions
                for v in pair
                if v is not None
            ),
        )


def _as_gpus_multiply(values: Tensor) -> Tensor:
    """Return images or weights with their channels side by side in memory, on a GPU."""
    if not values.is_cuda or values.ndim != 4:
        return values
    return values.contiguous(memory_format=torch.channels_last)


def _without(weight: Tensor, hidden: int, moving: int) -> Tensor:
    """Return a unit's weights [C,S+D+M,3,3] without the context's, filled up with zeros."""
    kept = torch.cat([weight[:, :hidden], weight[:, -moving:]], 1)
    return F.pad(kept, (0, 0, 0, 0, 0, -kept.shape[1] % _WIDTH))


def _updated(
    weights: tuple[Tensor, ...], hidden: Tensor, fixed: Tensor, seen: Tensor, flow: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the next state [B,S,h,w] and the change of the flow [B,2,h,w] fp32.

    fixed: what the context adds, [B,3S,h,w]; seen: of `Looking`, [B,h,w,N]; flow: [B,2,h,w]
    """
    table, table_bias, first, first_bias, second, second_bias, motion, motion_bias = weights[:8]
    gate, candidate, head, head_bias, last, last_bias = weights[8:]
    size, dtype = hidden.shape[1], hidden.dtype
    seen = F.conv2d(seen.permute(0, 3, 1, 2), table, table_bias).relu()
    flowing = flow.to(dtype)
    moved = F.conv2d(flowing, first, first_bias, padding=3).relu()
    moved = F.conv2d(moved, second, second_bias, padding=1).relu()
    moved = F.conv2d(torch.cat([seen, moved], 1), motion, motion_bias, padding=1).relu()
    rest = torch.cat([moved, flowing], 1)
    rest = F.pad(rest, (0, 0, 0, 0, 0, gate.shape[1] - size - rest.shape[1]))
    gates = F.conv2d(torch.cat([hidden, rest], 1), gate, padding=1)
    gates = torch.sigmoid(gates + fixed[:, : 2 * size])
    update, reset = gates[:, :size], gates[:, size:]
    new = F.conv2d(torch.cat([reset * hidden, rest], 1), candidate, padding=1)
    hidden = torch.lerp(hidden, torch.tanh(new + fixed[:, 2 * size :]), update)
    change = F.conv2d(hidden, head, head_bias, padding=1).relu()
    return hidden, F.conv2d(change, last, last_bias, padding=1).float()


def upsampled(flows: Tensor) -> Tensor:
    """Return flows [...,2,h,w] in cells as [...,2,8h,8w] in px, as torchvision's raft_small does:
    bilinear with the corners in place."""
    rows, columns = (upsampling(side, flows) for side in flows.shape[-2:])
    return rows @ (flows * 8) @ columns.t()
