"""RAFT's two encoders, of the features that are compared and of the context, run together.

They run in torch everywhere; those of raft_small run on our own GPU kernels where possible.
"""

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from . import kernels

_LEAST = 16  # rows and columns of the smallest product of a GPU's matrix units


class InstanceNorm(nn.Module):
    """nn.InstanceNorm2d without weights, for channels-last images; sums are fp32."""

    def __init__(self, eps: float):
        super().__init__()
        self.eps = eps

    def forward(self, images: Tensor) -> Tensor:
        exact = images.float()
        variance, mean = torch.var_mean(exact, (2, 3), correction=0, keepdim=True)
        return ((exact - mean) * torch.rsqrt(variance + self.eps)).to(images.dtype)


class Encoders(nn.Module):
    """images [F,3,H,W] in 0..1 -> features [F,C,H/8,W/8] and contexts [F,D,H/8,W/8].

    features, context: torchvision's encoders
    """

    def __init__(self, features: nn.Module, context: nn.Module):
        super().__init__()
        self.features = _prepared(features)
        self.context = _prepared(context)
        self.kernels = _Bottlenecks.of(self.features, self.context)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        if self.kernels is not None and kernels.usable(images):
            features, contexts = self.kernels(images)
        else:
            scaled = images * 2 - 1  # what the weights were trained on
            features, contexts = self.features(scaled), self.context(scaled)
        return features, contexts


def _prepared(source: nn.Module) -> nn.Module:
    """Return a copy of an encoder with batch norms folded into the convolutions before them."""
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


class _Bottlenecks(nn.Module):
    """Both encoders of raft_small, from kernels.

    The output of a layer is stored before its normalisation, which is a scale and a shift of each
    channel and then a ReLU. They follow from the sums over each image in the features' encoder,
    and from the convolution's bias in the context's.
    """

    def __init__(self, features: Any, context: Any):
        super().__init__()
        firsts = [features.convnormrelu, context.convnormrelu]
        # Pixels are 0..1 instead of -1..1: twice the weight, and less bias.
        weight = torch.cat([2 * first[0].weight.detach() for first in firsts])
        table = F.pad(weight.permute(2, 3, 1, 0), (0, 0, 0, 1, 0, 1))  # [7,8,4,2C]
        self.register_buffer("table", table.flatten(0, 2).contiguous(), persistent=False)
        self.stem_norm = _Norm(firsts[0], firsts[0][0].bias.detach())
        conv = firsts[1][0]
        self.context_norm = _Norm(
            firsts[1], conv.bias.detach() - conv.weight.detach().sum((1, 2, 3))
        )
        self.features = _Encoder(features)
        self.context = _Encoder(context)

    @staticmethod
    def of(features: Any, context: Any) -> "_Bottlenecks | None":
        """Return both encoders for the kernels; None for encoders with other blocks."""
        block = features.layer1[0]
        return _Bottlenecks(features, context) if hasattr(block, "convnormrelu3") else None

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        table = self.table
        assert isinstance(table, Tensor)
        first, second, sums = kernels.stem(images, table)
        features = self.features(first, self.stem_norm(first, sums))
        return features, self.context(second, self.context_norm(second, sums))


class _Norm(nn.Module):
    """Return scale and shift of each channel: [F,2,C] from an image's sums, or [2,C] for all."""

    def __init__(self, layer: nn.Sequential, bias: Tensor):
        super().__init__()
        norm = layer[1] if len(layer) > 1 else None
        self.eps = norm.eps if isinstance(norm, InstanceNorm) else None
        both = torch.stack([torch.ones_like(bias), bias])
        self.register_buffer("scales", both, persistent=False)

    def forward(self, images: Tensor, sums: Tensor) -> Tensor:
        if self.eps is not None:
            return kernels.affine(images, sums, self.eps)
        assert isinstance(self.scales, Tensor)
        return self.scales


class _Layer(nn.Module):
    """A convolution of 1x1 or 3x3 and the normalisation that follows; the bias is part of that."""

    def __init__(self, layer: nn.Sequential):
        super().__init__()
        conv: Any = layer[0]
        self.outputs: int = conv.out_channels
        self.stride: int = conv.stride[0]
        self.norm = _Norm(layer, conv.bias.detach())
        self.register_buffer("table", _table(conv), persistent=False)

    def mix(
        self,
        source: Tensor,
        scales: Tensor | None,
        skip: tuple[Tensor, Tensor | None] | None = None,
        *,
        keep: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return its output, the scales, and the input of the product if that is kept."""
        assert isinstance(self.table, Tensor)
        found, kept, sums = kernels.mix(
            source,
            scales,
            skip,
            self.table,
            None,
            self.outputs,
            stride=self.stride,
            keep=keep,
            sums=self.norm.eps is not None,
        )
        return found, self.norm(found, sums), kept

    def spread(self, source: Tensor, scales: Tensor) -> tuple[Tensor, Tensor]:
        assert isinstance(self.table, Tensor)
        sums = self.norm.eps is not None
        found, sum_of = kernels.spread(source, scales, self.table, self.outputs, self.stride, sums)
        return found, self.norm(found, sum_of)


class _Block(nn.Module):
    """torchvision's bottleneck: 1x1, 3x3, 1x1, and its input beside them."""

    def __init__(self, source: Any):
        super().__init__()
        self.layers = nn.ModuleList(
            _Layer(layer)
            for layer in (source.convnormrelu1, source.convnormrelu2, source.convnormrelu3)
        )
        plain = isinstance(source.downsample, nn.Identity)
        self.beside = None if plain else _Layer(source.downsample)

    def forward(
        self, source: Tensor, scales: Tensor, skip: tuple[Tensor, Tensor | None] | None
    ) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor | None]]:
        first, second, third = self.layers
        found, scales, kept = first.mix(source, scales, skip, keep=True)  # type: ignore[operator]
        found, scales = second.spread(found, scales)  # type: ignore[operator]
        found, scales, _ = third.mix(found, scales)  # type: ignore[operator]
        if self.beside is None:
            return found, scales, (kept, None)
        beside, beside_scales, _ = self.beside.mix(kept, None)
        return found, scales, (beside, beside_scales)


class _Encoder(nn.Module):
    def __init__(self, source: Any):
        super().__init__()
        layers = (source.layer1, source.layer2, source.layer3)
        self.blocks = nn.ModuleList(_Block(block) for layer in layers for block in layer)
        self.outputs: int = source.conv.out_channels
        self.register_buffer("table", _table(source.conv), persistent=False)
        self.register_buffer("bias", source.conv.bias.detach().clone(), persistent=False)

    def forward(self, source: Tensor, scales: Tensor) -> Tensor:
        skip: tuple[Tensor, Tensor | None] | None = None
        for block in self.blocks:
            source, scales, skip = block(source, scales, skip)
        table, bias = self.table, self.bias
        assert isinstance(table, Tensor)
        assert isinstance(bias, Tensor)
        found, _, _ = kernels.mix(source, scales, skip, table, bias, self.outputs)
        return found


def _table(conv: nn.Conv2d) -> Tensor:
    """Return the weights, filled with zeros up to powers of two: [C,D] of a convolution of 1x1;
    of 3x3, lines of four cells, [3*4*C,D]."""
    weight = conv.weight.detach().permute(2, 3, 1, 0)  # [k,k,C,D]
    high, wide, inputs, outputs = weight.shape
    least = _LEAST if high == 1 else 1
    rows, columns = _power(inputs, least), _power(outputs, _LEAST)
    cells = 0 if wide == 1 else 4 - wide
    padded = F.pad(weight, (0, columns - outputs, 0, rows - inputs, 0, cells))
    return padded.flatten(0, 2).contiguous()


def _power(count: int, least: int) -> int:
    return max(least, 1 << (count - 1).bit_length())
