"""Keep colours: undo the shifts and the flicker of networks that were trained adversarially."""

import torch
import torch.nn.functional as F
from torch import Tensor

SIGMA = 4.0  # px of the source: what is coarser than about 25 px is the source's


def locked(upscaled: Tensor, source: Tensor, scale: int) -> Tensor:
    """Return `upscaled` [N,3,H*scale,W*scale] with the low frequencies of `source` [N,3,H,W].

    Details stay as they are: what is added is smooth.
    """
    shrunk = F.avg_pool2d(upscaled, scale) if scale > 1 else upscaled
    apart = _blurred(source - shrunk)
    if scale > 1:
        apart = F.interpolate(apart, upscaled.shape[2:], mode="bilinear")
    return upscaled + apart


def flicker(frames: Tensor, sigma: float = 0.0) -> float:
    """Return how much the frames [F,3,H,W] 0..1 of a still picture change, in levels of 255: the
    mean difference of each to the next.

    sigma: look at what is coarser than this only, px; 0: at everything
    """
    seen = _blurred(frames, sigma) if sigma else frames
    return float((seen[1:] - seen[:-1]).abs().mean()) * 255


def _blurred(images: Tensor, sigma: float = SIGMA) -> Tensor:
    """Blur images [N,C,H,W] by a Gaussian; the edges are repeated."""
    reach = round(3 * sigma)
    at = torch.arange(-reach, reach + 1, device=images.device, dtype=images.dtype)
    bell = (-(at / sigma).square() / 2).exp()
    bell /= bell.sum()
    channels = images.shape[1]
    across = bell.expand(channels, 1, 1, -1)
    down = bell[:, None].expand(channels, 1, -1, 1)
    padded = F.pad(images, (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, across, groups=channels), down, groups=channels)
