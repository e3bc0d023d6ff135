"""The images on which engines are compared with the reference."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from .network import Network


def probe(network: Network, size: int, max_batch: int = 2) -> Tensor:
    """Return fixed images [N,3,S,S], RGB in 0..1, on the CPU.

    S is `size` rounded down to the network's stride, or its height and width where they are fixed.
    N is 2, or what the network needs, but at most `max_batch`. The pictures are those of
    `network.example`, or smooth noise.
    """
    side = max(network.least, size // network.stride * network.stride)
    height, width = network.fixed or (side, side)
    images = min(max(2, network.min_batch), max_batch)
    return (network.example or smooth_noise)((images, 3, height, width))


def smooth_noise(shape: Sequence[int]) -> Tensor:
    """Return fixed noise in 0..1, smooth along the last two of four axes.

    Real pictures are smooth, and white noise excites nothing in a network for them.
    """
    images, channels, height, width = shape
    random = torch.Generator().manual_seed(0)
    noise = torch.rand(images, channels, height // 8, width // 8, generator=random)
    return interpolate(noise, size=(height, width), mode="bicubic").clamp(0, 1)
