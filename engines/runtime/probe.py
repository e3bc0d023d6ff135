"""What engines are compared with their reference on."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from .network import Network

# Two people of the shipped clip, see NOTICE.
_PICTURE = Path(__file__).parent / "probe.jpg"


def probe(network: Network, size: int, max_batch: int = 2) -> Tensor:
    """[N,3,S,S] RGB 0..1: fixed smooth noise, and people for networks that see people.

    Real pictures are smooth, and white noise excites nothing. N is 2, or what the network needs,
    but at most `max_batch`; H,W of the network where that is fixed.
    """
    side = max(network.least, size // network.stride * network.stride)
    high, wide = network.fixed or (side, side)
    images = min(max(2, network.min_batch), max_batch)
    random = torch.Generator().manual_seed(0)
    noise = torch.rand(images, 3, high // 8, wide // 8, generator=random)
    noise = interpolate(noise, size=(high, wide), mode="bicubic").clamp(0, 1)
    if network.sees_people:
        picture = torch.from_numpy(np.asarray(Image.open(_PICTURE).convert("RGB")).copy())
        people = picture.movedim(-1, 0)[None] / 255
        noise[-1:] = interpolate(people, size=(high, wide), mode="bilinear", antialias=True)
    return noise
