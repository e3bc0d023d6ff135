"""The inputs on which engines are compared with the reference."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from .network import Network
from .tensor_spec import TensorSpec


def probe(network: Network, size: int, max_batch: int = 2) -> dict[str, Tensor]:
    """Return fixed inputs for a network, on the CPU, whose images are `size` square.

    Height and width are rounded down to the network's stride, or are its own where they are fixed.
    The batch is 2, or what the network needs, but at most `max_batch`.
    """
    side = max(network.least, size // network.stride * network.stride)
    height, width = network.fixed or (side, side)
    images = min(max(2, network.min_batch), max_batch)
    return examples(network, images, height, width)


def examples(network: Network, batch: int, height: int, width: int) -> dict[str, Tensor]:
    """Return realistic inputs, on the CPU, of a batch and a size of images that a network takes."""
    sizes = network.axes(batch, height, width, largest=False)
    return {spec.name: _example(spec, sizes) for spec in network.inputs}


def _example(spec: TensorSpec, sizes: dict[str, int]) -> Tensor:
    if spec.example is not None:
        value = spec.example(spec.shape(sizes))
    elif spec.default is not None:
        value = spec.filled(sizes, torch.device("cpu"))
    else:
        value = smooth_noise(spec.shape(sizes))
    return value.to(spec.outer_dtype)


def smooth_noise(shape: Sequence[int]) -> Tensor:
    """Return fixed noise in 0..1, smooth along the last two of four axes.

    Real pictures are smooth, and white noise excites nothing in a network for them.
    """
    random = torch.Generator().manual_seed(0)
    if len(shape) != 4 or min(shape[2:]) < 8:
        return torch.rand(*shape, generator=random)
    images, channels, height, width = shape
    noise = torch.rand(images, channels, height // 8, width // 8, generator=random)
    return interpolate(noise, size=(height, width), mode="bicubic").clamp(0, 1)
